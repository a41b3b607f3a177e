import { fuzz } from "./fuzz.ts";

/** `make fuzz`: minutes, by default 10, and to repeat a failure the seed and path that it printed. */
const [minutes = "10", seed, path] = process.argv.slice(2);
const forMs = Number(minutes) * 60_000;
if (!(forMs > 0)) {
  console.error(`fuzz: minutes: must be a number above 0 (was ${JSON.stringify(minutes)})`);
  process.exit(64);
}
const attacks = await fuzz({ forMs, seed: seed === undefined ? undefined : Number(seed), path });
console.log(`the gateway stood ${attacks} attacks in ${minutes} minutes`);
