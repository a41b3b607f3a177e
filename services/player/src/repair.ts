import type { AudioStore } from "./audio-store.ts";
import type { ObjectStore } from "./storage/object-store.ts";

export interface RepairDeps {
  readonly audio: Pick<AudioStore, "objectIds" | "orphans" | "remake">;
  readonly objects: Pick<ObjectStore, "check" | "ids">;
  /** Says what is wrong and what is done about it, a line each. */
  readonly print: (line: string) => void;
  /** Looks, and changes nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

export interface RepairSummary {
  readonly whole: number;
  readonly damaged: number;
  readonly missing: number;
  readonly orphans: number;
}

/**
 * Reads every object that a rendition is made of and has those made again that are damaged or missing, by
 * the players that run; deletes objects that nothing refers to. Players may go on meanwhile.
 */
export async function repair({ audio, objects, print, dryRun, signal }: RepairDeps): Promise<RepairSummary> {
  const counts = { whole: 0, damaged: 0, missing: 0 };
  for (const id of await audio.objectIds()) {
    signal.throwIfAborted();
    const state = await objects.check(id);
    counts[state] += 1;
    if (state === "whole") continue;
    print(`${id} is ${state}: ${dryRun ? "it would be made again" : "it is queued to be made again"}`);
    if (!dryRun) await audio.remake(id);
  }
  // Listed after the rows were read: what has come since then is no orphan, which the database decides.
  const ids = [...new Set(await Array.fromAsync(objects.ids()))];
  const orphans = await audio.orphans(ids, { remove: !dryRun });
  for (const id of orphans)
    print(`${id} belongs to no track: ${dryRun ? "it would be deleted" : "it is deleted"}`);
  return { ...counts, orphans: orphans.length };
}
