import type { DaemonEvent } from "./marked-daemon.ts";
import type { NymvisorRun } from "./nymvisor-run.ts";

/** Why the time of a recovery is not measured. */
export type LeftOut = "something stood still" | "the disk was full" | "it ended before" | "the orphan's end is unknown";

/**
 * Milliseconds from the start of `run` to that of its daemon, less what it had to wait for a daemon that an earlier one had
 * left; or why it cannot be told.
 */
export function recoveryTime(run: NymvisorRun, events: readonly DaemonEvent[]): number | LeftOut {
  const started = events.find(
    (event) => event.event === "started" && event.parent === run.pid && event.at >= run.startedAtWall,
  );
  if (started === undefined) return "it ended before";
  let waited = 0;
  for (const { at, line } of run.log) {
    const orphan = /earlier nymvisor left \(pid (\d+)\)/.exec(line)?.[1];
    if (orphan === undefined) continue;
    const end = endOf(Number(orphan), at, run, events);
    if (end === undefined) return "the orphan's end is unknown";
    waited += Math.max(0, end - at);
  }
  return Math.max(0, started.at - run.startedAtWall - waited);
}

function endOf(pid: number, after: number, run: NymvisorRun, events: readonly DaemonEvent[]): number | undefined {
  const exiting = events.findLast((event) => event.event === "exiting" && event.pid === pid);
  if (exiting !== undefined) return exiting.at;
  return run.log.find(({ at, line }) => at >= after && line.includes(`(pid ${pid}) did not stop`))?.at;
}
