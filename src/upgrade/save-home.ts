import { join } from "node:path";
import { formatBytes } from "../model/bytes.ts";
import type { VersionRecord } from "../model/documents.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import type { Layout } from "../model/paths.ts";
import type { Clock } from "../system/clock.ts";
import { makeFolderDurably } from "../system/durable.ts";
import { showPath } from "./archive/walk.ts";
import { type BackupRoom, type backUp, type checkBackupRoom, foldersAt } from "./backup.ts";
import type { HomeCopy } from "./copy/home-copy.ts";
import type { warmUp } from "./copy/warm-up.ts";
import { noteArchiveOrder } from "./pending-archives.ts";

/**
 * Saves a home for an upgrade: a copy that is made while the daemon runs and brought up to date after the stop, so that
 * the stop hardly costs anything; or, where there is no room for one, an archive of the stopped home.
 */
export interface SaveContext {
  layout: Layout;
  clock: Clock;
  emit: Emit;
  signal: AbortSignal;
  /** Patterns of `[backup] exclude`. */
  exclude: readonly string[];
  /** Patterns of what the daemon makes anew if it is not there. */
  rebuildable: readonly string[];
  checkBackupRoom: typeof checkBackupRoom;
  backUp: typeof backUp;
  beginCopy: typeof HomeCopy.begin;
  warmUp: typeof warmUp;
}

/** A home that is being saved. */
export interface Saving {
  /** The folder of the copy; null where the archive is written straight from the home. */
  copy: string | null;
  /** Everything that can be done while the daemon runs. */
  prepare(): Promise<void>;
  /**
   * After the stop. When it returns, the home is saved, complete and durable.
   * @param mapped what the daemon had mapped writable and shared just before: see `mappedShared`.
   * @returns the path of the copy or the archive.
   */
  finish(at: Instant, mapped: ReadonlySet<string>): Promise<string>;
  /** Removes what was made of it. */
  discard(): Promise<void>;
}

export interface SaveRequest {
  /** Of the upgrade. */
  name: string;
  /** What the home was last run with; undefined: nobody knows. */
  from: VersionRecord | undefined;
  /** The path of what is started after the stop. */
  program: string;
}

/** Rounds end when one has copied less than this: a stop copies that in a few milliseconds. */
const SMALL_ROUND = 4 << 20;
const MOST_ROUNDS = 4;

/** @throws {NymvisorError} if there is no room for a backup of any kind, or the home cannot be read. */
export async function startSaving(context: SaveContext, request: SaveRequest): Promise<Saving> {
  const { layout, exclude } = context;
  const { home, backups } = layout;
  const room = await context.checkBackupRoom({ home, backups, name: request.name, exclude });
  if (room.needed > room.available) {
    throw new NymvisorError({
      what: "there is no room for the backup",
      why: `it may need ${formatBytes(room.needed)}, and ${backups} has ${formatBytes(room.available)}`,
      next: `make room there: df -h ${backups}`,
    });
  }
  if (room.forCopy.needed <= room.forCopy.available) return saveByCopy(context, request);
  context.emit({
    type: "backup.no-room-for-copy",
    name: request.name,
    needed: room.forCopy.needed,
    available: room.forCopy.available,
    bytes: room.sourceBytes,
  });
  return saveByArchive(context, request, room);
}

function saveByArchive(context: SaveContext, { name }: SaveRequest, room: BackupRoom): Saving {
  const { layout, clock, emit, signal, exclude } = context;
  return {
    copy: null,
    async prepare() {},
    async finish(at) {
      emit({ type: "backup.started", name, path: layout.backups });
      const began = clock.monotonic();
      const backup = await context.backUp({
        home: layout.home,
        backups: layout.backups,
        name,
        at,
        signal,
        exclude,
        expectedBytes: room.sourceBytes,
        onProgress: (done, total) => emit({ type: "progress", task: "backup", name, done, total }),
      });
      for (const { path, kind } of backup.leftOut) emit({ type: "backup.left-out", path, kind });
      for (const { path, how } of backup.disturbed) emit({ type: "backup.disturbed", path, how });
      const { path, bytes } = backup;
      emit({ type: "backup.done", name, path, bytes, took: clock.monotonic() - began });
      return path;
    },
    async discard() {},
  };
}

async function saveByCopy(context: SaveContext, { name, from, program }: SaveRequest): Promise<Saving> {
  const { layout, clock, emit, signal, exclude, rebuildable } = context;
  const destination = join(layout.copies, `${name}-${formatStamp(clock.wall())}`);
  let copy: HomeCopy | undefined;
  return {
    copy: destination,
    async prepare() {
      const began = clock.monotonic();
      emit({ type: "copy.started", name, path: destination });
      makeFolderDurably(layout.copies, { mode: 0o700 });
      const source = { home: layout.home, excluded: foldersAt(layout.backups), exclude, rebuildable, signal };
      copy = await context.beginCopy({
        ...source,
        destination,
        onProgress: (done, total) => emit({ type: "progress", task: "copy", name, done, total }),
      });
      let bytes = 0;
      for (let round = 1; round <= MOST_ROUNDS; round += 1) {
        const copied = await copy.round();
        bytes += copied.bytes;
        if (copied.bytes < SMALL_ROUND) break;
      }
      // Ours too: what the stop needs of it was not needed all the while.
      await context.warmUp({ ...source, programs: [process.execPath, program] });
      emit({ type: "copy.prepared", name, bytes, took: clock.monotonic() - began });
    },
    async finish(at, mapped) {
      if (copy === undefined) throw new Error("the copy was not prepared");
      const began = clock.monotonic();
      const finished = await copy.finish({ mapped });
      noteArchiveOrder(finished.path, { name, from: from?.version ?? null, at });
      for (const { name: path, reason } of finished.leftOut) {
        emit({ type: "backup.left-out", path: showPath(path), kind: reason });
      }
      for (const { name: path, how } of finished.disturbed) {
        emit({ type: "backup.disturbed", path: showPath(path), how });
      }
      const { atStop } = finished;
      emit({ type: "copy.done", name, path: finished.path, ...atStop, took: clock.monotonic() - began });
      return finished.path;
    },
    async discard() {
      await copy?.discard();
    },
  };
}
