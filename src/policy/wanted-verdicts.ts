import type { Verdict } from "../model/releases.ts";
import type { QueuedUpgrade } from "./run-state.ts";

/**
 * Verdicts on the releases of a list, where people's own entries of the plan count: what they have given a time is
 * performed then, whatever the policy would do with it.
 */
export function withWantedEntries(verdicts: readonly Verdict[], queue: readonly QueuedUpgrade[]): Verdict[] {
  return verdicts.map((verdict): Verdict => {
    const entry = queue.find(({ name, objection, anyTime }) => name === verdict.name && objection === null && anyTime);
    if (entry === undefined) return verdict;
    return { ...verdict, state: "chosen", why: "it is queued, at the time that a person wants", at: entry.due };
  });
}
