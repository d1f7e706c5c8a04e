import { constants } from "node:fs";
import type { BigFileStat, FileStat } from "../../src/system/disk.ts";
import { FileInode } from "./file.ts";
import { FolderInode } from "./folder.ts";
import type { Inode } from "./inode.ts";
import { BigStat, Stat } from "./stat.ts";
import { ProcessDied, systemError } from "./system-error.ts";
import type { Volume } from "./volume.ts";

/** The system calls that change something. `open` is one if it may make or empty a file, `flock` if it may lock. */
export type Effect =
  | "chmod"
  | "copyfile"
  | "fchmod"
  | "fchown"
  | "flock"
  | "fsync"
  | "ftruncate"
  | "lchown"
  | "mkdir"
  | "open"
  | "rename"
  | "rmdir"
  | "symlink"
  | "unlink"
  | "write";

/** The system calls that only look. */
export type Look = "access" | "lstat" | "open" | "read" | "readlink" | "scandir" | "stat" | "statfs";

/**
 * Where a simulation interferes. A hook may throw an error for the call to fail with (`systemError(code, call, path)`),
 * or {@link ProcessDied}, with which the process ends there and then; it may also take the power away or let other
 * processes act meanwhile. Of a call on a descriptor, `path` is the one that was opened.
 */
export interface ProcessHooks {
  /**
   * Before anything is looked at or changed, also where the call will then fail by itself.
   * @returns of a `write`, the most bytes that it takes (1 at least); else undefined.
   */
  onEffect?: (effect: Effect, path: string, destination?: string) => number | undefined;
  /** After the change, if there was no error. */
  afterEffect?: (effect: Effect, path: string, destination?: string) => void;
  /** Before a call that only looks. */
  onLook?: (look: Look, path: string) => void;
}

export interface ProcessOptions extends ProcessHooks {
  pid: number;
  /** Owner of what it makes; default 0. */
  uid?: number;
  gid?: number;
  /** Default 022. */
  umask?: number;
}

/** An open file description (open(2)): what a descriptor stands for. */
class OpenFile {
  readonly inode: Inode;
  readonly path: string;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly append: boolean;
  position = 0;

  constructor(inode: Inode, path: string, flags: number) {
    const mode = flags & (constants.O_WRONLY | constants.O_RDWR);
    this.inode = inode;
    this.path = path;
    this.readable = mode !== constants.O_WRONLY;
    this.writable = mode !== constants.O_RDONLY;
    this.append = (flags & constants.O_APPEND) !== 0;
  }
}

/** After standard input, output and error. */
const FIRST_DESCRIPTOR = 3;

const encoder = new TextEncoder();

/** A simulated process: its descriptors, the calls on them, and its end. */
export class DescriptorCalls {
  readonly pid: number;
  protected readonly volume: Volume;
  readonly #hooks: ProcessHooks;
  readonly #files: (OpenFile | undefined)[] = [];
  #dead = false;

  constructor(volume: Volume, options: ProcessOptions) {
    this.pid = options.pid;
    this.volume = volume;
    this.#hooks = options;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** The paths of its open descriptors, in their order. */
  get openPaths(): string[] {
    return this.#files.flatMap((file) => (file === undefined ? [] : [file.path]));
  }

  /** Ends the process as SIGKILL does: descriptors are closed and locks given back; what was written stays. */
  die(): void {
    this.#dead = true;
    for (const file of this.#files) if (file !== undefined) this.#release(file);
    this.#files.length = 0;
  }

  protected perform<T>(
    effect: Effect,
    path: string,
    action: (limit: number | undefined) => T,
    destination?: string,
  ): T {
    const { onEffect, afterEffect } = this.#hooks;
    this.#requireAlive();
    const limit = onEffect === undefined ? undefined : this.#consult(() => onEffect(effect, path, destination));
    const result = action(limit);
    if (afterEffect !== undefined) this.#consult(() => afterEffect(effect, path, destination));
    return result;
  }

  protected look(look: Look, path: string): void {
    const { onLook } = this.#hooks;
    this.#requireAlive();
    if (onLook !== undefined) this.#consult(() => onLook(look, path));
  }

  #consult<T>(hook: () => T): T {
    let verdict: T;
    try {
      verdict = hook();
    } catch (error) {
      if (error instanceof ProcessDied) this.die();
      throw error;
    }
    this.#requireAlive();
    return verdict;
  }

  #requireAlive(): void {
    if (this.#dead) throw new ProcessDied(this.pid);
  }

  /** The lowest free descriptor, as POSIX wants it. */
  protected describe(inode: Inode, path: string, flags: number): number {
    const free = this.#files.indexOf(undefined);
    const index = free < 0 ? this.#files.length : free;
    this.#files[index] = new OpenFile(inode, path, flags);
    inode.opens += 1;
    return FIRST_DESCRIPTOR + index;
  }

  /** What a descriptor stands for. @throws EBADF */
  protected file(descriptor: number, syscall: string): OpenFile {
    this.#requireAlive();
    const file = this.#files[descriptor - FIRST_DESCRIPTOR];
    if (file === undefined) throw systemError("EBADF", syscall);
    return file;
  }

  #release(file: OpenFile): void {
    const { inode } = file;
    inode.opens -= 1;
    if (inode.holder === file) inode.holder = undefined;
    this.volume.released(inode);
  }

