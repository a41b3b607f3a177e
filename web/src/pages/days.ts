/** What happened on one day. */
export interface Day<T> {
  readonly key: string;
  /** "Today", "Yesterday", "Tuesday 24 November". */
  readonly name: string;
  readonly values: readonly T[];
}

const DAY_MS = 86_400_000;

/** Values in their order, parted by the days that they happened on, where the reader is. */
export function daysOf<T>(values: readonly T[], dateOf: (value: T) => Date, now: Date): Day<T>[] {
  const days: { key: string; name: string; values: T[] }[] = [];
  for (const value of values) {
    const date = dateOf(value);
    const key = date.toDateString();
    if (days.at(-1)?.key !== key) days.push({ key, name: nameOf(date, now), values: [] });
    days.at(-1)?.values.push(value);
  }
  return days;
}

function nameOf(date: Date, now: Date): string {
  if (date.toDateString() === now.toDateString()) return "Today";
  if (date.toDateString() === new Date(now.getTime() - DAY_MS).toDateString()) return "Yesterday";
  const isThisYear = date.getFullYear() === now.getFullYear();
  const parts = new Intl.DateTimeFormat("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(!isThisYear && { year: "numeric" }),
  }).formatToParts(date);
  // Whether a comma follows the weekday is up to the browser's edition of the language.
  return parts.map(({ type, value }) => (type === "literal" ? " " : value)).join("");
}
