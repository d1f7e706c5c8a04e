import type { Random } from "./random.ts";

/** How a simulated version fares; moments are in seconds after its process has started. */
export type Health =
  | { is: "well" }
  /** Ends with `code`, at so many of its starts on a home, from the `first` one on; `times` null: at all of them. */
  | { is: "mortal"; after: number; code: number; first: number; times: number | null }
  /** Lives, and does not do its work in between; `until` null: for ever. */
  | { is: "unwell"; from: number; until: number | null }
  /** Well and unwell by turns. */
  | { is: "flapping"; every: number };

const WELL: Health = { is: "well" };

/** Those that are sick in some way, for good or for a time. */
export function drawHealth(random: Random): Health {
  if (!random.chance(0.45)) return WELL;
  const after = random.pick([0.001, 0.05, 2, 15, 40, 200]);
  switch (random.int(0, 7)) {
    case 0:
    case 1:
      return { is: "mortal", after, code: random.pick([1, 101, 137]), first: 1, times: null };
    case 2:
      return { is: "mortal", after: Math.min(after, 5), code: random.pick([1, 0]), first: 1, times: random.int(1, 3) };
    case 3:
      return { is: "mortal", after, code: 0, first: 1, times: null };
    case 4:
      return { is: "unwell", from: 0, until: null };
    case 5:
      return { is: "unwell", from: 0, until: random.pick([3, 10, 25]) };
    case 6:
      return { is: "unwell", from: random.pick([5, 15, 30]), until: null };
    default:
      return { is: "flapping", every: random.pick([4, 9, 25]) };
  }
}

/** A version that ran well, until something else had run on its home: it fails for a while when it is put back. */
export function drawOldHealth(random: Random): Health {
  if (!random.chance(0.2)) return WELL;
  return { is: "mortal", after: random.pick([0.01, 1, 20]), code: 1, first: random.int(2, 4), times: random.int(1, 6) };
}

/** When it ends by itself, in seconds, and how; undefined: not by itself. @param start which start on its home it is, from 1. */
export function endOf(health: Health, start: number): { after: number; code: number } | undefined {
  if (health.is !== "mortal" || start < health.first) return undefined;
  return health.times !== null && start >= health.first + health.times ? undefined : health;
}

/** Whether it does its work so long after its start. */
export function isWellAt(health: Health, seconds: number): boolean {
  if (health.is === "unwell") return seconds < health.from || (health.until !== null && seconds >= health.until);
  return health.is !== "flapping" || Math.floor(seconds / health.every) % 2 === 0;
}

/** Whether it is sick for good, however often it is started. */
export function isSickForGood(health: Health | undefined): boolean {
  if (health === undefined) return false;
  if (health.is === "mortal") return health.times === null;
  return health.is === "flapping" || (health.is === "unwell" && health.until === null);
}
