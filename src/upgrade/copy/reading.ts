import { constants, openSync, statfsSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { systemClock } from "../../system/clock.ts";
import { isClean } from "../../system/file-calls.ts";
import { type FileStat, lookAtOpen } from "../../system/file-stat.ts";
import { type BytePath, bytesOf } from "../archive/byte-path.ts";
import { libc } from "../archive/libc.ts";
import { cannotRead } from "../archive/walk.ts";

/*
 * A file is copied while the daemon may write to it, and not looked into again if a later stat finds inode, size, mtime
 * and ctime as they were. That is sound if every byte that reaches the file after it was read moves its ctime away from
 * the value that was recorded. The kernel moves the ctime before it takes the bytes, so the recorded stat is taken before
 * anything else is done, and for each way in which bytes get into a file:
 *
 * - write(2) after the recorded stat sets the ctime to the moment of the call, which is later. "Later" must also mean
 *   "another value": the kernel's clock for times advances in ticks of up to 10 ms, and old file systems keep whole
 *   seconds. So a file counts as settled only if its recorded ctime is more than two seconds older than the beginning of
 *   the copy. (Git calls the others "racily clean".) A ctime of the future, after the clock was set back, is not older.
 * - write(2) that had set the ctime before the recorded stat, and was still taking its bytes when they were read: a write
 *   holds the inode's lock from before the one until after the other. On ext4 and btrfs SEEK_HOLE takes the same lock, on
 *   xfs every read does, and FICLONE does wherever there is one: by then such a write has ended, and its bytes are read.
 * - A store through a shared mapping moves the ctime only when it makes a page writable; later stores into that page are
 *   silent until the page is written back, which makes it read-only again. So after the recorded stat all dirty pages are
 *   written back: whichever page is stored into after that faults first, and moves the ctime past the recorded value,
 *   also if that happens between the write-back and the reading. Were the stat taken after the write-back, a page made
 *   writable in between would take silent stores for ever.
 *
 * The last one asks that the file system is told of such faults (page_mkwrite) and moves the ctime at once. Where that is
 * not known nothing ever counts as settled, so that at the stop everything is compared.
 */

/** How much older than the beginning of its copy a file's ctime must be. */
const TOO_NEAR = 2_000_000_000n;

/** By their numbers in linux/magic.h: ext2 to ext4, xfs, btrfs, f2fs. */
const TELLING_FILE_SYSTEMS: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010]);

/** lseek(2). */
const SEEK_HOLE = 4;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** What open(2) says when something else has taken the name since it was looked at. */
const REPLACED: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);

/** Undefined if it is no longer there, or no regular file any more. */
export function openSource(path: BytePath): number | undefined {
  try {
    return openSync(bytesOf(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (REPLACED.has(errorCode(error) ?? "")) return undefined;
    throw cannotRead(path, error);
  }
}

/** The reading of one open file. */
export interface Reading {
  /** As the file was before. What is written while it is read makes any later stat another one. */
  stat: FileStat;
  /** Whether a later stat that equals {@link Reading.stat} proves that nothing was written since. */
  isSettled: boolean;
}

/** Prepares an open file so that what is read from now on is proven by its times; see above. */
export async function beginReading(path: BytePath, file: number): Promise<Reading> {
  const began = systemClock.wall();
  const stat = lookAtOpen(file);
  libc().lseek(file, 0, SEEK_HOLE);
  if (isClean(file) !== true) await bulkDisk.fdatasync(file);
  return {
    stat,
    isSettled: stat.ctimeNs < began - TOO_NEAR && tellsOfStores(path, stat.dev),
  };
}

const telling = new Map<bigint, boolean>();

function tellsOfStores(path: BytePath, dev: bigint): boolean {
  let tells = telling.get(dev);
  if (tells === undefined) {
    try {
      tells = TELLING_FILE_SYSTEMS.has(statfsSync(bytesOf(path)).type);
    } catch (error) {
      // The name is gone, so this file has to be looked at again; another one of the device will tell.
      if (REPLACED.has(errorCode(error) ?? "")) return false;
      throw cannotRead(path, error);
    }
    telling.set(dev, tells);
  }
  return tells;
}
