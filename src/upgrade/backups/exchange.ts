import { constants, lstatSync, readdirSync } from "node:fs";
import { NymvisorError } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { asBytePath, type BytePath, bytesOf, decodePath, encodePath, joinPath } from "../archive/byte-path.ts";
import type { PathFilter } from "../archive/path-patterns.ts";
import type { RestoreJournal } from "./restore-journal.ts";

const PRIVATE = 0o700;

/**
 * What is to be exchanged for a whole home to become what was unpacked: everything at its top, on either side, but for
 * `nymvisor`.
 */
export function wholeExchange(home: string, unpacked: string): BytePath[] {
  const names = new Set([...namesIn(encodePath(home)), ...namesIn(encodePath(unpacked))]);
  names.delete(asBytePath("nymvisor"));
  return [...names].sort();
}

/** What is to be exchanged for a part: what `only` asks for, or the first folder above it that the home does not have. */
export function partialExchange(home: string, unpacked: string, only: PathFilter): BytePath[] {
  const names: BytePath[] = [];
  const visit = (folder: BytePath) => {
    for (const child of namesIn(joinPath(encodePath(unpacked), folder))) {
      const name = joinPath(folder, child);
      const isOnTheWay = !only(name) && isFolder(encodePath(unpacked), name) && isFolder(encodePath(home), name);
      if (isOnTheWay) visit(name);
      else names.push(name);
    }
  };
  visit(asBytePath(""));
  return names;
}

/**
 * Exchanges, name by name, or goes on where it was interrupted: what is still among what was unpacked has not taken its
 * place yet. Durable when it returns.
 */
export function exchange({ home, unpacked, replaced, names, stays }: RestoreJournal): void {
  const [from, to, aside] = [encodePath(unpacked), encodePath(home), encodePath(replaced)];
  for (const name of names) {
    const isNew = isThere(from, name);
    // Without anything new in wait for it, what is in the home has taken its place, or goes for nothing.
    const goes = isNew || !wasUnpacked(aside, name);
    if (goes && isThere(to, name)) moveAside(to, aside, name);
    if (isNew) bulkDisk.renameSync(at(from, name), at(to, name));
    if (isNew) note(aside, name);
  }
  for (const name of stays) {
    if (isThere(to, name) || !isThere(aside, name)) continue;
    makeFoldersAbove(to, name);
    bulkDisk.renameSync(at(aside, name), at(to, name));
  }
  const folder = bulkDisk.openSync(home, constants.O_RDONLY | constants.O_DIRECTORY, 0);
  try {
    bulkDisk.syncFileSystem(folder);
  } finally {
    bulkDisk.closeSync(folder);
  }
}

function at(root: BytePath, name: BytePath): Buffer {
  return bytesOf(joinPath(root, name));
}
