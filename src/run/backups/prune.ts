import type { Pruned } from "../../model/render-backups.ts";
import { systemClock } from "../../system/clock.ts";
import type { Environment } from "../../system/environment.ts";
import { prunableBackups, pruneBackups } from "../../upgrade/backups/prune.ts";
import { readJournal } from "../../upgrade/journal.ts";
import { requireOperator } from "../../upgrade/operator.ts";
import { allRolledBack, removeRolledBack } from "../../upgrade/rolled-back.ts";
import { openInstance } from "../open-instance.ts";

/**
 * `nymvisor backup prune`: what the settings let go, the oldest first, and every home that was put aside by a way back;
 * with `dryRun` nothing is removed. What an upgrade or a way back that is under way or ordered needs stays.
 * @throws {NymvisorError} if the backups cannot be looked at, or one cannot be removed.
 */
export async function pruneByHand(dryRun: boolean, environment: Environment): Promise<Pruned> {
  const { layout, configuration } = openInstance(environment);
  const journal = readJournal(layout);
  const { goBack } = requireOperator(layout);
  const backup = journal.state === "found" ? journal.value.backup : null;
  const needed = new Set([backup, ...goBack.map(({ saved }) => saved)].filter((path) => path !== null));
  const request = { layout, configuration, now: systemClock.wall(), needed };
  const backups = dryRun ? prunableBackups(request) : pruneBackups(request);
  const rolledBack = allRolledBack(layout, needed);
  if (!dryRun) await removeRolledBack(layout, rolledBack);
  return { backups, rolledBack };
}
