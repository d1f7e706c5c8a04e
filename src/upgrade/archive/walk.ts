import { type BigIntStats, constants, lstatSync, readdirSync, statSync } from "node:fs";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { explanation } from "../../system/durable.ts";
import { asBytePath, type BytePath, bytesOf, decodePath, encodePath, joinPath } from "./byte-path.ts";

/** The folder of nymvisor's own files at the top of a home; what is in it describes the machine, not the daemon. */
const OWN_FOLDER = "nymvisor";

export type FileKind = "file" | "folder" | "symbolic link" | "socket" | "fifo" | "character device" | "block device";

/** A thing in a home, or (`gone`) one that was listed and had vanished when it was looked at. */
export type Found = { path: BytePath; name: BytePath } & (
  | { gone: false; kind: FileKind; stat: BigIntStats }
  | { gone: true }
);

/** A folder, whatever path leads to it. */
export interface FolderIdentity {
  dev: bigint;
  ino: bigint;
}

/** The folder at `path`, links followed; undefined if there is none. */
export function identifyFolder(path: string): FolderIdentity | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.isDirectory() ? { dev: stat.dev, ino: stat.ino } : undefined;
}

/**
 * Everything in a daemon's home that belongs into its backup: a folder before its contents, names in byte order. Links
 * are never followed, except that `home` may be one; mount points are entered. Left out are the top-level `nymvisor` and
 * the folders in `excluded`.
 * @throws {NymvisorError} for a folder that cannot be listed.
 */
export function* walkHome(home: string, excluded: readonly FolderIdentity[]): Generator<Found> {
  yield* walkFolder(encodePath(home), asBytePath(""), excluded);
}

function* walkFolder(folder: BytePath, prefix: BytePath, excluded: readonly FolderIdentity[]): Generator<Found> {
  let names: string[];
  try {
    names = readdirSync(bytesOf(folder), { encoding: "latin1" });
  } catch (error) {
    if (prefix === "" || errorCode(error) !== "ENOENT") throw cannotRead(folder, error);
    yield { path: folder, name: prefix, gone: true };
    return;
  }
  names.sort();
  for (const childName of names) {
    if (prefix === "" && childName === OWN_FOLDER) continue;
    const path = joinPath(folder, asBytePath(childName));
    const name = joinPath(prefix, asBytePath(childName));
    const stat = lookAt(path);
    if (stat === undefined) {
      yield { path, name, gone: true };
      continue;
    }
    const kind = kindOf(stat);
    if (kind === "folder" && excluded.some(({ dev, ino }) => dev === stat.dev && ino === stat.ino)) continue;
    yield { path, name, gone: false, kind, stat };
    if (kind === "folder") yield* walkFolder(path, name, excluded);
  }
}

function lookAt(path: BytePath): BigIntStats | undefined {
  try {
    return lstatSync(bytesOf(path), { bigint: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw cannotRead(path, error);
  }
}

const KINDS: ReadonlyMap<number, FileKind> = new Map([
  [constants.S_IFREG, "file"],
  [constants.S_IFDIR, "folder"],
  [constants.S_IFLNK, "symbolic link"],
  [constants.S_IFSOCK, "socket"],
  [constants.S_IFIFO, "fifo"],
  [constants.S_IFCHR, "character device"],
  [constants.S_IFBLK, "block device"],
]);

function kindOf(stat: BigIntStats): FileKind {
  const kind = KINDS.get(Number(stat.mode) & constants.S_IFMT);
  if (kind === undefined) throw new Error(`a file of unknown type: mode ${stat.mode.toString(8)}`);
  return kind;
}

/** More than any path has that a person made. */
const LONGEST_SHOWN = 1024;

/** A path of a home in an error or a report, on one line. */
export function showPath(path: BytePath): string {
  return printable(decodePath(path), LONGEST_SHOWN);
}

/** Why there is no backup: one that silently lacks a file would be worse than none. */
export function cannotRead(path: BytePath, error: unknown): NymvisorError {
  const shown = showPath(path);
  return new NymvisorError({
    what: "the daemon's home cannot be backed up",
    why: `${shown} cannot be read: ${explanation(error)}`,
    next: `let the user that runs nymvisor read it: ls -ld '${shown}'`,
    cause: error,
  });
}
