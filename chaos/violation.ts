/** What must hold whatever is done to a node; the words that a report says of each. */
export const INVARIANTS = {
  "one-daemon": "never more than one daemon works on a home",
  "whole-current": "`current` always leads to a whole, executable binary that was served or added",
  verified: "nothing with a wrong checksum is ever executed",
  documents: "every document can be read at every instant",
  "once-each": "an announced upgrade is pending, done once, or refused with a reason",
  recovery: "after whatever happened a daemon runs, and all agree on which",
  backups: "each home was backed up, whole, before the new version first ran on it",
  "own-data": "no version runs on what another one has made of a home, but one that was upgraded to from it",
  "bad-bytes": "what did not prove itself is not tried again by itself",
  kept: "what a version had made of a home that was gone back from is kept, whole",
  private: "backups are readable by their owner only",
  tidy: "a clean start and stop leaves nothing behind",
  conduct: "nymvisor ends when it is told to, and for no other reason",
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** An invariant was found broken: a mistake of nymvisor's, or of the one who looks for them. */
export class Violation extends Error {
  override name = "Violation";

  constructor(
    readonly invariant: Invariant,
    readonly what: string,
  ) {
    super(`${INVARIANTS[invariant]}: ${what}`);
  }
}
