import type { Box } from "./box.ts";
import type { Fate } from "./marked-daemon.ts";
import type { Tally } from "./tally.ts";
import type { Timeline } from "./timeline.ts";
import type { Violation } from "./violation.ts";

/** What everybody in a world has in common. */
export interface Surroundings {
  /** Path of the release executable. */
  nymvisor: string;
  /** Of every process that is started in this world. */
  env: Record<string, string>;
  box: Box;
  timeline: Timeline;
  tally: Tally;
  /** Whether nymvisor starts a daemon that was killed again, or ends with it. */
  restartOnFailure: boolean;
  /** Whether nymvisor asks new versions how they are. */
  asksForHealth: boolean;
  fateOf(version: string): Fate;
  /** Ends the world. */
  fail(violation: Violation): void;
  /** Aborted when the world is over: nothing may be started in it any more. */
  over: AbortSignal;
}
