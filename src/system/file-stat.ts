import { dlopen, FFIType } from "bun:ffi";
import { type BigIntStats, constants, fstatSync, lstatSync } from "node:fs";
import { errorCode } from "../model/errors.ts";
import { failure } from "./file-calls.ts";

const TWO_32 = 2 ** 32;
const SECOND = 1_000_000_000n;

/** Words of struct statx (linux/stat.h) that are used here; those of 64 bits have their lower half first. */
const NLINK = 4;
const UID = 5;
const GID = 6;
const MODE = 7;
const INO = 8;
const SIZE = 10;
const BLOCKS = 12;
const CTIME = 24;
const MTIME = 28;
const DEV_MAJOR = 34;
const DEV_MINOR = 35;
/** Of all of it, and of the part up to the device. */
const WORDS = 64;
const USED_WORDS = 36;

/**
 * Which of the words tell a file, and its later states, apart: device and inode, then size, mtime and ctime.
 */
const IDENTITY = [DEV_MAJOR, DEV_MINOR, INO, INO + 1, SIZE, SIZE + 1]
  .concat([MTIME, MTIME + 1, MTIME + 2])
  .concat([CTIME, CTIME + 1, CTIME + 2]);
export const IDENTITY_WORDS = IDENTITY.length;
/** So many of them, from the first, tell the file, whatever its state. */
export const FILE_WORDS = 4;

/**
 * What stat(2) tells, as the kernel wrote it down. Of node's stats with nanoseconds each has some twenty BigInts, which for
 * a home of a hundred thousand files is more rubbish than the heap is large; here one is only made when it is asked for.
 */
