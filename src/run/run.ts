import { dirname } from "node:path";
import { adviceOf, isMachineRefusal, NymvisorError, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import { platformKey } from "../policy/choose-binary.ts";
import { VERSION } from "../system/build-stamp.ts";
import { monotonicMilliseconds, sleep, systemClock } from "../system/clock.ts";
import { makeFolderDurably } from "../system/durable.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { type Holder, type Lock, tryLock, tryLockFolder } from "../system/lock.ts";
import { createLog } from "../system/log.ts";
import { isAlive } from "../system/process-table.ts";
import { listenToSignals } from "../system/signals.ts";
import { openInstance, requireHome, requireUpgradeData } from "./open-instance.ts";
import { services } from "./services.ts";
import { Supervisor } from "./supervisor.ts";

/**
 * `nymvisor run`: runs the daemon with `args` and upgrades it, until it has ended for good.
 * @returns the exit status: 0, the daemon's own, or 128 and the number of the signal that ended it.
 * @throws {NymvisorError} if it cannot begin; nothing runs then.
 */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  const { configuration, layout, events } = openInstance(environment);
  const log = createLog({ environment, disabled: configuration.nymvisor.disable_logs });
  const { emit } = log;
  for (const event of events) emit(event);
  requireHome(layout);
  requireUpgradeData(layout);
  const locks = await lockInstance(layout, emit);
  const supervisor = new Supervisor(
    {
      layout,
      configuration,
      environment: daemonEnvironment(environment),
      platform: platformKey(process.platform, process.arch),
      clock: systemClock,
      emit,
      services,
      githubToken: environment.variables.NYMVISOR_GITHUB_TOKEN ?? null,
    },
    args,
  );
  const onTerminal = environment.terminal.stdin || environment.terminal.stderr;
  const deafen = listenToSignals(onTerminal, (signal, meaning) => {
    if (meaning === "stop") {
      supervisor.requestStop(signal);
    } else {
      emit({ type: "signal.received", signal, meaning });
      if (meaning === "reload") supervisor.reload();
    }
  });
  emit({ type: "run.started", instance: configuration.nymvisor.id, version: VERSION, pid: process.pid });
  let mistaken = false;
  // A mistake of ours must not leave a daemon without a parent: it is stopped as if we had been asked to.
  const onMistake = (error: unknown) => {
    emit({
      type: "warning",
      about: "nymvisor itself",
      reason: error instanceof Error ? (error.stack ?? error.message) : reasonOf(error),
    });
    supervisor.requestStop("an internal error");
    mistaken = true;
  };
  const onExit = () => supervisor.killDaemon();
  process.on("uncaughtException", onMistake);
  process.on("unhandledRejection", onMistake);
  process.on("exit", onExit);
  try {
    const exitCode = await supervisor.run();
    return exitCode === 0 && mistaken ? 1 : exitCode;
  } finally {
    process.off("exit", onExit);
    process.off("uncaughtException", onMistake);
    process.off("unhandledRejection", onMistake);
    deafen();
    for (const lock of locks) lock.release();
    log.close();
  }
}

/**
 * How long, and how often, the locks of a nymvisor that was killed are waited for. A child that it was starting just then
 * has them as well, until it becomes its program (O_CLOEXEC, open(2)): for an instant, on a busy machine a longer one. It
 * may become the daemon, which can be told from other processes only then.
 */
const GIVEN_BACK_WITHIN_MS = 2_000;
const GIVEN_BACK_LOOK_MS = 5;

/**
 * Held for as long as nymvisor runs: for the home, which two daemons must not share, and for the instance. Each is a file
 * that names its holder, and the folder around it, which can be locked on a disk that takes no file.
 * @throws {NymvisorError} if another nymvisor holds one of them.
 */
export async function lockInstance(layout: Layout, emit: Emit): Promise<Lock[]> {
  const locks: Lock[] = [];
  const take = async (path: string, what: string, attempt: () => Attempt | undefined) => {
    const found = await afterTheDead(attempt);
    if (found === undefined) return;
    if (found.lock !== null) {
      locks.push(found.lock);
      return;
    }
    for (const lock of locks) lock.release();
    throw alreadyRuns(path, what, found.holder);
  };
  for (const [path, what] of [
    [layout.homeLock, `the daemon home ${layout.home}`],
    [layout.instanceLock, "this instance"],
  ] as const) {
    await take(path, what, () => tryLockFile(path, emit));
    const around = dirname(dirname(path));
    await take(around, what, () => tryLockFolder(around));
  }
  return locks;
}

type Attempt = ReturnType<typeof tryLock>;

/** The first attempt, unless nobody who lives is known to hold the lock: then the last one. */
async function afterTheDead(attempt: () => Attempt | undefined): Promise<Attempt | undefined> {
  const end = monotonicMilliseconds() + GIVEN_BACK_WITHIN_MS;
  for (;;) {
    const found = attempt();
    const isTaken = found !== undefined && found.lock === null;
    if (!isTaken || isLiving(found.holder) || monotonicMilliseconds() >= end) return found;
    await sleep(GIVEN_BACK_LOOK_MS);
  }
}

function isLiving(holder: Holder | undefined): holder is Holder {
  return holder !== undefined && isAlive(holder);
}

/** Undefined where the machine does not let a file be made. */
function tryLockFile(path: string, emit: Emit): Attempt | undefined {
  try {
    makeFolderDurably(dirname(path));
    return tryLock(path, "run");
  } catch (error) {
    if (!isMachineRefusal(error)) throw error;
    emit({ type: "warning", about: `the node is started without the lock ${path}`, reason: adviceOf(error) });
    return undefined;
  }
}

function alreadyRuns(path: string, what: string, holder: Holder | undefined): NymvisorError {
  const who = isLiving(holder) ? `nymvisor with pid ${holder.pid}` : "another nymvisor";
  return new NymvisorError({
    what: `${who} already runs ${what}`,
    why: `it holds ${path}`,
    next: isLiving(holder) ? `stop it first: kill ${holder.pid}` : `see who it is: fuser -v ${path}`,
  });
}
