import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { explanation } from "../../system/durable.ts";
import { type BytePath, bytesOf, decodePath } from "../archive/byte-path.ts";
import type { TarEntry } from "../archive/tar-header.ts";

/** Something that could not be kept, and why. */
export interface Kept {
  name: BytePath;
  why: string;
}

/** The file system keeps no such attribute, or only root may set it. */
const REFUSALS: ReadonlySet<string> = new Set(["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP"]);

/**
 * Gives what was put at `path` the owner (as root only), attributes, mode and time that it had.
 * @returns the attributes that the system did not take.
 */
export function keepMetadata(path: BytePath, entry: TarEntry): Kept[] {
  const bytes = bytesOf(path);
  const notKept: Kept[] = [];
  // In this order: a new owner costs a file its setuid bits and its capabilities, an attribute may change the mode.
  if (process.geteuid?.() === 0) bulkDisk.lchownSync(bytes, entry.uid, entry.gid);
  for (const { name, value } of entry.attributes ?? []) {
    try {
      bulkDisk.setAttribute(bytes, bytesOf(name), value);
    } catch (error) {
      if (!REFUSALS.has(errorCode(error) ?? "")) throw error;
      notKept.push({ name: entry.name, why: `its attribute ${decodePath(name)}: ${explanation(error)}` });
    }
  }
  if (entry.kind !== "symbolic link") bulkDisk.chmodSync(bytes, entry.mode & 0o7777);
  bulkDisk.setModificationTime(bytes, entry.mtime);
  return notKept;
}
