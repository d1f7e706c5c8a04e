import { findOrphans } from "../../daemon/record.ts";
import { NymvisorError } from "../../model/errors.ts";
import type { RollbackReport } from "../../model/render-rollback.ts";
import { systemClock } from "../../system/clock.ts";
import { disk } from "../../system/disk.ts";
import { daemonEnvironment, type Environment } from "../../system/environment.ts";
import { withLock } from "../../system/lock.ts";
import { settleRestore } from "../../upgrade/backups/restore.ts";
import { decidedWayBack, recordWayBack, settleWayBackHome } from "../../upgrade/way-back/settle-way-back.ts";
import { turnBack } from "../../upgrade/way-back/turn-back.ts";
import type { OpenBackups } from "../backups/open-backups.ts";
import { lockInstance } from "../run.ts";
import { services } from "../services.ts";
import { chooseWayBack, type WayBack } from "./choose.ts";
import { measureWayBack } from "./measure.ts";
import type { RollbackCommand } from "./rollback-command.ts";

type Finished = Extract<RollbackReport, { state: "finished" }>;

/** A way back where nothing runs. The locks of the instance are held, so that nothing starts meanwhile. */
export async function goBackAtRest(
  instance: OpenBackups,
  command: RollbackCommand,
  signal: AbortSignal,
  environment: Environment,
): Promise<RollbackReport | null> {
  const { layout, log } = instance;
  const locks = await lockInstance(layout, log.emit);
  try {
    const finished = await settleEarlier(instance);
    if (finished !== null && (command.to === undefined || command.to === finished.to)) return finished;
    const way = chooseWayBack(layout, command);
    const plan = await measureWayBack(layout, way, null);
    if (!(await command.confirm(plan))) return null;
    return { state: "done", plan, kept: await turnHere(instance, way, signal, environment) };
  } finally {
    for (const lock of locks) lock.release();
  }
}

/**
 * What was begun before comes first. @returns the way back that was finished, or null.
 * @throws {NymvisorError} for what only `nymvisor run` puts in order.
 */
async function settleEarlier({ layout, log }: OpenBackups): Promise<Finished | null> {
  const [orphan] = findOrphans(layout);
  if (orphan !== undefined) {
    throw new NymvisorError({
      what: "the node still runs",
      why: `pid ${orphan.process.pid} was left by a nymvisor that was killed`,
      next: `stop it: kill -INT ${orphan.process.pid}`,
    });
  }
  if (disk.existsSync(layout.journal)) {
    throw new NymvisorError({
      what: "an upgrade of this node was interrupted",
      why: `${layout.journal} is there`,
      next: "nymvisor run finishes it, or undoes it; then type the command again",
    });
  }
  const restored = await settleRestore(layout);
  if (restored !== "none") {
    log.emit({ type: "warning", about: "an earlier restore was interrupted", reason: `it is ${restored} now` });
  }
  if ((await settleWayBackHome(layout)) !== "exchanged") return null;
  const context = { layout, clock: systemClock, emit: log.emit };
  return withLock(layout.upgradeLock, "rollback", (): Finished | null => {
    const decided = decidedWayBack(layout);
    if (decided === undefined) return null;
    recordWayBack(context, decided);
    return { state: "finished", to: decided.to.name, kept: decided.kept };
  });
}

/** @returns where the home lies now as the newer version had left it, or null. */
async function turnHere(
  { layout, log }: OpenBackups,
  { from, to, saved }: WayBack,
  signal: AbortSignal,
  environment: Environment,
): Promise<string | null> {
  const result = await turnBack(
    {
      ...services,
      layout,
      clock: systemClock,
      emit: log.emit,
      environment: daemonEnvironment(environment),
      // Nothing runs, nor does anybody archive a copy.
      stopDaemon: async () => false,
      releaseCopy: async () => {},
      signal,
    },
    { from, to: to.name, saved, why: "a person wanted it", byHand: true },
  );
  if (result.outcome !== "done") {
    throw new NymvisorError({
      what: `the node is not back on ${to.name}`,
      why: result.reason,
      next: "nymvisor run puts in order what was begun, and nymvisor history shows what this node went through",
    });
  }
  if (result.unrecorded !== null) {
    log.emit({
      type: "warning",
      about: "the node is back, and not all of that could be written down",
      reason: `${result.unrecorded}; nymvisor run does it when it starts`,
    });
  }
  return result.kept;
}
