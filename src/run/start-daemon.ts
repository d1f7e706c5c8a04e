import { type Daemon, startDaemon } from "../daemon/daemon.ts";
import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import { type Duration, formatDuration } from "../model/duration.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { printable } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { Clock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { tryLock } from "../system/lock.ts";
import { self } from "../system/process-table.ts";
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
  /** Called as soon as its process is there, before that is told. */
  spawned?(): Promise<void>;
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

/** As long as the upgrade of a neighbour with a large home may take. */
const LONGEST_WAIT: Duration = 600_000_000_000n;
const LOOK_AGAIN_MS = 250;

/**
 * Only `current` can be started, on a home that was not saved for it. While another node is being upgraded that is so
 * because this one's turn is still to come: for data that cannot be had back the start is put off until then. A neighbour
 * that hangs, or a disk without room for a backup, is no reason for a node that never starts: then it is started and said.
 * @throws {NymvisorError} once the turn is free: the home is saved before the next attempt.
 */
async function waitToBeSaved(
  { layout, clock, emit, signal }: StartContext,
  before: string,
  current: string,
): Promise<void> {
  const what = `the binary of ${printable(before)} is gone, and the home is not saved for ${printable(current)} yet`;
  const end = clock.monotonic() + LONGEST_WAIT;
  let told = false;
  for (let holder = turnOfAnother(layout); clock.monotonic() < end; holder = turnOfAnother(layout)) {
    if (holder === null && told) throw new NymvisorError({ what, next: "it is saved now, and started then" });
    if (holder === null) break;
    const reason = `${what}: it waits until ${holder} is upgraded, for ${formatDuration(LONGEST_WAIT)} at most`;
    if (!told) emit({ type: "warning", about: "the node is not started", reason });
    told = true;
    await new Promise<void>((resolve) => clock.after(LOOK_AGAIN_MS, resolve));
    signal.throwIfAborted();
  }
  emit({ type: "warning", about: `${printable(current)} is started on data without a backup`, reason: what });
}

/** Who upgrades its node at this moment; null: nobody but this process. */
function turnOfAnother({ turnLock }: Layout): string | null {
  let attempt: ReturnType<typeof tryLock>;
  try {
    attempt = tryLock(turnLock, "looking whose turn it is");
  } catch (error) {
    // A disk that takes no lock will not let anybody be upgraded either.
    if (error instanceof NymvisorError) return null;
    throw error;
  }
  if (attempt.lock !== null) {
    attempt.lock.release();
    return null;
  }
  const { holder } = attempt;
  if (holder?.pid === self().pid) return null;
  return holder === undefined ? "another node" : `the node of pid ${holder.pid}`;
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
    } else {
      await waitToBeSaved(context, home.record.name, name);
    }
  }
  context.signal.throwIfAborted();
  const daemon = await startDaemon({ layout, binary, args, environment, emit, keepLines: context.keepLines === true });
  await context.spawned?.();
  emit({ type: "daemon.started", pid: daemon.pid, name, version: buildInfo.build_version });
  return { daemon, name, buildInfo };
}
