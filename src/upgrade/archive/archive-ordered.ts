import { NymvisorError } from "../../model/errors.ts";
import { bootId } from "../../system/process-table.ts";
import { foldersAt, makeBackupFolder, pathsFrom } from "../backup.ts";
import { readFinishedCopy } from "../copy/finished-copy.ts";
import { settleCopy } from "../copy/settle-copy.ts";
import { Pace } from "../pace.ts";
import type { ArchiveOrder, ArchiveResult } from "./archive-order.ts";
import type { TreeOptions } from "./archive-tree.ts";
import type { HeldFile } from "./held-file.ts";
import { pathFilter } from "./path-patterns.ts";
import { writeArchive } from "./write-archive.ts";

export type ArchiveProgress = { step: "write" | "compare"; done: number };

/**
 * Writes the archive that was ordered, reads it back whole, and compares it with its manifest before it gets its name.
 * When it returns the archive is durable; when it throws nothing of it is left, and the copy stays.
 * @throws {NymvisorError} as `writeArchive`, if there is no such copy, and when something has changed it.
 */
export async function archiveAsOrdered(
  order: ArchiveOrder,
  signal: AbortSignal,
  onProgress: (progress: ArchiveProgress) => void,
): Promise<ArchiveResult> {
  const { source, head, backups, kind, at } = order;
  const folder = makeBackupFolder(backups, order.folder);
  const excluded = foldersAt(backups, folder);
  const what = "copy" in source ? await ofCopy(source.copy, signal) : ofHome(source.home, order.exclude);
  return writeArchive({
    ...what,
    excluded,
    head,
    names: () => pathsFrom(folder, at, kind),
    readBack: true,
    signal,
    onProgress: (done) => onProgress({ step: "write", done }),
    onReadBack: (done) => onProgress({ step: "compare", done }),
    accept({ disturbed: [first] }) {
      if (first === undefined) return;
      throw new NymvisorError({
        what: `${first.path} was touched while it was archived`,
        why: `it ${first.how}, and nothing may change it before the archive is whole`,
        next: "the archive is made again",
      });
    },
  });
}

type Source = Pick<TreeOptions, "leaveOut" | "leftOutBefore" | "held" | "pace"> & { tree: string };

/** Its own folder is its home's, so the copy lies in no tree that is read here. */
async function ofCopy(path: string, signal: AbortSignal): Promise<Source> {
  const finished = readFinishedCopy(path);
  if (finished === undefined) throw new NymvisorError({ what: `there is no complete copy at ${path}` });
  const copy = await settleCopy(finished, signal);
  // Across a boot nothing tells whether the bytes of a file that was not made durable are those that it had.
  const sameBoot = copy.bootId === bootId();
  const held = copy.held.map(({ name, file }): [typeof name, HeldFile] => [name, sameBoot ? file : NOBODY]);
  return { tree: copy.tree, leftOutBefore: copy.leftOut, held: new Map(held), pace: new Pace() };
}

/** What no file is, so that one that is held up to it counts as changed. */
const NOBODY: HeldFile = {
  dev: -1n,
  ino: -1n,
  size: -1n,
  mode: -1n,
  uid: -1n,
  gid: -1n,
  nlink: -1n,
  mtimeNs: -1n,
  ctimeNs: -1n,
};

function ofHome(home: string, exclude: readonly string[]): Source {
  return { tree: home, leaveOut: pathFilter(exclude) };
}
