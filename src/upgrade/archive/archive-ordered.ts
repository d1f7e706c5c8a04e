import { NymvisorError } from "../../model/errors.ts";
import { foldersAt, makeBackupFolder, pathsFrom } from "../backup.ts";
import type { ArchiveOrder, ArchiveResult } from "./archive-order.ts";
import { pathFilter } from "./path-patterns.ts";
import { writeArchive } from "./write-archive.ts";

export type ArchiveProgress = { step: "write" | "compare"; done: number };

/**
 * Writes the archive that was ordered, reads it back whole, and compares it with its manifest before it gets its name.
 * When it returns the archive is durable; when it throws nothing of it is left.
 * @throws {NymvisorError} as `writeArchive`, and when something changed a tree that nothing may change.
 */
export async function archiveAsOrdered(
  order: ArchiveOrder,
  signal: AbortSignal,
  onProgress: (progress: ArchiveProgress) => void,
): Promise<ArchiveResult> {
  const { tree, head, backups, kind, at, exclude, held, leftOut, still } = order;
  const folder = makeBackupFolder(backups, order.folder);
  return writeArchive({
    tree,
    head,
    names: () => pathsFrom(folder, at, kind),
    readBack: true,
    excluded: foldersAt(backups, folder),
    leaveOut: pathFilter(exclude),
    leftOutBefore: leftOut,
    held: new Map(held.map(({ name, ...file }) => [name, file])),
    inBackground: true,
    signal,
    onProgress: (done) => onProgress({ step: "write", done }),
    onReadBack: (done) => onProgress({ step: "compare", done }),
    accept({ disturbed: [first] }) {
      if (!still || first === undefined) return;
      throw new NymvisorError({
        what: `the copy was changed while it was archived: ${first.path}`,
        why: `it ${first.how}, and nothing may touch it before the archive is whole`,
      });
    },
  });
}
