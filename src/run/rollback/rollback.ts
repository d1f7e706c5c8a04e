import type { RollbackReport } from "../../model/render-rollback.ts";
import type { Environment } from "../../system/environment.ts";
import { requireOperator } from "../../upgrade/operator.ts";
import { untilInterrupted } from "../backups/interruptible.ts";
import { type OpenBackups, openBackups } from "../backups/open-backups.ts";
import { findRun } from "../find-run.ts";
import { requireHome, requireUpgradeData } from "../open-instance.ts";
import { goBackAtRest } from "./at-rest.ts";
import { chooseWayBack, requireRecord } from "./choose.ts";
import { measureWayBack } from "./measure.ts";
import { orderWayBack, withdrawOrder } from "./order.ts";
import type { RollbackCommand } from "./rollback-command.ts";

/**
 * `nymvisor rollback`: puts the node back on an earlier version with the home as that version left it, and pins it. Beside
 * a nymvisor that runs, that one is told to; else it is done here. Durable when it returns.
 * @returns null: a person did not want it after all.
 * @throws {NymvisorError} if it cannot be done. Then the node is as it was, or the next `nymvisor run` finishes.
 */
export async function rollBack(command: RollbackCommand, environment: Environment): Promise<RollbackReport | null> {
  const instance = openBackups(environment);
  try {
    const { layout } = instance;
    requireUpgradeData(layout);
    requireHome(layout);
    return await untilInterrupted(async (signal) => {
      const run = findRun(layout);
      if (run === null && !command.dryRun) return goBackAtRest(instance, command, signal, environment);
      return besideRun(instance, command, run, signal);
    });
  } finally {
    instance.log.close();
  }
}

async function besideRun(
  instance: OpenBackups,
  command: RollbackCommand,
  run: number | null,
  signal: AbortSignal,
): Promise<RollbackReport | null> {
  const { layout } = instance;
  if (!command.dryRun && command.to === requireRecord(layout).name && isOrdered(instance)) {
    const to = await withdrawOrder(layout);
    if (to !== null) return { state: "withdrawn", to };
  }
  const way = chooseWayBack(layout, command);
  const plan = await measureWayBack(layout, way, run);
  if (command.dryRun) return { state: "planned", plan };
  if (!(await command.confirm(plan))) return null;
  return { state: "done", plan, kept: await orderWayBack(instance, way, signal) };
}

function isOrdered({ layout }: OpenBackups): boolean {
  return requireOperator(layout).goBack.some(({ home }) => home === layout.home);
}
