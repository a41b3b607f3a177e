import { spawn } from "node:child_process";
import type { Writable } from "node:stream";

/**
 * Reads "add PID SIGNAL" and "del PID" lines. When its input ends, because whoever wrote it is gone
 * (by SIGKILL, too), it signals the process groups that are left, and kills them five seconds later.
 */
const script = `
trap '' INT TERM HUP
left=
while read -r op pid signal; do
  case $op in
    add) left="$left $pid:$signal" ;;
    del) kept=; for each in $left; do case $each in "$pid":*) ;; *) kept="$kept $each" ;; esac; done; left=$kept ;;
  esac
done
[ -n "$left" ] || exit 0
for each in $left; do kill -s "\${each#*:}" -- "-\${each%:*}"; done
for wait in 1 2 3 4 5; do
  sleep 1
  alive=; for each in $left; do kill -0 -- "-\${each%:*}" && alive="$alive $each"; done
  left=$alive
  [ -n "$left" ] || exit 0
done
for each in $left; do kill -s KILL -- "-\${each%:*}"; done
`;

let input: Writable | undefined;

function guard(): Writable {
  if (input === undefined) {
    const child = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    child.unref();
    child.on("error", () => {});
    child.stdin.on("error", () => {});
    input = child.stdin;
  }
  return input;
}

/**
 * From here on the process group `pid` does not outlive this process, however it ends. One small
 * shell guards them all, which works wherever there is a POSIX shell, unlike PR_SET_PDEATHSIG.
 */
export function guardProcess(pid: number, signal: NodeJS.Signals): void {
  guard().write(`add ${pid} ${signal.replace(/^SIG/, "")}\n`);
}

/** The process group is gone, its number may belong to another soon. */
export function unguardProcess(pid: number): void {
  guard().write(`del ${pid}\n`);
}
