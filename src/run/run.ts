import { NymvisorError, reasonOf } from "../model/errors.ts";
import type { Layout } from "../model/paths.ts";
import { platformKey } from "../policy/choose-binary.ts";
import { VERSION } from "../system/build-stamp.ts";
import { systemClock } from "../system/clock.ts";
import { makeFolderDurably } from "../system/durable.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { type Lock, tryLock } from "../system/lock.ts";
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
  const locks = lockInstance(layout);
  const supervisor = new Supervisor(
    {
      layout,
      configuration,
      environment: daemonEnvironment(environment),
      platform: platformKey(process.platform, process.arch),
      clock: systemClock,
      emit,
      services,
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

/** Held for as long as nymvisor runs: one for the home, which two daemons must not share, one for the instance. */
export function lockInstance(layout: Layout): Lock[] {
  const locks: Lock[] = [];
  for (const [path, folder, what] of [
    [layout.homeLock, layout.homeNymvisor, `the daemon home ${layout.home}`],
    [layout.instanceLock, layout.instanceData, "this instance"],
  ] as const) {
    makeFolderDurably(folder);
    const attempt = tryLock(path, "run");
    if (attempt.lock === null) {
      for (const lock of locks) lock.release();
      const who = attempt.holder === undefined ? "another nymvisor" : `nymvisor with pid ${attempt.holder.pid}`;
      throw new NymvisorError({
        what: `${who} already runs ${what}`,
        why: `it holds ${path}`,
        next:
          attempt.holder === undefined
            ? `see who it is: fuser -v ${path}`
            : `stop it first: kill ${attempt.holder.pid}`,
      });
    }
    locks.push(attempt.lock);
  }
  return locks;
}
