import { type BigIntStats, constants, lstatSync, readdirSync, statSync } from "node:fs";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { explanation } from "../../system/durable.ts";
import { asBytePath, type BytePath, bytesOf, decodePath, encodePath, joinPath } from "./byte-path.ts";
import type { PathFilter } from "./path-patterns.ts";

/** The last entry of an archive tells what the archive holds. Unpacked by hand it lies in the home, and is nothing of it. */
export const MANIFEST_NAME = ".nymvisor-manifest.json";

/** What is nymvisor's at the top of a home: its folder describes the machine, not the daemon. */
const OWN: ReadonlySet<string> = new Set(["nymvisor", MANIFEST_NAME]);

export type FileKind = "file" | "folder" | "symbolic link" | "socket" | "fifo" | "character device" | "block device";

/** A thing in a home, or (`gone`) one that was listed and had vanished when it was looked at. */
export type Found = { path: BytePath; name: BytePath } & (
  | { gone: false; kind: FileKind; stat: BigIntStats }
  | { gone: true }
);

export interface WalkFilter {
  /** Asked about each name relative to the home; what it says yes to is passed over, with all that lies in it. */
  leaveOut: PathFilter;
  /** Told what {@link leaveOut} said yes to. */
  onLeftOut?: ((name: BytePath, kind: FileKind) => void) | undefined;
}

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
 * are never followed, except that `home` may be one; mount points are entered. Left out are nymvisor's own
 * files at the top, the folders in `excluded`, and what `filter` says.
 * @throws {NymvisorError} for a folder that cannot be listed.
 */
export function* walkHome(home: string, excluded: readonly FolderIdentity[], filter?: WalkFilter): Generator<Found> {
  yield* walkFolder(encodePath(home), asBytePath(""), excluded, filter);
}

function* walkFolder(
  folder: BytePath,
  prefix: BytePath,
  excluded: readonly FolderIdentity[],
  filter: WalkFilter | undefined,
): Generator<Found> {
  let names: string[];
  try {
    names = readdirSync(bytesOf(folder), { encoding: "latin1" });
  } catch (error) {
    if (prefix === "" || !isGone(error)) throw cannotRead(folder, error);
    yield { path: folder, name: prefix, gone: true };
    return;
  }
  names.sort();
  for (const childName of names) {
    if (prefix === "" && OWN.has(childName)) continue;
    const path = joinPath(folder, asBytePath(childName));
    const name = joinPath(prefix, asBytePath(childName));
    const stat = lookAt(path);
    if (stat === undefined) {
      yield { path, name, gone: true };
      continue;
    }
    const kind = kindOf(stat);
    if (kind === "folder" && excluded.some(({ dev, ino }) => dev === stat.dev && ino === stat.ino)) continue;
    if (filter?.leaveOut(name)) {
      filter.onLeftOut?.(name, kind);
      continue;
    }
    yield { path, name, gone: false, kind, stat };
    if (kind === "folder") yield* walkFolder(path, name, excluded, filter);
  }
}

function lookAt(path: BytePath): BigIntStats | undefined {
  try {
    return lstatSync(bytesOf(path), { bigint: true });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw cannotRead(path, error);
  }
}

/** It was removed meanwhile, or a file has taken the place of the folder that it was in. */
function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
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
