import type { BackupSummary } from "../../model/backups.ts";
import { UsageError } from "../../model/errors.ts";
import type { Environment } from "../../system/environment.ts";
import { createLog, type Log } from "../../system/log.ts";
import { chooseBackup, findBackups } from "../../upgrade/backups/find-backups.ts";
import { type Instance, openInstance } from "../open-instance.ts";

/** The instance that the environment chooses, and the log on which its commands show how far they are. */
export interface OpenBackups extends Instance {
  log: Log;
}

/** @throws {NymvisorError} as `openInstance`. */
export function openBackups(environment: Environment): OpenBackups {
  const instance = openInstance(environment);
  const log = createLog({ environment, disabled: instance.configuration.nymvisor.disable_logs });
  for (const event of instance.events) log.emit(event);
  return { ...instance, log };
}

/** `nymvisor backup list`: the newest first. @throws {NymvisorError} if they cannot be looked at. */
export function listBackups(environment: Environment): { folder: string; backups: BackupSummary[] } {
  const { backups: folder } = openInstance(environment).layout;
  return { folder, backups: findBackups(folder) };
}

/** @throws {UsageError} for a name that none has, or several. */
export function chooseOne({ layout }: Instance, name: string, { workingDirectory }: Environment): BackupSummary {
  return chooseBackup(layout.backups, name, workingDirectory);
}

/** The one that was named, the newest where none was, or all. @throws {UsageError} if there is none. */
export function chooseSome(
  instance: Instance,
  name: string | undefined,
  all: boolean,
  environment: Environment,
): BackupSummary[] {
  if (name !== undefined) return [chooseOne(instance, name, environment)];
  const found = findBackups(instance.layout.backups);
  const [newest] = found;
  if (newest === undefined) {
    throw new UsageError({
      what: `there is no backup in ${instance.layout.backups}`,
      next: "nymvisor backup create",
    });
  }
  return all ? found : [newest];
}
