import { constants, lstatSync, readdirSync } from "node:fs";
import { findOrphans } from "../../daemon/record.ts";
import { absolutePath } from "../../model/absolute-path.ts";
import type { BackupSummary } from "../../model/backups.ts";
import { NymvisorError, UsageError } from "../../model/errors.ts";
import type { RestoreReport } from "../../model/render-backups.ts";
import { systemClock } from "../../system/clock.ts";
import { disk } from "../../system/disk.ts";
import { explanation, makeFolderDurably } from "../../system/durable.ts";
import type { Environment } from "../../system/environment.ts";
import { decodePath } from "../../upgrade/archive/byte-path.ts";
import { treeFilter } from "../../upgrade/archive/path-patterns.ts";
import { type Extracted, extractArchive } from "../../upgrade/backups/extract.ts";
import { restoreHome, settleRestore } from "../../upgrade/backups/restore.ts";
import { requireHome } from "../open-instance.ts";
import { lockInstance } from "../run.ts";
import { untilInterrupted } from "./interruptible.ts";
import { chooseOne, type OpenBackups, openBackups } from "./open-backups.ts";

export interface RestoreCommand {
  name: string;
  /** A folder to unpack into instead of the home, as it was typed. */
  to: string | undefined;
  /** A glob pattern for what is wanted. */
  only: string | undefined;
  /** Asked before anything in the home is exchanged; false: leave it. */
  confirm(backup: BackupSummary, home: string): Promise<boolean>;
}

/**
 * `nymvisor backup restore`. Into the home only while neither nymvisor nor the daemon runs there; elsewhere at any time.
 * Durable when it returns.
 * @throws {NymvisorError} if the node runs, the backup is damaged, or something cannot be written.
 */
export async function restoreBackup(command: RestoreCommand, environment: Environment): Promise<RestoreReport | null> {
  const instance = openBackups(environment);
  try {
    const backup = chooseOne(instance, command.name, environment);
    return await untilInterrupted((signal) =>
      command.to === undefined
        ? intoHome(instance, backup, command, signal)
        : elsewhere(instance, backup, absolutePath(command.to, environment.workingDirectory), command, signal),
    );
  } finally {
    instance.log.close();
  }
}

async function intoHome(
  { layout, log }: OpenBackups,
  backup: BackupSummary,
  { only, confirm }: RestoreCommand,
  signal: AbortSignal,
): Promise<RestoreReport | null> {
  requireHome(layout);
  const locks = await lockInstance(layout, log.emit);
  try {
    const [orphan] = findOrphans(layout);
    if (orphan !== undefined) {
      throw new NymvisorError({
        what: "the node still runs",
        why: `pid ${orphan.process.pid} was left by a nymvisor that was killed`,
        next: `stop it: kill -INT ${orphan.process.pid}`,
      });
    }
    const settled = await settleRestore(layout);
    if (settled !== "none") {
      log.emit({ type: "warning", about: "an earlier restore was interrupted", reason: `it is ${settled} now` });
    }
    if (!(await confirm(backup, layout.home))) return null;
    const restored = await restoreHome({
      layout,
      archive: backup.path,
      at: systemClock.wall(),
      only: filterOf(only),
      signal,
      onProgress: progressOf(log, backup),
    });
    return report(backup, layout.home, restored, restored.replaced);
  } finally {
    for (const lock of locks) lock.release();
  }
}

async function elsewhere(
  { log }: OpenBackups,
  backup: BackupSummary,
  into: string,
  { only }: RestoreCommand,
  signal: AbortSignal,
): Promise<RestoreReport> {
  const isNew = requireEmpty(into);
  makeFolderDurably(into, { mode: 0o700 });
  try {
    const onProgress = progressOf(log, backup);
    const extracted = await extractArchive({ archive: backup.path, into, only: filterOf(only), signal, onProgress });
    return report(backup, into, extracted, null);
  } catch (error) {
    for (const name of isNew ? [] : readdirSync(into)) disk.rmSync(`${into}/${name}`, { force: true, recursive: true });
    if (isNew) disk.rmSync(into, { force: true, recursive: true });
    throw error;
  }
}

/** @returns whether there is nothing yet. @throws {UsageError} for a folder that holds something. */
function requireEmpty(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return true;
  let names: string[];
  try {
    disk.accessSync(folder, constants.W_OK | constants.X_OK);
    names = readdirSync(folder);
  } catch (error) {
    throw new UsageError({ what: `nothing can be unpacked into ${folder}`, why: explanation(error), cause: error });
  }
  if (names.length === 0) return false;
  throw new UsageError({
    what: `${folder} is not empty`,
    why: "a backup is never mixed with what is there",
    next: "give --to a folder that is new or empty",
  });
}

const filterOf = (pattern: string | undefined) => (pattern === undefined ? undefined : treeFilter([pattern]));

function progressOf({ emit }: OpenBackups["log"], { name }: BackupSummary) {
  return (done: number, total: number) => emit({ type: "progress", task: "restore", name, done, total });
}

function report(backup: BackupSummary, into: string, extracted: Extracted, replaced: string | null): RestoreReport {
  return {
    backup,
    into,
    replaced,
    entries: extracted.restored,
    proof: extracted.head === undefined ? "readable" : "whole",
    notKept: extracted.notKept.map(({ name, why }) => ({ path: decodePath(name), why })),
  };
}
