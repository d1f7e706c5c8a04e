import { constants } from "node:fs";
import { NymvisorError } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { asBytePath, type BytePath, bytesOf, decodePath, encodePath, joinPath } from "../archive/byte-path.ts";
import type { PathFilter } from "../archive/path-patterns.ts";
import type { Exchange, ExchangedName } from "./restore-journal.ts";

const PRIVATE = 0o700;

/**
 * What is to be exchanged for a whole home to become what was unpacked: everything at its top, on either side, but for
 * `nymvisor`.
 */
export function wholeExchange(home: string, unpacked: string): ExchangedName[] {
  const fresh = new Set(namesIn(encodePath(unpacked)));
  const names = new Set([...namesIn(encodePath(home)), ...fresh]);
  names.delete(asBytePath("nymvisor"));
  return [...names].sort().map((name) => ({ name, isNew: fresh.has(name) }));
}

/** What is to be exchanged for a part: what `only` asks for, or the first folder above it that the home does not have. */
export function partialExchange(home: string, unpacked: string, only: PathFilter): ExchangedName[] {
  const [from, to] = [encodePath(unpacked), encodePath(home)];
  const names: ExchangedName[] = [];
  const visit = (folder: BytePath) => {
    for (const child of namesIn(joinPath(from, folder))) {
      const name = joinPath(folder, child);
      if (!only(name) && isFolder(from, name) && isFolder(to, name)) visit(name);
      else names.push({ name, isNew: true });
    }
  };
  visit(asBytePath(""));
  return names;
}

/**
 * Exchanges, name by name, or goes on where it was interrupted: what still lies among what was unpacked has not taken its
 * place yet. Nothing is deleted. Durable when it returns.
 * @throws {NymvisorError} if somebody has put something in the way since.
 */
export async function exchange({ home, unpacked, replaced, names, stays }: Exchange): Promise<void> {
  const [from, to, aside] = [encodePath(unpacked), encodePath(home), encodePath(replaced)];
  for (const { name, isNew } of names) {
    const isWaiting = isNew && isThere(from, name);
    if ((isWaiting || !isNew) && isThere(to, name)) moveAside(to, aside, name);
    if (isWaiting) bulkDisk.renameSync(at(from, name), at(to, name));
  }
  for (const name of stays) {
    if (isThere(to, name) || !isThere(aside, name)) continue;
    makeFoldersAbove(to, name);
    bulkDisk.renameSync(at(aside, name), at(to, name));
  }
  // Only names have moved: what they lead to was durable before.
  const folders = new Set([...names.map(({ name }) => name), ...stays].flatMap(foldersAbove));
  for (const root of [aside, to, from]) {
    for (const name of folders) await syncIfThere(root, name);
  }
}

/** Whether nothing of it is left to be done. */
export function isExchanged({ home, unpacked, replaced, names, stays }: Exchange): boolean {
  const [from, to, aside] = [encodePath(unpacked), encodePath(home), encodePath(replaced)];
  return (
    names.every(({ name, isNew }) => (isNew ? !isThere(from, name) : !isThere(to, name) || isThere(aside, name))) &&
    stays.every((name) => isThere(to, name) || !isThere(aside, name))
  );
}

/** From the one that a name lies in up to the root. */
function foldersAbove(name: BytePath): BytePath[] {
  const end = name.lastIndexOf("/");
  if (end === -1) return [asBytePath("")];
  const folder = asBytePath(name.slice(0, end));
  return [folder, ...foldersAbove(folder)];
}

async function syncIfThere(root: BytePath, name: BytePath): Promise<void> {
  if (!isFolder(root, name)) return;
  const folder = bulkDisk.openSync(at(root, name), constants.O_RDONLY | constants.O_DIRECTORY, 0);
  try {
    await bulkDisk.fsync(folder);
  } finally {
    bulkDisk.closeSync(folder);
  }
}

function moveAside(home: BytePath, aside: BytePath, name: BytePath): void {
  if (isThere(aside, name)) {
    const shown = (root: BytePath) => printable(decodePath(joinPath(root, name)));
    throw new NymvisorError({
      what: "the restore cannot go on",
      why: `${shown(home)} came back after it had been moved to ${shown(aside)}`,
      next: `move one of the two away, and type the command again`,
    });
  }
  makeFoldersAbove(aside, name);
  bulkDisk.renameSync(at(home, name), at(aside, name));
}

/** Those between `root` and what `name` says, where they are missing. */
function makeFoldersAbove(root: BytePath, name: BytePath): void {
  for (let end = name.indexOf("/"); end !== -1; end = name.indexOf("/", end + 1)) {
    const folder = asBytePath(name.slice(0, end));
    if (!isThere(root, folder)) bulkDisk.mkdirSync(at(root, folder), PRIVATE);
  }
}

function at(root: BytePath, name: BytePath): Buffer {
  return bytesOf(joinPath(root, name));
}

function isThere(root: BytePath, name: BytePath): boolean {
  return bulkDisk.lstatSync(at(root, name)) !== undefined;
}

function isFolder(root: BytePath, name: BytePath): boolean {
  return bulkDisk.lstatSync(at(root, name))?.isDirectory() === true;
}

function namesIn(folder: BytePath): BytePath[] {
  return bulkDisk.readdirSync(bytesOf(folder)).map(asBytePath);
}
