import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { constants } from "node:os";

/**
 * System calls on files that the runtime does not offer, or offers with less precision. A path is bytes without a zero
 * byte at its end. A failure is thrown as node throws one, with its `code`.
 */
function open() {
  const { i32, u32, i64, i64_fast, u64_fast, ptr } = FFIType;
  return dlopen("libc.so.6", {
    utimensat: { args: [i32, ptr, ptr, i32], returns: i32 },
    lsetxattr: { args: [ptr, ptr, ptr, u64_fast, i32], returns: i32 },
    lremovexattr: { args: [ptr, ptr], returns: i32 },
    syncfs: { args: [i32], returns: i32 },
    sync_file_range: { args: [i32, i64_fast, i64_fast, u32], returns: i32 },
    ioctl: { args: [i32, u64_fast, i64], returns: i32 },
    syscall: { args: [i64_fast, i32, ptr, ptr, u32], returns: i64_fast },
    getpagesize: { args: [], returns: i32 },
    __errno_location: { args: [], returns: ptr },
  }).symbols;
}

let opened: ReturnType<typeof open> | undefined;

function libc(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

const CODES = new Map<number, string>(Object.entries(constants.errno).map(([code, number]) => [number, code]));

/** What the last call that failed has failed with. */
export function failure(call: string): Error {
  const location = libc().__errno_location();
  const errno = location === null ? 0 : read.i32(location);
  const code = CODES.get(errno) ?? `E${errno}`;
  return Object.assign(new Error(`${code}: ${call}(2) failed`), { code, errno: -errno, syscall: call });
}

function terminated(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.of(0)]);
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const UTIME_OMIT = 0x3ffffffen;
const SECOND = 1_000_000_000n;

/** Sets the time of the last change of contents, in nanoseconds since 1970, of what is at `path`, also of a link itself. */
export function setModificationTime(path: Uint8Array, mtimeNs: bigint): void {
  const fraction = ((mtimeNs % SECOND) + SECOND) % SECOND;
  const times = BigInt64Array.of(0n, UTIME_OMIT, (mtimeNs - fraction) / SECOND, fraction);
  if (libc().utimensat(AT_FDCWD, terminated(path), times, AT_SYMLINK_NOFOLLOW) !== 0) throw failure("utimensat");
}

/** Sets an extended attribute of what is at `path`, a link not followed. */
export function setAttribute(path: Uint8Array, name: Uint8Array, value: Uint8Array): void {
  // A pointer to no bytes would be null; the size says that there are none.
  const bytes = value.length === 0 ? Buffer.alloc(1) : value;
  if (libc().lsetxattr(terminated(path), terminated(name), bytes, value.length, 0) !== 0) throw failure("setxattr");
}

export function removeAttribute(path: Uint8Array, name: Uint8Array): void {
  if (libc().lremovexattr(terminated(path), terminated(name)) !== 0) throw failure("removexattr");
}

/**
 * Makes all that was written to the file system of an open file durable, in one go: many times faster than a file at a
 * time. What could not be written is told since Linux 5.8 (syncfs(2)).
 */
export function syncFileSystem(descriptor: number): void {
  if (libc().syncfs(descriptor) !== 0) throw failure("syncfs");
}

/** SYNC_FILE_RANGE_WRITE of linux/fs.h. */
const START_TO_WRITE = 2;

/**
 * Has the disk begin to write bytes of an open file that wait in memory, and does not wait for it (sync_file_range(2)).
 * Nothing is durable by that, and nothing depends on it: whether they could be written is told by the fsync that follows,
 * which then has less to wait for.
 */
export function startToWrite(descriptor: number, position: number, length: number): void {
  libc().sync_file_range(descriptor, position, length, START_TO_WRITE);
}

/** FICLONE of linux/fs.h: _IOW(0x94, 9, int). */
const FICLONE = 0x40049409;

/**
 * Makes an empty open file share all the bytes of another one until either is written (ioctl_ficlone(2)).
 * @throws with EOPNOTSUPP, ENOTTY, EINVAL or EXDEV where the file system cannot do that.
 */
export function cloneFile(destination: number, source: number): void {
  if (libc().ioctl(destination, FICLONE, BigInt(source)) !== 0) throw failure("ioctl_ficlone");
}

/** FS_IOC_FIEMAP of linux/fiemap.h. */
const FIEMAP = 0xc020660b;

/**
 * In how many pieces an open file lies on the disk (Documentation/filesystems/fiemap.rst in Linux). What still waits to
 * be written is in none. Undefined where the file system does not tell.
 */
export function extentCount(descriptor: number): number | undefined {
  /** struct fiemap: start, length, flags, extents found, room for extents; with no room they are only counted. */
  const request = new DataView(new ArrayBuffer(32));
  request.setBigUint64(8, 0xffff_ffff_ffff_ffffn, true);
  if (libc().ioctl(descriptor, FIEMAP, BigInt(ptr(request.buffer))) !== 0) return undefined;
  return request.getUint32(20, true);
}

/** The same number on every architecture, as of all calls since Linux 5.1. */
const SYS_CACHESTAT = 451;

/** What cachestat(2) tells of a part of an open file, without a length of all of it: in pages. It came with Linux 6.5. */
function cacheStat(descriptor: number, position = 0, length = 0): BigUint64Array | undefined {
  /** struct cachestat_range: offset and length. */
  const range = BigUint64Array.of(BigInt(position), BigInt(length));
  /** struct cachestat: pages cached, dirty, under write-back, evicted, recently evicted. */
  const pages = new BigUint64Array(5);
  return libc().syscall(SYS_CACHESTAT, descriptor, range, pages, 0) === 0 ? pages : undefined;
}

/** Whether all of a part of an open file is in memory. Undefined where the kernel does not tell. */
export function isCached(descriptor: number, position: number, length: number): boolean | undefined {
  const [cached] = cacheStat(descriptor, position, length) ?? [];
  return cached === undefined ? undefined : Number(cached) >= Math.ceil(length / libc().getpagesize());
}

/**
 * Whether nothing that was written to an open file still waits in memory to be written to the disk, or is on its way
 * there. Undefined where the kernel does not tell.
 */
export function isClean(descriptor: number): boolean | undefined {
  const [, dirty, writtenBack] = cacheStat(descriptor) ?? [];
  return dirty === undefined ? undefined : dirty === 0n && writtenBack === 0n;
}
