import { accessSync, constants } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { bytesOf } from "./byte-path.ts";
import type { PathFilter } from "./path-patterns.ts";
import { cannotRead, type FolderIdentity, walkHome } from "./walk.ts";

/** A home's size in bytes, as its backup will find it if nothing changes. */
export interface HomeSize {
  /** Regular files, each once however many names it has. */
  files: number;
  /** Their contents: what progress counts up to. */
  sourceBytes: number;
  /** The archive if nothing could be compressed. Holes of sparse files count as the little that they become. */
  archiveBytes: number;
}

/** A header and an extended one, with its records, and a line of the manifest, for an entry of an ordinary name. */
const ENTRY_OVERHEAD = 2560;

/** Small files may live in the inode, with no block of their own. */
const SMALLEST = 4096;

/** Entries that are looked at before the event loop gets a turn: a few milliseconds' worth. */
const BATCH = 512;

/**
 * Walks a home as its backup will, while the daemon may still be running.
 * @throws {NymvisorError} for what this process may not read: better now than once the daemon has stopped.
 */
export async function measureHome(
  home: string,
  excluded: readonly FolderIdentity[],
  leaveOut: PathFilter = () => false,
): Promise<HomeSize> {
  const size: HomeSize = { files: 0, sourceBytes: 0, archiveBytes: 0 };
  const seen = new Set<string>();
  let entries = 0;
  for (const found of walkHome(home, excluded, { leaveOut })) {
    entries += 1;
    if (entries % BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
    if (found.gone) continue;
    size.archiveBytes += ENTRY_OVERHEAD;
    if (found.kind !== "file") continue;
    const { stat, path } = found;
    if (stat.hasSeveralNames) {
      const identity = `${stat.dev}:${stat.ino}`;
      if (seen.has(identity)) continue;
      seen.add(identity);
    }
    try {
      accessSync(bytesOf(path), constants.R_OK);
    } catch (error) {
      if (errorCode(error) === "ENOENT") continue;
      throw cannotRead(path, error);
    }
    const contents = Number(stat.size);
    const allocated = Math.max(Number(stat.blocks) * 512, SMALLEST);
    size.files += 1;
    size.sourceBytes += contents;
    size.archiveBytes += Math.min(contents, allocated) + Math.ceil(contents / 1000);
  }
  return size;
}
