import { dirname } from "node:path";
import { adviceOf, isMachineRefusal, NymvisorError, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import { platformKey } from "../policy/choose-binary.ts";
import { VERSION } from "../system/build-stamp.ts";
import { systemClock } from "../system/clock.ts";
import { makeFolderDurably } from "../system/durable.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { type Holder, type Lock, tryLock, tryLockFolder } from "../system/lock.ts";
import { createLog } from "../system/log.ts";
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
  const locks = lockInstance(layout, emit);
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
 * Held for as long as nymvisor runs: for the home, which two daemons must not share, and for the instance. Each is a file
 * that names its holder, and the folder around it, which can be locked on a disk that takes no file.
 * @throws {NymvisorError} if another nymvisor holds one of them.
 */
export function lockInstance(layout: Layout, emit: Emit): Lock[] {
  const locks: Lock[] = [];
  const take = (path: string, what: string, attempt: ReturnType<typeof tryLock>) => {
    if (attempt.lock !== null) {
      locks.push(attempt.lock);
      return;
    }
    for (const lock of locks) lock.release();
    throw alreadyRuns(path, what, attempt.holder);
  };
  for (const [path, what] of [
    [layout.homeLock, `the daemon home ${layout.home}`],
    [layout.instanceLock, "this instance"],
  ] as const) {
    const file = tryLockFile(path, emit);
    if (file !== undefined) take(path, what, file);
    const around = dirname(dirname(path));
    take(around, what, tryLockFolder(around));
  }
  return locks;
}

/** Undefined where the machine does not let a file be made. */
function tryLockFile(path: string, emit: Emit): ReturnType<typeof tryLock> | undefined {
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
  const who = holder === undefined ? "another nymvisor" : `nymvisor with pid ${holder.pid}`;
  return new NymvisorError({
    what: `${who} already runs ${what}`,
    why: `it holds ${path}`,
    next: holder === undefined ? `see who it is: fuser -v ${path}` : `stop it first: kill ${holder.pid}`,
  });
}
