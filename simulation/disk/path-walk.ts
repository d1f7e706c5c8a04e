import { FolderInode } from "./folder.ts";
import { type Inode, LinkInode } from "./inode.ts";
import type { ErrorCode } from "./system-error.ts";

/** As Linux has them: linux/limits.h, and MAXSYMLINKS of linux/namei.h. */
const LONGEST_PATH = 4095;
const LONGEST_NAME = 255;
const MOST_LINKS = 40;

const SLASH = 47;

/**
 * Where a path leads (path_resolution(7)). One object is used over and over, because paths are looked up millions of
 * times: read what is wanted of the result before the next walk.
 */
export class PathWalk {
  /** Why there is no result. */
  error: ErrorCode | undefined;
  /** The folder that the last name is looked up in. */
  folder: FolderInode;
  /** The last name; "." and ".." and that of the root are not {@link proper}. */
  name = "";
  proper = false;
  /** The path ends with a slash, so only a folder will do. */
  slash = false;
  /** What is there. */
  found: Inode | undefined;
  readonly #root: FolderInode;
  /** Where the paths of folders led that were walked lately: most calls are about the same few. */
  readonly #known = new Map<string, FolderInode>();

  constructor(root: FolderInode) {
    this.#root = root;
    this.folder = root;
  }

  /** Looks for what is there; without it the error is ENOENT. @param follow whether a link at the end leads further. */
  lookUp(path: string, follow: boolean): Inode | undefined {
    this.#walk(path, follow, true);
    if (this.error === undefined) {
      if (this.found === undefined) this.error = "ENOENT";
      else if (this.slash && !(this.found instanceof FolderInode)) this.error = "ENOTDIR";
    }
    return this.error === undefined ? this.found : undefined;
  }

  /** Looks for the place of a name that is to be given, taken or moved; what has it now, if anything, is in `found`. */
  place(path: string, follow = false): void {
    this.#walk(path, follow, false);
  }

  /** A folder or a link has lost its name, so paths may lead elsewhere than before. */
  forget(): void {
    this.#known.clear();
  }

  #walk(path: string, follow: boolean, followBeforeSlash: boolean): void {
    this.error = undefined;
    this.found = undefined;
    if (!path.startsWith("/")) {
      if (path !== "") throw new Error(`the simulated disk knows absolute paths only, not ${path}`);
      this.error = "ENOENT";
      return;
    }
    if (path.length > LONGEST_PATH) {
      this.error = "ENAMETOOLONG";
      return;
    }
    const cut = path.lastIndexOf("/");
    const above = cut < path.length - 1 ? path.slice(0, cut) : "";
    const known = this.#known.get(above);
    let rest = path;
    let start = known === undefined ? 0 : cut;
    let folder = known ?? this.#root;
    let ownName = true;
    for (let links = 0; ; ) {
      start = afterSlashes(rest, start);
      let end = rest.indexOf("/", start);
      if (end < 0) end = rest.length;
      const next = afterSlashes(rest, end);
      const last = next === rest.length;
      const name = rest.slice(start, end);
      const found = this.#step(folder, name);
      if (this.error !== undefined) return;
      if (found instanceof LinkInode && (!last || (end < next ? followBeforeSlash : follow))) {
        links += 1;
        if (links > MOST_LINKS) {
          this.error = "ELOOP";
          return;
        }
        ownName &&= !last;
        rest = found.target + rest.slice(end);
        start = 0;
        if (rest.charCodeAt(0) === SLASH) folder = this.#root;
        continue;
      }
      if (last) {
        if (known === undefined && ownName && above !== "") this.#known.set(above, folder);
        this.folder = folder;
        this.name = name;
        this.proper = name !== "" && name !== "." && name !== "..";
        this.slash = end < next;
        this.found = found;
        return;
      }
      if (!(found instanceof FolderInode)) {
        this.error = found === undefined ? "ENOENT" : "ENOTDIR";
        return;
      }
      folder = found;
      start = next;
    }
  }

  #step(folder: FolderInode, name: string): Inode | undefined {
    if (name === "" || name === ".") return folder;
    if (name === "..") return folder.parent;
    if (name.length * 3 > LONGEST_NAME && Buffer.byteLength(name) > LONGEST_NAME) this.error = "ENAMETOOLONG";
    return folder.entries.get(name);
  }
}

function afterSlashes(path: string, start: number): number {
  let index = start;
  while (path.charCodeAt(index) === SLASH) index += 1;
  return index;
}
