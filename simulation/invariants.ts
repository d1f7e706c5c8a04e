/** What must hold in every world; the numbers are those of a violation's report. */
export const INVARIANTS = {
  "one-daemon": "at most one daemon lives on a home",
  "whole-current": "`current` always leads to a whole, verified binary",
  "verified-first": "nothing is executed before it was verified",
  "whole-documents": "a document is the old or the new one, whole",
  "never-lost": "what was queued is pending, done once, or refused; never lost, never done twice",
  recovers: "once faults cease every daemon runs what `current` and its record say, and all that is due is done",
  "ready-before-stop": "a daemon is stopped for an upgrade only if that is staged, verified, and has room",
  "locked-writes": "shared documents are written under upgrade.lock only",
  "backed-up": "a home was saved as its old version left it before a new version first runs on it",
  "one-at-a-time": "never are two nodes stopped for an upgrade at once",
  "journal-first": "`current` is moved by a node only with a journal that says so",
  "no-downgrade": "nothing older is put in place of what runs unless a person asks for it",
  stops: "asked to stop, nymvisor stops its daemon and ends",
  "no-mistakes": "nymvisor makes no mistake of which it would say that it is its own",
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  invariant: Invariant;
  what: string;
}
