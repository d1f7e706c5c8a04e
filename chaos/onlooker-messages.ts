import type { NodePlaces, SharedPlaces } from "./disk.ts";
import type { Invariant } from "./violation.ts";

/** What an onlooker, a process of its own, is told and tells. */

export interface OnlookerTask {
  shared: SharedPlaces;
  nodes: readonly NodePlaces[];
}

export type OnlookerMessage =
  /** It has looked for the first time. */
  | { type: "ready" }
  /** A binary that `current` led to, the first time. */
  | { type: "current-seen"; target: string; digest: string }
  /** A name that stood in the plan, the first time. */
  | { type: "taken"; name: string }
  | { type: "violation"; invariant: Invariant; what: string }
  | ({ type: "tally" } & Tally);

export interface Tally {
  /** How often everything was looked at. */
  looks: number;
  /** How often what `current` led to was run. */
  executions: number;
}
