import { constants } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { errorCode, NymvisorError } from "../model/errors.ts";
import { disk } from "./disk.ts";
import { isAlive, self } from "./process-table.ts";

/**
 * The only place that changes what must survive a loss of power. The order is the one that rename(2) and fsync(2) ask
 * for: contents into a temporary file of the same folder, fsync, rename, fsync of the folder. Until the rename the old
 * file stands; after the last fsync the new one does, whatever happens.
 *
 * Everything here is synchronous: the files are small, the order is the point, and nothing else may run in between.
 */

export interface WriteOptions {
  /** Exact permission bits, whatever the umask. Without it: those of the file that is replaced, else 0666 less the umask. */
  mode?: number;
}

let sequence = 0;

/** Hidden, in the same folder, and naming its writer, so that {@link sweepTemporaries} knows when it is orphaned. */
export function temporaryName(path: string): string {
  const { pid, startTime } = self();
  sequence += 1;
  return join(dirname(path), `.${basename(path)}.tmp-${pid}-${startTime}-${sequence}`);
}

const TEMPORARY = /^\..+\.tmp-(\d+)-(\d+)-\d+$/;

/**
 * Replaces the file at `path`, or makes it. When it returns the new contents are durable; when it throws the old ones
 * are untouched. A symbolic link is followed, so that an operator's linked configuration stays linked.
 */
export function writeFileDurably(path: string, data: string | Uint8Array, { mode }: WriteOptions = {}): void {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  let temporary: string | undefined;
  try {
    const target = followLinks(path);
    temporary = temporaryName(target);
    writeWhole(temporary, bytes, mode ?? modeOf(target));
    disk.renameSync(temporary, target);
    temporary = undefined;
    syncFolder(dirname(target));
  } catch (error) {
    if (temporary !== undefined) removeQuietly(temporary);
    throw explainWrite(path, error);
  }
}

/** A service with a strict umask must not close documents that others could read until then. */
function modeOf(path: string): number | undefined {
  const found = disk.lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.mode & 0o777 : undefined;
}

/** A new file with exactly these bytes, durable but for its name. */
function writeWhole(path: string, bytes: Uint8Array, mode: number | undefined): void {
  const file = disk.openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode ?? 0o666);
  try {
    if (mode !== undefined) disk.fchmodSync(file, mode);
    giveToOwnerOf(dirname(path), (uid, gid) => disk.fchownSync(file, uid, gid));
    for (let written = 0; written < bytes.length; )
      written += disk.writeSync(file, bytes, written, bytes.length - written);
    if (disk.fstatSync(file).size !== bytes.length)
      throw new Error("the file system kept fewer bytes than were written");
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
  if (!disk.readFileSync(path).equals(bytes)) throw new Error("what was read back differs from what was written");
}

/** Makes `path` a symbolic link to `target`, in one step for every reader: it is never missing and never half made. */
export function replaceLinkDurably(path: string, target: string): void {
  const temporary = temporaryName(path);
  try {
    disk.symlinkSync(target, temporary);
    giveToOwnerOf(dirname(path), (uid, gid) => disk.lchownSync(temporary, uid, gid));
    disk.renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw explainWrite(path, error);
  }
  syncFolder(dirname(path));
}

