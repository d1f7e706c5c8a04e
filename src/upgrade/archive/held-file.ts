import type { FileStat } from "../../system/file-stat.ts";

/**
 * A file that the copy of a home holds by a second hard link instead of its own bytes: the daemon can make it anew, so it
 * was not worth keeping the node down for. The daemon may have changed it since in place; whether it did shows in what
 * the kernel notes with every write. A store through a mapping counts as one: the mappings of the old process ended with
 * it, and the first store through a new one moves the time (file_update_time in the file systems' page_mkwrite).
 */
export interface HeldFile {
  dev: bigint;
  ino: bigint;
  size: bigint;
  mode: bigint;
  uid: bigint;
  gid: bigint;
  nlink: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
}

/** What has become of a held file since `before`; undefined: it is proven to be as it was. */
export function changeSince(before: HeldFile, now: HeldFile): string | undefined {
  if (now.dev !== before.dev || now.ino !== before.ino) return "it is another file";
  if (now.size !== before.size) return "its size has changed";
  if (now.mtimeNs !== before.mtimeNs) return "it was written to";
  if (now.mode !== before.mode || now.uid !== before.uid || now.gid !== before.gid) return "its rights have changed";
  // The daemon's own name for it goes when it puts a new file there, and that alone may move the time.
  if (now.ctimeNs !== before.ctimeNs && now.nlink >= before.nlink) return "its inode was changed";
  return undefined;
}

export function heldFile({
  dev,
  ino,
  size,
  mode,
  uid,
  gid,
  nlink,
  mtimeNs,
  ctimeNs,
}: Pick<FileStat, keyof HeldFile>): HeldFile {
  return { dev, ino, size, mode, uid, gid, nlink, mtimeNs, ctimeNs };
}
