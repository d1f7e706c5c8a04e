import type { Duration } from "../model/duration.ts";
import { fromMilliseconds, toMilliseconds } from "../model/duration.ts";
import { adviceOf, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import { monotonicMilliseconds, sleep, systemClock } from "../system/clock.ts";
import {
  bootId,
  groupMembers,
  identify,
  isAlive,
  leadsGroup,
  type ProcessIdentity,
  sendSignal,
} from "../system/process-table.ts";
import type { LastLines } from "./output.ts";
import { findOrphans, HOME_VARIABLE, removeDaemonRecord, writeDaemonRecord } from "./record.ts";
import { type ChildEnvironment, type Ending, endGroup, spawnChild } from "./spawn.ts";

/** The daemon as a running process. */
export interface Daemon {
  pid: number;
  /** Settles once: when the process, and what it left in its group, is gone and its record is removed. */
  ended: Promise<Ending>;
  /** Asks it to stop, and makes it. Settles like `ended`; may be called again, and interrupts only once. */
  stop(why: string, grace: Duration): Promise<Ending>;
  /** Nanoseconds of the grace period that are left, while it is stopping. */
  graceLeft(): Duration | undefined;
  /** SIGKILL to its group, for an end that leaves no time. */
  kill(): void;
  /** What it printed last, until now or until it ended. May take some seconds where the journal is asked. Never rejects. */
  lastLines(): Promise<LastLines>;
}

export interface StartRequest {
  layout: Layout;
  binary: string;
  args: readonly string[];
  environment: ChildEnvironment;
  emit: Emit;
  /** Whether {@link Daemon.lastLines} will be asked; its output arrives at ours either way. False unless it says so. */
  keepLines?: boolean;
}

/**
 * On top of the grace period, before SIGKILL. nym-node gives its own tasks 10 s, the same as the default grace period,
 * and must win that race.
 */
const EXTRA_GRACE: Duration = 1_000_000_000n;

/**
 * Starts the daemon and notes it durably, first that it is about to run and then as what. A disk that takes no note is no
 * reason to do without the daemon: it can be found without one. @throws as `spawnChild`.
 */
export async function startDaemon(request: StartRequest): Promise<Daemon> {
  const { layout, binary, args, environment, emit, keepLines = false } = request;
  const boot = bootId();
  let noted = true;
  const onDisk = (change: () => void) => {
    try {
      change();
      noted = true;
    } catch (error) {
      // What keeps one note from the disk keeps the next ones too: it is said once.
      if (noted) emit({ type: "warning", about: "the note about the daemon", reason: reasonOf(error) });
      noted = false;
    }
  };
  onDisk(() => writeDaemonRecord(layout, { state: "starting", pid: null, startTime: null, bootId: boot }));
  const child = await spawnChild({
    command: [binary, ...args],
    environment: { ...environment, [HOME_VARIABLE]: layout.home },
    output: keepLines ? "kept" : "inherit",
  }).catch((error: unknown) => {
    onDisk(() => removeDaemonRecord(layout));
    throw error;
  });
  const { pid } = child;
  // Now: later the number may be that of another process.
  const startTime = identify(pid)?.startTime ?? null;
  const note = (state: "running" | "stopping") =>
    onDisk(() => writeDaemonRecord(layout, { state, pid, startTime, bootId: boot }));
  note("running");

  let exited = false;
  let stopping: { deadline: number; grace: number } | undefined;
  let cancelKill = () => {};
  const killGroup = () => {
    if (!child.groupAlive()) return;
    emit({ type: "daemon.killed", pid, after: fromMilliseconds(stopping?.grace ?? 0) });
    child.killGroup();
  };

  const ended = child.exited.then(async (ending) => {
    exited = true;
    // What the daemon leaves running in its group would go on working on the home.
    while (child.groupAlive() && stopping !== undefined && monotonicMilliseconds() < stopping.deadline) await sleep(10);
    await endGroup(child);
    await child.output?.end();
    cancelKill();
    onDisk(() => removeDaemonRecord(layout));
    return ending;
  });

  return {
    pid,
    ended,
    stop(why, grace) {
      if (stopping !== undefined || exited) return ended;
      const total = toMilliseconds(grace + EXTRA_GRACE);
      emit({ type: "daemon.stopping", pid, why, grace });
      // Before the signal: a nymvisor that comes after us must not send a second one.
      note("stopping");
      stopping = { deadline: monotonicMilliseconds() + total, grace: total };
      child.signal("SIGINT");
      cancelKill = systemClock.after(total, killGroup);
      return ended;
    },
    graceLeft: () =>
      stopping === undefined ? undefined : fromMilliseconds(Math.max(0, stopping.deadline - monotonicMilliseconds())),
    kill: () => child.killGroup(),
    lastLines: async () => (await child.output?.lastLines()) ?? { reason: "its output was not kept" },
  };
}

/** How often a process that is not our child is looked at; its end cannot be waited for otherwise. */
const ORPHAN_POLL_MS = 10;

/**
 * Notes that an orphan is being stopped: whoever comes after us, should we be killed as well, must not send it a second
 * SIGINT. A disk that takes no note is no reason to leave it running.
 */
function noteStopping(layout: Layout, { pid, startTime }: ProcessIdentity, emit: Emit): void {
  try {
    writeDaemonRecord(layout, { state: "stopping", pid, startTime, bootId: bootId() });
  } catch (error) {
    emit({ type: "warning", about: "the note about the daemon", reason: adviceOf(error) });
  }
}

/**
 * Stops every daemon of this home that outlived its nymvisor, properly: SIGINT once, the grace period, SIGKILL. When it
 * returns none is left; a note of it that the disk does not let go of tells of a process that is gone. It does not listen
 * to signals: there is nothing better to do than to wait.
 */
export async function stopOrphans(layout: Layout, grace: Duration, emit: Emit): Promise<void> {
  const orphans = findOrphans(layout);
  if (orphans.length > 0) {
    const deadline = monotonicMilliseconds() + toMilliseconds(grace + EXTRA_GRACE);
    const leaders = orphans.filter(({ process: { pid } }) => leadsGroup(pid));
    // Children of the daemon carry its variable too; they are the daemon's to stop, unless it is gone.
    const asked = new Set(leaders.length > 0 ? leaders : orphans);
    const [first] = [...asked].filter(({ interrupted }) => !interrupted);
    if (first !== undefined) noteStopping(layout, first.process, emit);
    for (const orphan of orphans) {
      if (!asked.has(orphan)) continue;
      emit({ type: "daemon.orphan-found", pid: orphan.process.pid });
      if (!orphan.interrupted) sendSignal(orphan.process.pid, "SIGINT");
    }
    // As in an ordinary stop, nobody in the daemon's group is left: not who has lost its variable, nor who came later.
    const left = () => {
      const families = leaders.flatMap(({ process: { pid } }) => groupMembers(pid));
      const everybody = [...orphans.map((orphan) => orphan.process).filter(isAlive), ...families];
      return [...new Set(everybody.map(({ pid }) => pid))];
    };
    while (left().length > 0 && monotonicMilliseconds() < deadline) await sleep(ORPHAN_POLL_MS);
    for (const { process } of [...asked].filter((orphan) => isAlive(orphan.process))) {
      emit({ type: "daemon.killed", pid: process.pid, after: grace + EXTRA_GRACE });
    }
    for (let pids = left(); pids.length > 0; pids = left()) {
      for (const pid of pids) sendSignal(pid, "SIGKILL");
      await sleep(ORPHAN_POLL_MS);
    }
  }
  try {
    removeDaemonRecord(layout);
  } catch (error) {
    emit({ type: "warning", about: "the note about the daemon", reason: adviceOf(error) });
  }
}
