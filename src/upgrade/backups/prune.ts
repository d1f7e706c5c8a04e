import { dirname } from "node:path";
import type { BackupKind, BackupSummary } from "../../model/backups.ts";
import type { Instant } from "../../model/instant.ts";
import { isWithin, type Layout } from "../../model/paths.ts";
import type { Configuration } from "../../model/settings.ts";
import { backupsToPrune } from "../../policy/prune-backups.ts";
import { disk } from "../../system/disk.ts";
import { removeFileDurably } from "../../system/durable.ts";
import { findBackups } from "./find-backups.ts";

export interface PruneRequest {
  layout: Layout;
  configuration: Configuration;
  now: Instant;
  /** Paths of backups that a way back needs. */
  needed?: ReadonlySet<string>;
  /** Without it, of every kind. */
  kind?: BackupKind;
}

/**
 * The backups that `[backup] keep` and `keep_for` let go, the oldest first. In a folder that several nodes share only
 * those that say that they are of this home.
 */
export function prunableBackups({ layout, configuration, now, needed, kind }: PruneRequest): BackupSummary[] {
  const { keep, keep_for: keepFor } = configuration.backup;
  const isPrivate = isWithin(layout.backups, layout.home);
  const isOwn = ({ head }: BackupSummary) => (head === null ? isPrivate : isPrivate || head.home === layout.home);
  const rules = { keep, keepFor, now, needed: needed ?? new Set<string>(), isOwn };
  const prunable = backupsToPrune(findBackups(layout.backups), rules);
  return kind === undefined ? prunable : prunable.filter((backup) => backup.kind === kind);
}

/** Removes them durably, one after the other, and the folders of upgrades that are empty then. */
export function pruneBackups(request: PruneRequest): BackupSummary[] {
  const prunable = prunableBackups(request);
  for (const { path } of prunable) {
    removeFileDurably(path);
    const folder = dirname(path);
    if (disk.readdirSync(folder).length === 0) disk.rmdirSync(folder);
  }
  return prunable;
}
