import { constants } from "node:fs";
import { FileInode } from "./file.ts";
import { FolderInode } from "./folder.ts";
import { type Inode, LinkInode, type Owner } from "./inode.ts";
import type { ErrorCode } from "./system-error.ts";
import type { Volume } from "./volume.ts";

/** The system calls that give, take and move names, as Linux judges them: each returns why it changed nothing. */

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY } = constants;

/** What open(2) opens; a file that it makes is there when it returns. */
export function openOrCreate(
  volume: Volume,
  path: string,
  flags: number,
  mode: number,
  owner: Owner,
): Inode | ErrorCode {
  const { walk } = volume;
  if ((flags & O_CREAT) === 0) {
    const found = walk.lookUp(path, (flags & O_NOFOLLOW) === 0);
    return found === undefined ? (walk.error ?? "ENOENT") : (objectionToOpening(found, flags) ?? found);
  }
  if ((flags & O_DIRECTORY) !== 0) return "EINVAL";
  walk.place(path, (flags & (O_EXCL | O_NOFOLLOW)) === 0);
  const { folder, name, found, error, proper, slash } = walk;
  if (error !== undefined) return error;
  if (proper && slash) return "EISDIR";
  if (found !== undefined) {
    if ((flags & O_EXCL) !== 0) return "EEXIST";
    return found instanceof FolderInode ? "EISDIR" : (objectionToOpening(found, flags) ?? found);
  }
  const file = volume.newFile(mode, owner);
  volume.add(folder, name, file);
  return file;
}

function objectionToOpening(found: Inode, flags: number): ErrorCode | undefined {
  if (found instanceof FolderInode) return (flags & (O_WRONLY | O_RDWR | O_TRUNC)) === 0 ? undefined : "EISDIR";
  if ((flags & O_DIRECTORY) !== 0) return "ENOTDIR";
  return found instanceof LinkInode ? "ELOOP" : undefined;
}

/**
 * The two files of a copy, the second of them empty; undefined where it would be of a file onto itself.
 * @param exclusive fail where something is.
 */
export function prepareCopy(
  volume: Volume,
  source: string,
  path: string,
  exclusive: boolean,
  owner: Owner,
): { from: FileInode; to: FileInode } | undefined | ErrorCode {
  const { walk } = volume;
  const from = walk.lookUp(source, true);
  if (from === undefined) return walk.error ?? "ENOENT";
  if (!(from instanceof FileInode)) return "ENOTSUP";
  const to = openOrCreate(volume, path, O_WRONLY | O_CREAT | (exclusive ? O_EXCL : 0), from.mode, owner);
  if (typeof to === "string") return to;
  if (to === from || !(to instanceof FileInode)) return undefined;
  volume.resize(to, 0);
  volume.setMode(to, from.mode);
  return { from, to };
}

export function makeFolder(volume: Volume, path: string, mode: number, owner: Owner): ErrorCode | undefined {
  const { walk } = volume;
  walk.place(path);
  if (walk.error !== undefined) return walk.error;
  if (walk.found !== undefined) return "EEXIST";
  volume.add(walk.folder, walk.name, volume.newFolder(mode, owner));
  return undefined;
}

export function makeLink(volume: Volume, target: string, path: string, owner: Owner): ErrorCode | undefined {
  const { walk } = volume;
  walk.place(path);
  if (walk.error !== undefined) return walk.error;
  if (walk.found !== undefined) return "EEXIST";
  if (walk.slash || target === "") return "ENOENT";
  volume.add(walk.folder, walk.name, volume.newLink(target, owner));
  return undefined;
}

export function rename(volume: Volume, from: string, to: string): ErrorCode | undefined {
  const { walk } = volume;
  walk.place(from);
  const { folder, name, found: inode, error, slash, proper } = walk;
  walk.place(to);
  const target = walk.found;
  if (error !== undefined || walk.error !== undefined) return error ?? walk.error;
  if (!proper || !walk.proper) return "EBUSY";
  if (inode === undefined) return "ENOENT";
  if (inode instanceof FolderInode) {
    if (inode.contains(walk.folder)) return "EINVAL";
  } else if (slash || walk.slash) return "ENOTDIR";
  if (target instanceof FolderInode && target.contains(folder)) return "ENOTEMPTY";
  if (target === inode) return undefined;
  if (target instanceof FolderInode) {
    if (!(inode instanceof FolderInode)) return "EISDIR";
    if (target.entries.size > 0) return "ENOTEMPTY";
  } else if (target !== undefined && inode instanceof FolderInode) return "ENOTDIR";
  volume.move(folder, name, walk.folder, walk.name, inode, target);
  return undefined;
}

export function unlink(volume: Volume, path: string): ErrorCode | undefined {
  const { walk } = volume;
  walk.place(path);
  if (walk.error !== undefined) return walk.error;
  if (walk.found === undefined) return "ENOENT";
  if (!walk.proper || walk.found instanceof FolderInode) return "EISDIR";
  if (walk.slash) return "ENOTDIR";
  volume.remove(walk.folder, walk.name, walk.found);
  return undefined;
}

export function removeFolder(volume: Volume, path: string): ErrorCode | undefined {
  const { walk } = volume;
  walk.place(path);
  if (walk.error !== undefined) return walk.error;
  if (walk.found === undefined) return "ENOENT";
  if (!walk.proper) return walk.name === "." ? "EINVAL" : walk.name === ".." ? "ENOTEMPTY" : "EBUSY";
  if (!(walk.found instanceof FolderInode)) return "ENOTDIR";
  if (walk.found.entries.size > 0) return "ENOTEMPTY";
  volume.remove(walk.folder, walk.name, walk.found);
  return undefined;
}