export class FileStat {
  readonly #words: Uint32Array;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** One that stays as it is, whatever is looked at next. */
  kept(): FileStat {
    return new FileStat(this.#words.slice(0, USED_WORDS));
  }

  /** Kind and rights, as st_mode. */
  get modeBits(): number {
    return this.#word(MODE) & 0xffff;
  }

  get mode(): bigint {
    return BigInt(this.modeBits);
  }

  get nlink(): bigint {
    return BigInt(this.#word(NLINK));
  }

  get hasSeveralNames(): boolean {
    return this.#word(NLINK) > 1;
  }

  get uid(): bigint {
    return BigInt(this.#word(UID));
  }

  get gid(): bigint {
    return BigInt(this.#word(GID));
  }

  get dev(): bigint {
    return deviceNumber(BigInt(this.#word(DEV_MAJOR)), BigInt(this.#word(DEV_MINOR)));
  }

  get ino(): bigint {
    return (BigInt(this.#word(INO + 1)) << 32n) | BigInt(this.#word(INO));
  }

  get size(): bigint {
    return BigInt(this.byteCount);
  }

  /** The size as a number. */
  get byteCount(): number {
    return this.#word(SIZE) + this.#word(SIZE + 1) * TWO_32;
  }

  get blocks(): bigint {
    return BigInt(this.#word(BLOCKS) + this.#word(BLOCKS + 1) * TWO_32);
  }

  /** Nanoseconds since 1970. */
  get mtimeNs(): bigint {
    return this.#time(MTIME);
  }

  get ctimeNs(): bigint {
    return this.#time(CTIME);
  }

  isFile(): boolean {
    return (this.modeBits & constants.S_IFMT) === constants.S_IFREG;
  }

  /** Writes down {@link IDENTITY_WORDS} numbers. */
  writeIdentity(into: Uint32Array, at: number): void {
    for (let index = 0; index < IDENTITY_WORDS; index += 1) into[at + index] = this.#word(IDENTITY[index] ?? 0);
  }

  /** Whether the first `count` numbers are those that were written down. */
  hasIdentity(written: Uint32Array, at: number, count: number): boolean {
    for (let index = 0; index < count; index += 1) {
      if (written[at + index] !== this.#word(IDENTITY[index] ?? 0)) return false;
    }
    return true;
  }

  #word(index: number): number {
    return this.#words[index] ?? 0;
  }

  #time(at: number): bigint {
    const seconds = this.#word(at) + (this.#word(at + 1) | 0) * TWO_32;
    return BigInt(seconds) * SECOND + BigInt(this.#word(at + 2));
  }
}

const { i32, u32, i64_fast } = FFIType;

function open() {
  return dlopen("libc.so.6", {
    syscall: { args: [i64_fast, i32, FFIType.ptr, i32, u32, FFIType.ptr], returns: i64_fast },
  }).symbols;
}

let libc: ReturnType<typeof open> | undefined;

/** By its number, because not every libc that nymvisor runs with knows it. */
const SYS_STATX: Readonly<Record<string, number | undefined>> = { x64: 332, arm64: 291 };

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_BASIC_STATS = 0x7ff;

/** PATH_MAX of linux/limits.h, with the zero byte. */
const path = Buffer.alloc(4096);
const words = new Uint32Array(WORDS);
const current = new FileStat(words);

/** What a kernel before 4.11, or an old filter of system calls, says. */
const UNKNOWN_CALL: ReadonlySet<string> = new Set(["ENOSYS", "EPERM"]);
let isKnown = SYS_STATX[process.arch] !== undefined;

const SLASH = 0x2f;

/**
 * Looks at `folder/name`, both with a byte in each character; a link is not followed.
 * @returns what there is, until the next look: see {@link FileStat.kept}.
 * @throws what lstat(2) fails with, with its `code`.
 */
export function lookAtName(folder: string, name: string): FileStat {
  const length = folder.length + 1 + name.length;
  if (isKnown && length < path.length) {
    path.write(folder, 0, "latin1");
    path[folder.length] = SLASH;
    path.write(name, folder.length + 1, "latin1");
    path[length] = 0;
    if (call(AT_FDCWD, AT_SYMLINK_NOFOLLOW)) return current;
  }
  return ofNode(lstatSync(Buffer.from(`${folder}/${name}`, "latin1"), { bigint: true }));
}

/** Looks at an open file; the result stays. */
export function lookAtOpen(descriptor: number): FileStat {
  path[0] = 0;
  if (isKnown && call(descriptor, AT_EMPTY_PATH)) return current.kept();
  return ofNode(fstatSync(descriptor, { bigint: true }));
}

/** @returns false if there is no such call. */
function call(descriptor: number, flags: number): boolean {
  libc ??= open();
  const number = SYS_STATX[process.arch] ?? 0;
  if (libc.syscall(number, descriptor, path, flags, STATX_BASIC_STATS, words) === 0) return true;
  const error = failure("statx");
  if (!UNKNOWN_CALL.has(errorCode(error) ?? "")) throw error;
  isKnown = false;
  return false;
}

/** The same from node's stats. */
export function ofNode(stat: BigIntStats): FileStat {
  const { dev, ino, mode, nlink, uid, gid, size, blocks, mtimeNs, ctimeNs } = stat;
  const made = new FileStatWriter();
  made.put(NLINK, nlink);
  made.put(UID, uid);
  made.put(GID, gid);
  made.put(MODE, mode);
  made.putLong(INO, ino);
  made.putLong(SIZE, size);
  made.putLong(BLOCKS, blocks);
  made.putTime(MTIME, mtimeNs);
  made.putTime(CTIME, ctimeNs);
  // The reverse of makedev(3).
  made.put(DEV_MAJOR, ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn));
  made.put(DEV_MINOR, (dev & 0xffn) | ((dev >> 12n) & ~0xffn));
  return new FileStat(made.words);
}

class FileStatWriter {
  readonly words = new Uint32Array(USED_WORDS);

  put(at: number, value: bigint): void {
    this.words[at] = Number(BigInt.asUintN(32, value));
  }

  putLong(at: number, value: bigint): void {
    this.put(at, value);
    this.put(at + 1, value >> 32n);
  }

  putTime(at: number, nanoseconds: bigint): void {
    const fraction = ((nanoseconds % SECOND) + SECOND) % SECOND;
    this.putLong(at, (nanoseconds - fraction) / SECOND);
    this.put(at + 2, fraction);
  }
}

/** makedev(3). */
export function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}
