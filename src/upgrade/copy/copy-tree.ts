import { constants, lstatSync, readdirSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { asBytePath, type BytePath, bytesOf, encodePath, joinPath } from "../archive/byte-path.ts";

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY } = constants;

/**
 * The tree of a copy, which nobody else looks at until it is complete, so that nothing in it needs to change in one step.
 * Whatever is at a name is replaced. Folders are 0700 and files 0600 until their attributes are applied.
 */
export class CopyTree {
  readonly root: BytePath;

  constructor(root: string) {
    this.root = encodePath(root);
  }

  path(name: BytePath): BytePath {
    return name === "" ? this.root : joinPath(this.root, name);
  }

  makeFolder(name: BytePath): void {
    const path = bytesOf(this.path(name));
    try {
      bulkDisk.mkdirSync(path, 0o700);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      if (!lstatSync(path).isDirectory()) {
        bulkDisk.unlinkSync(path);
        bulkDisk.mkdirSync(path, 0o700);
      } else {
        bulkDisk.chmodSync(path, 0o700);
      }
    }
  }

  makeLink(name: BytePath, target: BytePath): void {
    this.remove(name);
    bulkDisk.symlinkSync(bytesOf(target), bytesOf(this.path(name)));
  }

  /** @returns a descriptor to sync it with. */
  openFolder(name: BytePath): number {
    return bulkDisk.openSync(bytesOf(this.path(name)), O_RDONLY | O_DIRECTORY, 0);
  }

  /** Another name for a file: of the tree, or of another folder of the copy. */
  makeHardLink(name: BytePath, existing: BytePath): void {
    this.remove(name);
    bulkDisk.linkSync(bytesOf(existing), bytesOf(this.path(name)));
  }

  /** @returns a descriptor to write with. */
  makeFile(name: BytePath): number {
    const make = () => bulkDisk.openSync(bytesOf(this.path(name)), O_RDWR | O_CREAT | O_EXCL, 0o600);
    try {
      return make();
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      this.remove(name);
      return make();
    }
  }

  /** As {@link makeFile}, for a file that is there. */
  openFile(name: BytePath): number {
    const path = bytesOf(this.path(name));
    bulkDisk.chmodSync(path, 0o600);
    return bulkDisk.openSync(path, O_RDWR, 0);
  }

  /** Removes what is at a name, if anything is. */
  remove(name: BytePath): void {
    removeTree(this.path(name));
  }
}

function removeTree(path: BytePath): void {
  const bytes = bytesOf(path);
  try {
    bulkDisk.unlinkSync(bytes);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return;
    // What unlink(2) says of a folder is EISDIR on Linux, and EPERM by POSIX.
    if ((code !== "EISDIR" && code !== "EPERM") || !lstatSync(bytes).isDirectory()) throw error;
    bulkDisk.chmodSync(bytes, 0o700);
    for (const name of readdirSync(bytes, { encoding: "latin1" })) removeTree(joinPath(path, asBytePath(name)));
    bulkDisk.rmdirSync(bytes);
  }
}

/** Lets its owner remove what is in the tree: the folders have the rights of the home's by now. */
export function openFolders(path: BytePath): void {
  const bytes = bytesOf(path);
  if (!lstatSync(bytes, { throwIfNoEntry: false })?.isDirectory()) return;
  bulkDisk.chmodSync(bytes, 0o700);
  for (const entry of readdirSync(bytes, { encoding: "latin1", withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(joinPath(path, asBytePath(entry.name)));
  }
}

/** The folder that a name of the tree is in; empty: the tree itself. */
export function parentOf(name: BytePath): BytePath {
  return asBytePath(name.slice(0, Math.max(0, name.lastIndexOf("/"))));
}
