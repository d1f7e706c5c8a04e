import { accessSync, constants, lstatSync, readdirSync, realpathSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BackupKind } from "../model/backups.ts";
import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import { isWithin } from "../model/paths.ts";
import { disk } from "../system/disk.ts";
import { explanation, makeFolderDurably, sweepTemporaries } from "../system/durable.ts";
import { type BackupFacts, manifestHead } from "./archive/manifest.ts";
import { type HomeSize, measureHome } from "./archive/measure-home.ts";
import { pathFilter } from "./archive/path-patterns.ts";
import { type FolderIdentity, identifyFolder } from "./archive/walk.ts";
import { type WrittenArchive, writeArchive } from "./archive/write-archive.ts";

/**
 * Saves a daemon's home while the daemon is stopped: every second here is downtime. So the home is walked once, read
 * straight into the chunks that are compressed in parallel, and the disk works while the processors do.
 */

/** Backups hold the node's keys (invariant 10). */
const FOLDER_MODE = 0o700;

/** What has to stay free for the node that starts afterwards. */
const MARGIN = 32 << 20;

const MILLISECOND = 1_000_000n;

export interface BackupRequest {
  /** The daemon's home, absolute; it may be a link. */
  home: string;
  /** Where backups lie, absolute; made if it is missing. */
  backups: string;
  /** The upgrade's name, already found fit for a folder. */
  name: string;
  /** Becomes the stamp in the file's name. */
  at: Instant;
  signal?: AbortSignal | undefined;
  /** What the manifest tells about the backup; without it, only when and of which home it was taken. */
  facts?: BackupFacts | undefined;
  /** Glob patterns of `[backup] exclude`. */
  exclude?: readonly string[] | undefined;
  /** The contents that {@link checkBackupRoom} counted, as the total of the progress. */
  expectedBytes?: number | undefined;
  /** Bytes of contents that were read so far, at most once a mebibyte, and the total if one was expected. */
  onProgress?: ((done: number, total: number | null) => void) | undefined;
}

export type Backup = WrittenArchive;

/** Of a home that was stopped for an upgrade, where nobody says more. */
function unknownFacts(upgrade: string): BackupFacts {
  return { daemon: null, upgrade, from: null, taken: "stopped", note: "" };
}

/**
 * Archives the stopped home as `<backups>/<name>/backup-<stamp>-preupgrade.tar.gz`, without its top-level `nymvisor` and
 * without the backups. An existing file is never replaced: a taken stamp is counted up by a millisecond.
 *
 * When it returns, the archive, its name and the folders above it are durable. When it throws, nothing is left behind.
 * @throws {NymvisorError} when something in the home cannot be read, when the archive cannot be written, and when the
 * signal is aborted.
 */
export async function backUp(request: BackupRequest): Promise<Backup> {
  const { home, backups, name, at, signal, onProgress, expectedBytes, exclude = [] } = request;
  refuseHomeInBackups(home, backups);
  const folder = makeBackupFolder(backups, name);
  try {
    return await writeArchive({
      tree: home,
      head: manifestHead(request.facts ?? unknownFacts(name), home, at),
      names: () => pathsFrom(folder, at, "preupgrade"),
      readBack: false,
      excluded: foldersAt(backups, folder),
      leaveOut: pathFilter(exclude),
      signal,
      onProgress: (done) => onProgress?.(done, expectedBytes === undefined ? null : Math.max(done, expectedBytes)),
    });
  } catch (error) {
    throw signal?.aborted && !(error instanceof NymvisorError) ? interrupted(home, signal) : error;
  }
}

export interface BackupRoom extends HomeSize {
  /** Bytes that the backup takes at worst, and a margin for the node that starts afterwards. */
  needed: number;
  /** Bytes that this process may still write where the backups lie. */
  available: number;
  /** What a copy of the home would need besides, on the home's own file system, and what there is for it. */
  forCopy: { needed: number; available: number };
}

export interface BackupRoomRequest extends Pick<BackupRequest, "home" | "backups" | "exclude"> {
  /** An upgrade whose folder is made already, so that what would keep it from being made shows now. */
  name?: string;
}

