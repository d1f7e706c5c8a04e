import type { BackupSummary } from "../../model/backups.ts";
import { systemClock } from "../../system/clock.ts";
import type { Environment } from "../../system/environment.ts";
import { prunableBackups, pruneBackups } from "../../upgrade/backups/prune.ts";
import { readJournal } from "../../upgrade/journal.ts";
import { openInstance } from "../open-instance.ts";

/**
 * `nymvisor backup prune`: what the settings let go, the oldest first; with `dryRun` nothing is removed. The backup of an
 * upgrade that is under way is needed, and stays.
 * @throws {NymvisorError} if the backups cannot be looked at, or one cannot be removed.
 */
export function pruneByHand(dryRun: boolean, environment: Environment): BackupSummary[] {
  const { layout, configuration } = openInstance(environment);
  const journal = readJournal(layout);
  const backup = journal.state === "found" ? journal.value.backup : null;
  const needed = new Set(backup === null ? [] : [backup]);
  const request = { layout, configuration, now: systemClock.wall(), needed };
  return dryRun ? prunableBackups(request) : pruneBackups(request);
}
