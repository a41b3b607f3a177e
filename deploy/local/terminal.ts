/** What the terminal is told. On a terminal the bar stays on the last line; elsewhere it is printed in tenths. */
export interface Terminal {
  line(text: string): void;
  /** Draws or moves the bar. `note` says what is worked on. */
  bar(label: string, done: number, total: number, note?: string): void;
  /** Leaves the bar as it is and goes on below it. */
  endBar(): void;
}

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const clearLine = "\r\x1b[2K";

export function terminal(output: Output): Terminal {
  let current = "";
  let printed = "";
  const draw = () => {
    if (current !== "") output.write(`${clearLine}${current.slice(0, (output.columns ?? 80) - 1)}`);
  };
  return {
    line(text) {
      if (output.isTTY === true && current !== "") output.write(clearLine);
      output.write(`${text}\n`);
      if (output.isTTY === true) draw();
    },
    bar(label, done, total, note = "") {
      current = renderBar(label, done, total, note);
      if (output.isTTY === true) return draw();
      const tenth = `${label} ${Math.floor((10 * done) / Math.max(1, total))}`;
      if (tenth !== printed) output.write(`${current.trimEnd()}\n`);
      printed = tenth;
    },
    endBar() {
      if (output.isTTY === true && current !== "") output.write("\n");
      current = "";
    },
  };
}

/** `  Importing  [#########-----------]  9/20  Nebula.ogg` */
export function renderBar(label: string, done: number, total: number, note = ""): string {
  const width = 24;
  const filled = total === 0 ? width : Math.round((width * Math.min(done, total)) / total);
  const count = `${String(done).padStart(String(total).length)}/${total}`;
  return `  ${label.padEnd(10)} [${"#".repeat(filled)}${"-".repeat(width - filled)}] ${count}  ${note}`;
}
