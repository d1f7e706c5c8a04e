import { lstatSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";

/** What link(2) says where there are no hard links: FAT, CIFS and some that are mounted through FUSE. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK"]);

/**
 * Gives a file of the same folder the first of `names` that is free, and returns it. Unlike rename(2), link(2) replaces
 * nothing, so a file that another process puts there at the same moment is safe; only a file system without hard links
 * has to do with a look beforehand.
 * @param link for tests.
 */
export function moveToFreeName(temporary: string, names: Iterable<string>, link = bulkDisk.linkSync): string {
  for (const path of names) {
    try {
      link(temporary, path);
      bulkDisk.unlinkSync(temporary);
      return path;
    } catch (error) {
      const code = errorCode(error);
      if (code === "EEXIST") continue;
      if (!NO_LINKS.has(code)) throw error;
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
      bulkDisk.renameSync(temporary, path);
      return path;
    }
  }
  throw new Error("every name for it is taken");
}
