import { constants } from "node:fs";
import { resolve } from "node:path";
import type { BigFileStat, Disk, FileStat, FolderEntry, Room } from "../../src/system/disk.ts";
import { DescriptorCalls, type Effect, type ProcessOptions } from "./descriptor-calls.ts";
import { FileInode } from "./file.ts";
import { FolderInode } from "./folder.ts";
import { type Inode, LinkInode, type Owner } from "./inode.ts";
import { makeFolder, makeLink, openOrCreate, prepareCopy, removeFolder, rename, unlink } from "./names.ts";
import { BigStat, Entry, Stat } from "./stat.ts";
import { type ErrorCode, ProcessDied, systemError } from "./system-error.ts";
import type { Volume } from "./volume.ts";

interface StatOptions {
  bigint?: boolean;
  throwIfNoEntry?: boolean;
}

interface RemoveOptions {
  force: true;
  recursive?: boolean;
}

const BLOCK = 4096;

/** One process's view of a simulated disk: node:fs as that process would find it. */
export class ProcessDisk extends DescriptorCalls implements Disk {
  readonly #owner: Owner;
  readonly #umask: number;

  constructor(volume: Volume, options: ProcessOptions) {
    super(volume, options);
    this.#owner = { uid: options.uid ?? 0, gid: options.gid ?? 0 };
    this.#umask = options.umask ?? 0o022;
  }