/**
 * What a backup made now would need, and what there is. It is asked while the daemon runs.
 * @throws {NymvisorError} when the home holds something that cannot be read, and when backups cannot be written there.
 */
export async function checkBackupRoom({ home, backups, name, exclude }: BackupRoomRequest): Promise<BackupRoom> {
  refuseHomeInBackups(home, backups);
  const size = await measureHome(home, foldersAt(backups), pathFilter(exclude ?? []));
  const nearest = nearestFolder(backups);
  requireWritable(nearest);
  if (name !== undefined) makePrivateFolder(join(backups, name));
  const { bavail, bsize } = statfsSync(nearest);
  const needed = size.archiveBytes + MARGIN;
  const available = bavail * bsize;
  return {
    ...size,
    needed,
    available,
    forCopy: roomForCopy(home, nearest, size.sourceBytes, available - size.archiveBytes),
  };
}

/** @param left what is left where the backups lie once there is an archive. */
function roomForCopy(home: string, nearestBackups: string, bytes: number, left: number): BackupRoom["forCopy"] {
  const { bavail, bsize } = statfsSync(home);
  const isSameDisk = statSync(home).dev === statSync(nearestBackups).dev;
  return { needed: bytes + MARGIN, available: isSameDisk ? left : bavail * bsize };
}

/** Removes what backups left behind whose processes were killed, and returns the paths. */
export function sweepUnfinishedBackups(backups: string): string[] {
  let names: string[];
  try {
    names = readdirSync(backups);
  } catch (error) {
    // A folder that is not there, or cannot be used: checkBackupRoom says what is wrong with it when it matters.
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(errorCode(error) ?? "")) return [];
    throw error;
  }
  return names.flatMap((name) => sweepTemporaries(join(backups, name)));
}

/** The paths that a backup of that moment may take, the first first. */
export function* pathsFrom(folder: string, at: Instant, kind: BackupKind): Generator<string> {
  for (let instant = at; ; instant += MILLISECOND) {
    yield join(folder, `backup-${formatStamp(instant)}-${kind}.tar.gz`);
  }
}

/** The private folder of one upgrade's backups, durable. @throws {NymvisorError} if it cannot be made. */
export function makeBackupFolder(backups: string, name: string): string {
  const folder = join(backups, name);
  makePrivateFolder(folder);
  return folder;
}

/** The folder of one upgrade is nymvisor's, so it is closed even if it was there before; those above it may not be. */
function makePrivateFolder(folder: string): void {
  makeFolderDurably(folder, { mode: FOLDER_MODE });
  try {
    if (lstatSync(folder).isDirectory()) disk.chmodSync(folder, FOLDER_MODE);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

/** Then everything in the home would be a backup, and nothing would be saved. */
function refuseHomeInBackups(home: string, backups: string): void {
  if (identifyFolder(home) === undefined || identifyFolder(backups) === undefined) return;
  if (!isWithin(realpathSync(home), realpathSync(backups))) return;
  throw new NymvisorError({
    what: "the daemon's home lies in the folder for its backups",
    why: `the home is ${home}, the folder ${backups}`,
    next: "set backup_data_directory (DAEMON_BACKUP_DATA_DIRECTORY) to a folder that does not hold the home",
  });
}

export function foldersAt(...paths: string[]): FolderIdentity[] {
  return paths.map(identifyFolder).filter((folder) => folder !== undefined);
}

/** The folder itself, or the first one above it that exists. */
function nearestFolder(path: string): string {
  return identifyFolder(path) !== undefined || dirname(path) === path ? path : nearestFolder(dirname(path));
}

function requireWritable(folder: string): void {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

function cannotWrite(folder: string, error: unknown): NymvisorError {
  return new NymvisorError({
    what: `the backup cannot be written to ${folder}`,
    why: explanation(error),
    next: `let it belong to the user that runs nymvisor: ls -ld '${folder}'`,
    cause: error,
  });
}

function interrupted(home: string, signal: AbortSignal): NymvisorError {
  return new NymvisorError({
    what: `the backup of ${home} was stopped before it was complete`,
    why: reasonOf(signal.reason),
    next: "nothing of it was kept; it is made again when the upgrade is",
    cause: signal.reason,
  });
}
