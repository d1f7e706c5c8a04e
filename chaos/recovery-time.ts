import type { DaemonEvent } from "./marked-daemon.ts";
import type { NymvisorRun } from "./nymvisor-run.ts";

/**
 * Milliseconds from the start of `run` to that of its daemon, less what it had to wait for a daemon that an earlier one had
 * left. Undefined if it never came to that, or if it cannot be told how long it waited.
 */
export function recoveryTime(run: NymvisorRun, events: readonly DaemonEvent[]): number | undefined {
  const started = events.find(
    (event) => event.event === "started" && event.parent === run.pid && event.at >= run.startedAtWall,
  );
  if (started === undefined) return undefined;
  let waited = 0;
  for (const { at, line } of run.log) {
    const orphan = /earlier nymvisor left \(pid (\d+)\)/.exec(line)?.[1];
    if (orphan === undefined) continue;
    const end = endOf(Number(orphan), at, run, events);
    if (end === undefined) return undefined;
    waited += Math.max(0, end - at);
  }
  return Math.max(0, started.at - run.startedAtWall - waited);
}

function endOf(pid: number, after: number, run: NymvisorRun, events: readonly DaemonEvent[]): number | undefined {
  const exiting = events.findLast((event) => event.event === "exiting" && event.pid === pid);
  if (exiting !== undefined) return exiting.at;
  return run.log.find(({ at, line }) => at >= after && line.includes(`(pid ${pid}) did not stop`))?.at;
}
