import type { BackupSummary } from "../model/backups.ts";
import type { Duration } from "../model/duration.ts";
import type { Instant } from "../model/instant.ts";

export interface PruneRules {
  /** How many of the newest are kept, of each kind. */
  keep: number;
  /** Those that are younger are kept as well; null: none for its age. */
  keepFor: Duration | null;
  now: Instant;
  /** Paths of backups that are needed for a way back. */
  needed: ReadonlySet<string>;
  /** Whether a backup is one of this node: several may have one folder. */
  isOwn(backup: BackupSummary): boolean;
}

/**
 * Which backups may go, the oldest first. Never one that is needed, and never the newest one that was proven to be whole;
 * where none was, never the newest.
 */
export function backupsToPrune(backups: readonly BackupSummary[], rules: PruneRules): BackupSummary[] {
  const newestFirst = backups.filter(rules.isOwn).toSorted((a, b) => compare(b.takenAt, a.takenAt));
  const good = newestFirst.find(({ head }) => head !== null) ?? newestFirst[0];
  const seen = new Map<BackupSummary["kind"], number>();
  const pruned = newestFirst.filter((backup) => {
    const rank = seen.get(backup.kind) ?? 0;
    seen.set(backup.kind, rank + 1);
    const isYoung = rules.keepFor !== null && rules.now - backup.takenAt < rules.keepFor;
    return rank >= rules.keep && !isYoung && backup !== good && !rules.needed.has(backup.path);
  });
  return pruned.reverse();
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
