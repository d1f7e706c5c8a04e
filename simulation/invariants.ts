/** What must hold in every world. `promise`: the number of what CONTRIBUTING.md says must stay true; null: more than that. */
export const INVARIANTS = {
  "one-daemon": { promise: 1, says: "at most one daemon lives on a home" },
  "whole-current": { promise: 2, says: "`current` always leads to a whole, verified binary" },
  "verified-first": { promise: 3, says: "nothing is executed before it was verified" },
  "whole-documents": { promise: 4, says: "a document is the old or the new one, whole" },
  "never-lost": {
    promise: 5,
    says: "what was announced is pending, done once, or refused for a reason that can be read; never lost, never done twice",
  },
  recovers: {
    promise: 6,
    says: "once faults cease every daemon runs what `current` and its record say, and all that is due is done",
  },
  "ready-before-stop": {
    promise: 7,
    says: "a daemon is stopped for an upgrade only if that is staged, verified, and has room",
  },
  "locked-writes": { promise: 8, says: "shared documents are read and written under upgrade.lock" },
  "own-paths": { promise: 9, says: "nothing from upstream chooses a path, an argument or a variable" },
  "private-backups": {
    promise: 10,
    says: "backups are their owner's alone: folders 0700, files 0600, whatever the umask",
  },
  "backed-up": {
    promise: null,
    says: "from the move of `current` on there is a whole, durable backup of the home as its old version left it, at every moment",
  },
  "never-on-newer": {
    promise: null,
    says: "no version is started by itself on a home that a newer one has migrated",
  },
  "put-back": {
    promise: null,
    says: "nothing is started on half a home, and a home that is put back is what it was at the stop, byte for byte",
  },
  verdicts: {
    promise: null,
    says: "each switch gets one verdict: passed only what was seen well, and failed only what was not",
  },
  "bad-bytes": {
    promise: null,
    says: "bytes that have failed are not tried again by themselves, whatever they are called",
  },
  "one-proves-first": { promise: null, says: "no other node moves to a version while one has it on probation" },
  kept: {
    promise: null,
    says: "what a way back needs is there until the verdict, and what it puts aside until two versions have passed since",
  },
  "one-at-a-time": { promise: null, says: "never are two nodes stopped for an upgrade at once" },
  "journal-first": { promise: null, says: "`current` is moved by a node only with a durable journal that says so" },
  "no-downgrade": { promise: null, says: "nothing older is put in place of what runs unless a person asks for it" },
  stops: { promise: null, says: "asked to stop, nymvisor stops its daemon and ends" },
  "no-mistakes": { promise: null, says: "nymvisor makes no mistake of which it would say that it is its own" },
} as const satisfies Record<string, { promise: number | null; says: string }>;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  invariant: Invariant;
  what: string;
}
