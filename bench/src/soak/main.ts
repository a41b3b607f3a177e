import { median } from "../report.ts";
import { megabytes, soak } from "./soak.ts";

/** Fifteen minutes of it, or as many as the first argument says. Exits with 1 where a call failed or memory grew. */
const minutes = Number(process.argv[2] ?? 15);
if (!(minutes > 0 && minutes <= 1_440)) {
  console.error(
    `soak: minutes must be a number from above 0 to 1440 (was ${JSON.stringify(process.argv[2])})`,
  );
  process.exit(64);
}
const seed = Math.floor(Math.random() * 2 ** 31);
console.error(`soak: ${minutes} minutes, seed ${seed}`);
const { offered, failed, faults, rssBytes } = await soak({
  durationMs: minutes * 60_000,
  seed,
  say: (text) => console.error(text),
});

// The first third is left to the heap to find its size.
const third = Math.ceil(rssBytes.length / 3);
const middle = megabytes(median(rssBytes.slice(third, 2 * third)));
const end = megabytes(median(rssBytes.slice(-third)));
const isFlat = end <= middle * 1.1 + 5;
console.log(JSON.stringify({ minutes, seed, offered, failed, faults, rss_mb: { middle, end }, isFlat }));
process.exit(failed === 0 && isFlat ? 0 : 1);
