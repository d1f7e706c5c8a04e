import type { Instant } from "../model/instant.ts";

/** The binary of an upgrade that lies in `upgrades/`. */
export interface KeptBinary {
  name: string;
  /** When it was last switched to, or, if it never was, when it came. */
  since: Instant;
}

/**
 * Whose binaries may go: all but the `keep` newest of those that nothing names. Genesis is no upgrade, and is never asked
 * about.
 * @param needed names that `current`, the plan, another node's home or a way back may call for.
 */
export function binariesToPrune(
  binaries: readonly KeptBinary[],
  keep: number,
  needed: ReadonlySet<string>,
): KeptBinary[] {
  const free = binaries.filter(({ name }) => !needed.has(name));
  const newestFirst = free.toSorted((a, b) => (a.since < b.since ? 1 : a.since > b.since ? -1 : 0));
  return newestFirst.slice(keep).reverse();
}
