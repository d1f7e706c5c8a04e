import { type Invariant, Violation } from "./violation.ts";

/** What nymvisor's log tells of the attacks: which of them really struck, and what must never stand there. */

/** Words of lines that are counted, by what a report calls them. */
const COUNTED = {
  "orphans stopped": "that an earlier nymvisor left",
  "killed after their grace period": "did not stop in",
  "upgrades undone": "is undone and will be tried again",
  "upgrades finished afterwards": "is finished now",
  "homes brought forward": "brought from",
  "turns waited for": " is being upgraded",
  "refused for want of room": /ENOSPC|no room for the backup/,
  "homes archived while they were stopped": "backing up before",
  "archives tried again": "could not be archived",
  "downloads resumed": "the download of",
  "polls without an answer": "no answer about releases",
  "stagings failed": "could not be staged",
  "releases refused": "is refused:",
  "versions that proved themselves": "has proven itself",
  "versions that did not": "did not prove itself",
  "versions that stayed all the same": "stays although",
  "ways back begun": "going back from",
  "ways back finished afterwards": /an interrupted way back from .* was finished/,
  "ways back undone": /an interrupted way back from .* was undone/,
  "ways back that failed": "could not be taken",
  "ways back refused": "that was ordered cannot be taken",
} as const satisfies Record<string, string | RegExp>;

export type Trace = keyof typeof COUNTED;

const FORBIDDEN: readonly { words: string; invariant: Invariant; what: string }[] = [
  { words: "nymvisor itself:", invariant: "conduct", what: "nymvisor made a mistake of its own" },
  { words: "though the daemon had stopped", invariant: "backups", what: "the home changed while it was backed up" },
];

export type TraceCounts = Partial<Record<Trace, number>>;

/** Counts what the line tells. @throws {Violation} if it tells of what must never be. */
export function readTraces(line: string, counts: TraceCounts): void {
  for (const { words, invariant, what } of FORBIDDEN) {
    if (line.includes(words)) throw new Violation(invariant, `${what}: ${line}`);
  }
  for (const [trace, words] of Object.entries(COUNTED) as [Trace, string | RegExp][]) {
    if (typeof words === "string" ? !line.includes(words) : !words.test(line)) continue;
    counts[trace] = (counts[trace] ?? 0) + 1;
  }
}
