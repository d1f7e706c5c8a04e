import { type Daemon, startDaemon } from "../daemon/daemon.ts";
import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import type { Emit } from "../model/events.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { Clock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { buildInfoOf } from "../upgrade/build-information.ts";
import { compareSides, disagreement, findCurrent, type HomeState } from "../upgrade/take-stock.ts";
import { decidedWayBack, recordOf } from "../upgrade/way-back/settle-way-back.ts";

export interface StartContext {
  layout: Layout;
  environment: ChildEnvironment;
  clock: Clock;
  emit: Emit;
  signal: AbortSignal;
  /** Whether the last lines that the daemon prints will be asked for. */
  keepLines?: boolean;
}

/**
 * What `current` is and how it stands to this home.
 * @throws {NymvisorError} if only a person can tell which of the two is right, or the binary does not run.
 */
export async function examine(context: StartContext): Promise<HomeState> {
  const { layout } = context;
  // A way back whose documents could not be written yet: they are about to say so.
  const back = decidedWayBack(layout);
  const name = back?.movesCurrent === true ? back.to.name : findCurrent(layout);
  const buildInfo = await buildInfoOf(buildLayout(context.layout, name), context.environment, context.signal);
  const home = compareSides(context, name, buildInfo, back === undefined ? undefined : recordOf(back));
  if (home.agreement.state === "disagreed") throw disagreement(context.layout, home.current, home.agreement);
  return home;
}

export interface StartedDaemon {
  daemon: Daemon;
  name: string;
  buildInfo: BuildInfo;
}

/**
 * Starts the build that this home is on: `current`, or the one before it as long as the home could not be brought
 * forward. @throws {NymvisorError} and what posix_spawn reports.
 */
export async function startBuild(context: StartContext, args: readonly string[]): Promise<StartedDaemon> {
  const home = await examine(context);
  const { layout, environment, emit } = context;
  let { buildInfo } = home;
  // By its own path: `current` itself may be moved on, by another node that shares it, before the daemon is started.
  let { name, binary } = home.current;
  if (home.agreement.state === "behind" && home.record !== undefined) {
    const before = buildLayout(layout, home.record.name);
    if (disk.existsSync(before.binary)) {
      ({ binary, name } = before);
      buildInfo = home.record.binaryDetails;
    }
  }
  context.signal.throwIfAborted();
  const daemon = await startDaemon({ layout, binary, args, environment, emit, keepLines: context.keepLines === true });
  emit({ type: "daemon.started", pid: daemon.pid, name, version: buildInfo.build_version });
  return { daemon, name, buildInfo };
}