/** Gives a finished file its name, and the owner of its folder if root made it. The bytes and the name are durable when it returns. */
export function publishFileDurably(temporary: string, path: string): void {
  const file = disk.openSync(temporary, constants.O_RDONLY);
  try {
    giveToOwnerOf(dirname(path), (uid, gid) => disk.fchownSync(file, uid, gid));
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
  disk.renameSync(temporary, path);
  syncFolder(dirname(path));
}

/**
 * Lets everybody execute a file. Durable when it returns, also where somebody who was killed has done the first half.
 * The file's ctime moves only if its mode does.
 */
export function makeExecutableDurably(path: string): void {
  const file = disk.openSync(path, constants.O_RDONLY);
  try {
    const { mode } = disk.fstatSync(file);
    if ((mode & 0o111) !== 0o111) disk.fchmodSync(file, (mode & 0o7777) | 0o111);
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
}

/** Removes a file, durably. One that is not there is no error. */
export function removeFileDurably(path: string): void {
  try {
    disk.unlinkSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw explainWrite(path, error);
  }
  syncFolder(dirname(path));
}

/**
 * Makes a folder and those above it; each new one, and its name in the one above, is durable when it returns. So is the
 * name of the first that is there: whoever made it may have been killed before that was seen to.
 */
export function makeFolderDurably(path: string, { mode }: WriteOptions = {}): void {
  const missing: string[] = [];
  let there = path;
  for (; !isFolder(there) && dirname(there) !== there; there = dirname(there)) missing.unshift(there);
  syncIfReadable(dirname(there));
  for (const folder of missing) {
    try {
      disk.mkdirSync(folder, mode === undefined ? {} : { mode });
      if (mode !== undefined) disk.chmodSync(folder, mode);
      giveToOwnerOf(dirname(folder), (uid, gid) => disk.lchownSync(folder, uid, gid));
    } catch (error) {
      // Another nymvisor may be making the same folder at this moment.
      if (errorCode(error) !== "EEXIST" || !isFolder(folder)) {
        throw new NymvisorError({
          what: `the folder ${folder} cannot be made`,
          why: explanation(error),
          next: remedy(error, folder),
          cause: error,
        });
      }
    }
    syncFolder(dirname(folder));
  }
}

/** A folder that may be entered and not listed cannot be synced; what nymvisor makes lies in no such folder. */
function syncIfReadable(path: string): void {
  try {
    syncFolder(path);
  } catch (error) {
    if (errorCode(error) !== "EACCES") throw error;
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const folder = disk.openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    disk.fsyncSync(folder);
  } finally {
    disk.closeSync(folder);
  }
}

/**
 * Keeps a file that cannot be used under another name, `<name>.corrupt-<time>`, and returns that name. Nothing is ever
 * overwritten: a taken name gets a number.
 */
export function setAside(path: string, stamp: string, why = "corrupt"): string {
  for (let attempt = 0; ; attempt += 1) {
    const kept = `${path}.${why}-${stamp}${attempt === 0 ? "" : `-${attempt}`}`;
    if (disk.lstatSync(kept, { throwIfNoEntry: false }) !== undefined) continue;
    disk.renameSync(path, kept);
    syncFolder(dirname(path));
    return kept;
  }
}

/** Removes the temporary files in a folder whose writers are dead, and returns their paths. */
export function sweepTemporaries(folder: string): string[] {
  let names: string[];
  try {
    names = disk.readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
  const swept: string[] = [];
  for (const name of names) {
    const [, pid, startTime] = TEMPORARY.exec(name) ?? [];
    if (pid === undefined || startTime === undefined) continue;
    if (isAlive({ pid: Number(pid), startTime: Number(startTime) })) continue;
    const path = join(folder, name);
    disk.rmSync(path, { force: true, recursive: true });
    swept.push(path);
  }
  return swept;
}

/** Where a link chain ends, also when nothing is there yet. */
function followLinks(path: string): string {
  const found = disk.lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isSymbolicLink()) return path;
  try {
    return disk.realpathSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return followLinks(resolve(disk.realpathSync(dirname(path)), disk.readlinkSync(path)));
  }
}

/**
 * What root makes in another user's folder belongs to that user: `sudo nymvisor add-upgrade` must not leave files that
 * the service, which runs as that user, cannot replace.
 */
export function giveToOwnerOf(folder: string, chown: (uid: number, gid: number) => void): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = disk.statSync(folder);
  if (uid !== 0) chown(uid, gid);
}

function isFolder(path: string): boolean {
  try {
    return disk.statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Best effort while another error is on its way: what is left is swept at the next start. */
function removeQuietly(path: string): void {
  try {
    disk.unlinkSync(path);
  } catch {}
}

function explainWrite(path: string, error: unknown): NymvisorError {
  return new NymvisorError({
    what: `${path} cannot be written`,
    why: explanation(error),
    next: remedy(error, dirname(path)),
    cause: error,
  });
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the device (ENOSPC)",
  EDQUOT: "the disk quota is used up (EDQUOT)",
  EFBIG: "the file would be larger than this process may write (EFBIG)",
  EROFS: "the file system is mounted read-only (EROFS)",
  EACCES: "permission is denied (EACCES)",
  EPERM: "the operation is not permitted (EPERM)",
  EIO: "the device reports an input/output error (EIO)",
  EMFILE: "this process has too many open files (EMFILE)",
  ENFILE: "the system has too many open files (ENFILE)",
  ENOENT: "it is not there (ENOENT)",
  ENOTDIR: "a part of the path is not a folder (ENOTDIR)",
  EISDIR: "it is a folder (EISDIR)",
  ENAMETOOLONG: "a name in the path is too long (ENAMETOOLONG)",
  ELOOP: "the path leads through too many links (ELOOP)",
};

/** A system error in plain words, with its name. */
export function explanation(error: unknown): string {
  const code = errorCode(error);
  return (code !== undefined && MEANINGS[code]) || (error instanceof Error ? error.message : String(error));
}

function remedy(error: unknown, folder: string): string | undefined {
  switch (errorCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return `make room there: df -h ${folder}`;
    case "EACCES":
    case "EPERM":
      return `check who owns it: ls -ld ${folder}`;
    default:
      return undefined;
  }
}
