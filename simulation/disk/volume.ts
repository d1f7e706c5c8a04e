import type { Random } from "../random.ts";
import { FileInode } from "./file.ts";
import { FolderInode } from "./folder.ts";
import {
  type Attributes,
  FILE_TYPE,
  FOLDER_TYPE,
  type Inode,
  LINK_TYPE,
  LinkInode,
  type Owner,
  TYPE_MASK,
} from "./inode.ts";
import { PathWalk } from "./path-walk.ts";

export interface VolumeOptions {
  /** Draws inode numbers; what a crash leaves is drawn from the generator that the crash is given. */
  random: Random;
  /** Nanoseconds since 1970: the times of files. */
  now: () => bigint;
  /** Bytes that the contents of all files may have together; default: no limit. */
  capacity?: number;
}

/** The first that ext4 gives to anything but itself. */
const FIRST_NUMBER = 11;

/** The file system: its tree, its inodes and its room. It knows no processes. */
export class Volume {
  readonly root: FolderInode;
  readonly walk: PathWalk;
  readonly now: () => bigint;
  capacity: number;
  /** Bytes of all files that have a name or are open. */
  used = 0;
  readonly #random: Random;
  #nextNumber = FIRST_NUMBER;
  readonly #freeNumbers: number[] = [];

  constructor({ random, now, capacity = Number.POSITIVE_INFINITY }: VolumeOptions) {
    this.#random = random;
    this.now = now;
    this.capacity = capacity;
    this.root = this.newFolder(0o755, { uid: 0, gid: 0 });
    // It has no name, and never goes.
    this.root.links = 1;
    this.walk = new PathWalk(this.root);
  }

  newFile(mode: number, owner: Owner): FileInode {
    return new FileInode(this.#number(), this.#attributes(FILE_TYPE | (mode & ~TYPE_MASK), owner));
  }

  newFolder(mode: number, owner: Owner): FolderInode {
    return new FolderInode(this.#number(), this.#attributes(FOLDER_TYPE | (mode & ~TYPE_MASK), owner), (inode) =>
      this.#reclaim(inode),
    );
  }

  newLink(target: string, owner: Owner): LinkInode {
    return new LinkInode(this.#number(), this.#attributes(LINK_TYPE | 0o777, owner), target);
  }

  #attributes(mode: number, { uid, gid }: Owner): Attributes {
    const now = this.now();
    return { mode, uid, gid, mtime: now, ctime: now };
  }

  /** File systems give a number again soon after its inode is gone: a program must not take it for the same file. */
  #number(): number {
    const free = this.#freeNumbers.length > 0 && this.#random.chance(0.5) ? this.#freeNumbers.pop() : undefined;
    if (free !== undefined) return free;
    this.#nextNumber += 1;
    return this.#nextNumber - 1;
  }

  #reclaim(inode: Inode): void {
    this.#freeNumbers.push(inode.number);
  }

  /** A name or a descriptor that led to it is gone: the last one takes the contents along. */
  released(inode: Inode): void {
    if (inode.links > 0 || inode.opens > 0) return;
    if (inode instanceof FileInode) this.used -= inode.size;
    if (inode.pins === 0) this.#reclaim(inode);
  }

  add(folder: FolderInode, name: string, inode: Inode): void {
    folder.change(undefined, name, inode, this.now());
    if (inode instanceof FolderInode) attach(inode, folder, name);
  }

  remove(folder: FolderInode, name: string, inode: Inode): void {
    const now = this.now();
    inode.ctime = now;
    folder.change(name, undefined, undefined, now);
    if (!(inode instanceof FileInode)) this.walk.forget();
    this.released(inode);
  }

  /** Within one folder this is one change; from one to another it is one in each, and a crash may leave the first alone. */
  move(from: FolderInode, name: string, to: FolderInode, newName: string, inode: Inode, replaced?: Inode): void {
    const now = this.now();
    inode.ctime = now;
    if (replaced !== undefined) replaced.ctime = now;
    if (from === to) {
      from.change(name, newName, inode, now);
    } else {
      const change = to.change(undefined, newName, inode, now);
      from.change(name, undefined, undefined, now, { folder: to, change });
    }
    if (inode instanceof FolderInode) attach(inode, to, newName);
    if (!(inode instanceof FileInode && (replaced === undefined || replaced instanceof FileInode))) this.walk.forget();
    if (replaced !== undefined) this.released(replaced);
  }

  /** Writes as much as there is room for, and returns how much that was. */
  put(file: FileInode, bytes: Uint8Array, position: number): number {
    const before = file.size;
    const largest = before + Math.max(0, this.capacity - this.used);
    const length = Math.min(bytes.length, largest - position);
    if (length <= 0) return 0;
    file.write(length === bytes.length ? bytes : bytes.subarray(0, length), position);
    this.used += file.size - before;
    this.#touch(file);
    return length;
  }

  /**
   * A store through a shared mapping: within the file, and without a call. The times move only where the page was clean
   * until then (page_mkwrite); what is stored into a dirty one is silent.
   */
  store(file: FileInode, bytes: Uint8Array): void {
    const silent = !file.isDurable;
    file.write(bytes.subarray(0, file.size), 0);
    if (!silent) this.#touch(file);
  }

  resize(file: FileInode, size: number): void {
    this.used += size - file.size;
    file.truncate(size);
    this.#touch(file);
  }

  #touch(file: FileInode): void {
    const now = this.now();
    file.mtime = now;
    file.ctime = now;
  }

  setMode(inode: Inode, mode: number): void {
    inode.mode = (inode.mode & TYPE_MASK) | (mode & ~TYPE_MASK);
    inode.ctime = this.now();
  }

  setOwner(inode: Inode, uid: number, gid: number): void {
    inode.uid = uid;
    inode.gid = gid;
    inode.ctime = this.now();
  }

  /** sync(2): all that there is becomes durable. */
  sync(): void {
    for (const folder of this.#folders((each) => each.sync())) {
      for (const inode of folder.entries.values()) if (inode instanceof FileInode) inode.sync();
    }
  }

  /** Leaves what is found after a loss of power. No process may have anything open. */
  losePower(random: Random): void {
    this.used = 0;
    this.walk.forget();
    const inodes = this.#folders((each) => each.loseUnsynced(random)).flatMap(({ entries }) => [...entries.values()]);
    for (const inode of inodes) inode.detach();
    for (const inode of inodes) {
      if (inode instanceof FileInode && inode.links === 0) {
        inode.loseUnsynced(random);
        this.used += inode.size;
      }
      inode.links += 1;
      inode.pins += 1;
    }
  }

  /** All folders, each after `act` has seen it and before those in it. */
  #folders(act: (folder: FolderInode) => void): FolderInode[] {
    const folders = [this.root];
    const seen = new Set(folders);
    for (const folder of folders) {
      act(folder);
      for (const [name, inode] of folder.entries) {
        if (!(inode instanceof FolderInode)) continue;
        // A folder that was moved to another, with half of that on the disk, is in both.
        if (seen.has(inode)) folder.strike(name);
        else {
          seen.add(inode);
          attach(inode, folder, name);
          folders.push(inode);
        }
      }
    }
    return folders;
  }
}

function attach(folder: FolderInode, parent: FolderInode, name: string): void {
  folder.parent = parent;
  folder.name = name;
}