  /** What is at a path. */
  #at(path: string, syscall: string, follow = true): Inode {
    const inode = this.volume.walk.lookUp(path, follow);
    if (inode === undefined) throw systemError(this.volume.walk.error ?? "ENOENT", syscall, path);
    return inode;
  }

  accessSync(path: string, mode: number): void {
    this.look("access", path);
    const inode = this.#at(path, "access");
    // Nobody is refused to read and write here; but what nobody may execute not even root can.
    const executable = inode instanceof FolderInode || (inode.mode & 0o111) !== 0;
    if ((mode & constants.X_OK) !== 0 && !executable) throw systemError("EACCES", "access", path);
  }

  existsSync(path: string): boolean {
    try {
      this.look("access", path);
    } catch (error) {
      if (error instanceof ProcessDied) throw error;
      return false;
    }
    return this.volume.walk.lookUp(path, true) !== undefined;
  }

  lstatSync(path: string): FileStat;
  lstatSync(path: string, options: { throwIfNoEntry: false }): FileStat | undefined;
  lstatSync(path: string, options: { bigint: true }): BigFileStat;
  lstatSync(path: string, options: { bigint: true; throwIfNoEntry: false }): BigFileStat | undefined;
  lstatSync(path: string, options: StatOptions = {}): FileStat | BigFileStat | undefined {
    return this.#stat("lstat", path, options);
  }

  statSync(path: string): FileStat;
  statSync(path: string, options: { throwIfNoEntry: false }): FileStat | undefined;
  statSync(path: string, options: { bigint: true }): BigFileStat;
  statSync(path: string, options: { bigint: true; throwIfNoEntry: false }): BigFileStat | undefined;
  statSync(path: string, options: StatOptions = {}): FileStat | BigFileStat | undefined {
    return this.#stat("stat", path, options);
  }

  #stat(call: "stat" | "lstat", path: string, options: StatOptions): FileStat | BigFileStat | undefined {
    this.look(call, path);
    const { walk } = this.volume;
    const inode = walk.lookUp(path, call === "stat");
    if (inode !== undefined) return options.bigint ? new BigStat(inode) : new Stat(inode);
    if (walk.error === "ENOENT" && options.throwIfNoEntry === false) return undefined;
    throw systemError(walk.error ?? "ENOENT", call, path);
  }

  readdirSync(path: string): string[];
  readdirSync(path: string, options: { withFileTypes: true }): FolderEntry[];
  readdirSync(path: string, options?: { withFileTypes: true }): string[] | FolderEntry[] {
    this.look("scandir", path);
    const folder = this.#at(path, "scandir");
    if (!(folder instanceof FolderInode)) throw systemError("ENOTDIR", "scandir", path);
    if (options === undefined) return [...folder.entries.keys()];
    return [...folder.entries].map(([name, inode]) => new Entry(name, inode));
  }

  readFileSync(path: string): Buffer;
  readFileSync(path: string, encoding: "utf8" | "latin1"): string;
  readFileSync(path: string, encoding?: "utf8" | "latin1"): Buffer | string {
    this.look("open", path);
    const own = /^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1];
    const inode = own === undefined ? this.#at(path, "open") : this.file(Number(own), "open").inode;
    if (!(inode instanceof FileInode)) throw systemError("EISDIR", "read");
    const bytes = Buffer.from(inode.contents());
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }

  readlinkSync(path: string): string {
    this.look("readlink", path);
    const inode = this.#at(path, "readlink", false);
    if (!(inode instanceof LinkInode)) throw systemError("EINVAL", "readlink", path);
    return inode.target;
  }

  realpathSync(path: string): string {
    this.look("lstat", path);
    // Of `a/..`, node:fs does not even look at `a`.
    const inode = this.volume.walk.lookUp(resolve(path), true);
    if (inode === undefined) throw systemError(this.volume.walk.error ?? "ENOENT", "lstat", path);
    if (inode instanceof FolderInode) return inode.path();
    const { folder, name } = this.volume.walk;
    return folder.parent === folder ? `/${name}` : `${folder.path()}/${name}`;
  }

  statfsSync(path: string): Room {
    this.look("statfs", path);
    this.#at(path, "statfs");
    const free = Math.max(0, Math.min(this.volume.capacity - this.volume.used, Number.MAX_SAFE_INTEGER));
    return { bavail: Math.floor(free / BLOCK), bsize: BLOCK };
  }

  openSync(path: string, flags: number, mode = 0o666): number {
    const open = () => {
      const inode = openOrCreate(this.volume, path, flags, this.#masked(mode), this.#owner);
      if (typeof inode === "string") throw systemError(inode, "open", path);
      if ((flags & constants.O_TRUNC) !== 0 && inode instanceof FileInode) this.volume.resize(inode, 0);
      return this.describe(inode, path, flags);
    };
    if ((flags & (constants.O_CREAT | constants.O_TRUNC)) !== 0) return this.perform("open", path, open);
    this.look("open", path);
    return open();
  }

  #masked(mode: number): number {
    return mode & 0o7777 & ~this.#umask;
  }

  copyFileSync(source: string, path: string, mode = 0): void {
    const fail = (code: ErrorCode): never => {
      throw systemError(code, "copyfile", source, path);
    };
    const prepare = () => {
      const exclusive = (mode & constants.COPYFILE_EXCL) !== 0;
      const pair = prepareCopy(this.volume, source, path, exclusive, this.#owner);
      return typeof pair === "string" ? fail(pair) : pair;
    };
    const pair = this.perform("copyfile", source, prepare, path);
    if (pair === undefined) return;
    // In between the copy is there and empty, for whoever looks and for a crash.
    this.perform("write", path, (limit) => {
      const bytes = pair.from.contents();
      const written = this.volume.put(pair.to, bytes.subarray(0, limit), 0);
      if (written < bytes.length) fail("ENOSPC");
    });
  }

  chmodSync(path: string, mode: number): void {
    this.perform("chmod", path, () => this.volume.setMode(this.#at(path, "chmod"), mode));
  }

  lchownSync(path: string, uid: number, gid: number): void {
    this.perform("lchown", path, () => this.volume.setOwner(this.#at(path, "lchown", false), uid, gid));
  }

  mkdirSync(path: string, { mode = 0o777 }: { mode?: number } = {}): void {
    const bits = this.#masked(mode) & 0o1777;
    this.#change("mkdir", path, () => makeFolder(this.volume, path, bits, this.#owner));
  }

  symlinkSync(target: string, path: string): void {
    this.#change("symlink", target, () => makeLink(this.volume, target, path, this.#owner), path);
  }

  renameSync(from: string, to: string): void {
    this.#change("rename", from, () => rename(this.volume, from, to), to);
  }

  unlinkSync(path: string): void {
    this.#change("unlink", path, () => unlink(this.volume, path));
  }

  rmdirSync(path: string): void {
    this.#change("rmdir", path, () => removeFolder(this.volume, path));
  }

  #change(effect: Effect, path: string, action: () => ErrorCode | undefined, destination?: string): void {
    const act = () => {
      const error = action();
      if (error !== undefined) throw systemError(error, effect, path, destination);
    };
    this.perform(effect, path, act, destination);
  }

  /** Each thing in a folder is an effect of its own: a crash may come in the middle. */
  rmSync(path: string, options: RemoveOptions): void {
    this.look("lstat", path);
    const { walk } = this.volume;
    const inode = walk.lookUp(path, false);
    if (inode === undefined) {
      if (walk.error === "ENOENT") return;
      throw systemError(walk.error ?? "ENOENT", "rm", path);
    }
    if (inode instanceof FolderInode) {
      if (!options.recursive) throw systemError("EISDIR", "rm", path);
      for (const name of [...inode.entries.keys()]) this.rmSync(`${path}/${name}`, options);
      this.rmdirSync(path);
    } else {
      this.unlinkSync(path);
    }
  }
}
