import { constants, readdirSync, statSync } from "node:fs";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { explanation } from "../../system/durable.ts";
import { type FileStat, lookAtName } from "../../system/file-stat.ts";
import { asBytePath, type BytePath, bytesOf, decodePath, encodePath, joinPath } from "./byte-path.ts";
import type { PathFilter } from "./path-patterns.ts";

/** The last entry of an archive tells what the archive holds. Unpacked by hand it lies in the home, and is nothing of it. */
export const MANIFEST_NAME = ".nymvisor-manifest.json";

/** What is nymvisor's at the top of a home: its folder describes the machine, not the daemon. */
const OWN: ReadonlySet<string> = new Set(["nymvisor", MANIFEST_NAME]);

export type FileKind = "file" | "folder" | "symbolic link" | "socket" | "fifo" | "character device" | "block device";

/** A thing in a home, or (`gone`) one that was listed and had vanished when it was looked at. */
export type Found = { path: BytePath; name: BytePath } & (
  | { gone: false; kind: FileKind; stat: FileStat }
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
  for (const found of walkFolder(encodePath(home), asBytePath(""), excluded, filter)) if (found !== null) yield found;
}

/**
 * As {@link walkHome}, for who knows nearly all of it: `isKnown` is asked about each file, and what it says yes to is null,
 * with which nothing was made that would have to be cleared away again.
 * @param isKnown may use `stat` only until it returns.
 */
export function walkKnownHome(
  home: string,
  excluded: readonly FolderIdentity[],
  filter: WalkFilter & { isKnown: (name: BytePath, stat: FileStat) => boolean },
): Generator<Found | null> {
  return walkFolder(encodePath(home), asBytePath(""), excluded, filter);
}

function* walkFolder(
  folder: BytePath,
  prefix: BytePath,
  excluded: readonly FolderIdentity[],
  filter: (WalkFilter & { isKnown?: (name: BytePath, stat: FileStat) => boolean }) | undefined,
): Generator<Found | null> {
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
    const name = joinPath(prefix, asBytePath(childName));
    const now = lookAt(folder, childName);
    if (now?.isFile() && filter?.isKnown?.(name, now)) {
      yield null;
      continue;
    }
    const path = joinPath(folder, asBytePath(childName));
    const stat = now?.kept();
    if (stat === undefined) {
      yield { path, name, gone: true };
      continue;
    }
    const kind = kindOf(stat);
    if (kind === "folder" && isAmong(excluded, stat)) continue;
    if (filter?.leaveOut(name)) {
      filter.onLeftOut?.(name, kind);
      continue;
    }
    yield { path, name, gone: false, kind, stat };
    if (kind === "folder") yield* walkFolder(path, name, excluded, filter);
  }
}

function isAmong(folders: readonly FolderIdentity[], { dev, ino }: FileStat): boolean {
  return folders.some((folder) => folder.dev === dev && folder.ino === ino);
}

function lookAt(folder: BytePath, name: string): FileStat | undefined {
  try {
    return lookAtName(folder, name);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw cannotRead(joinPath(folder, asBytePath(name)), error);
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

function kindOf({ modeBits }: FileStat): FileKind {
  const kind = KINDS.get(modeBits & constants.S_IFMT);
  if (kind === undefined) throw new Error(`a file of unknown type: mode ${modeBits.toString(8)}`);
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
