import type { Instant } from "./instant.ts";

/** Why a backup was made, as its file's name says it: before an upgrade, or because a person asked for it. */
export type BackupKind = "preupgrade" | "manual";

/** A backup as it is found on the disk, without a look into it. */
export interface BackupSummary {
  /** What a person types for it: its stamp, or with the folder in front where two have the same. */
  name: string;
  /** Absolute. */
  path: string;
  /** Name of the upgrade that it was made before; null: of none. */
  upgrade: string | null;
  kind: BackupKind;
  takenAt: Instant;
  /** Of the archive. */
  bytes: number;
  /** What it says of itself; null: nothing, as those of the Rust program. Such a one was never proven to be whole. */
  head: BackupHead | null;
}

export interface BackupHead {
  daemon: string | null;
  /** Path of the home that it is of. */
  home: string;
  /** Version of the build that the home belonged to. */
  from: string | null;
  taken: "stopped" | "paused" | "live";
  note: string;
}