  closeSync(descriptor: number): void {
    const file = this.file(descriptor, "close");
    this.#files[descriptor - FIRST_DESCRIPTOR] = undefined;
    this.#release(file);
  }

  fstatSync(descriptor: number): FileStat;
  fstatSync(descriptor: number, options: { bigint: true }): BigFileStat;
  fstatSync(descriptor: number, options?: { bigint: true }): FileStat | BigFileStat {
    const { inode } = this.file(descriptor, "fstat");
    return options?.bigint ? new BigStat(inode) : new Stat(inode);
  }

  fchmodSync(descriptor: number, mode: number): void {
    const { inode, path } = this.file(descriptor, "fchmod");
    this.perform("fchmod", path, () => this.volume.setMode(inode, mode));
  }

  fchownSync(descriptor: number, uid: number, gid: number): void {
    const { inode, path } = this.file(descriptor, "fchown");
    this.perform("fchown", path, () => this.volume.setOwner(inode, uid, gid));
  }

  fsyncSync(descriptor: number): void {
    const { inode, path } = this.file(descriptor, "fsync");
    try {
      this.perform("fsync", path, () => {
        if (inode instanceof FileInode || inode instanceof FolderInode) inode.sync();
      });
    } catch (error) {
      if (inode instanceof FileInode && !this.#dead) inode.failSync();
      throw error;
    }
  }

  ftruncateSync(descriptor: number, size: number): void {
    const { inode, path, writable } = this.file(descriptor, "ftruncate");
    this.perform("ftruncate", path, () => {
      if (!writable || !(inode instanceof FileInode)) throw systemError("EINVAL", "ftruncate");
      this.volume.resize(inode, Math.max(0, size));
    });
  }

  readSync(descriptor: number, into: Uint8Array, offset: number, length: number, position: number | null): number {
    const file = this.file(descriptor, "read");
    this.look("read", file.path);
    if (!file.readable) throw systemError("EBADF", "read");
    if (!(file.inode instanceof FileInode)) throw systemError("EISDIR", "read");
    const start = position ?? file.position;
    const bytes = file.inode.contents().subarray(start, start + length);
    into.set(bytes, offset);
    if (position === null) file.position += bytes.length;
    return bytes.length;
  }

  writeSync(descriptor: number, bytes: Uint8Array, offset?: number, length?: number, position?: number | null): number;
  writeSync(descriptor: number, text: string, position?: number | null): number;
  writeSync(
    descriptor: number,
    data: Uint8Array | string,
    second?: number | null,
    length?: number,
    fourth?: number | null,
  ): number {
    if (typeof data === "string") return this.#write(descriptor, encoder.encode(data), second ?? null);
    const start = second ?? 0;
    return this.#write(
      descriptor,
      data.subarray(start, length === undefined ? undefined : start + length),
      fourth ?? null,
    );
  }

  #write(descriptor: number, bytes: Uint8Array, position: number | null): number {
    const file = this.file(descriptor, "write");
    return this.perform("write", file.path, (limit) => {
      if (!file.writable || !(file.inode instanceof FileInode)) throw systemError("EBADF", "write");
      const start = file.append ? file.inode.size : (position ?? file.position);
      const written = this.volume.put(file.inode, limit === undefined ? bytes : bytes.subarray(0, limit), start);
      if (written === 0 && bytes.length > 0) throw systemError("ENOSPC", "write");
      if (position === null) file.position = start + written;
      return written;
    });
  }

  tryExclusiveLock(descriptor: number): boolean {
    const file = this.file(descriptor, "flock");
    return this.perform("flock", file.path, () => {
      file.inode.holder ??= file;
      return file.inode.holder === file;
    });
  }
}
