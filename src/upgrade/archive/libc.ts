import { dlopen, FFIType, read } from "bun:ffi";

/** What the archive needs of the C library and Bun has no call for. */
function open() {
  return dlopen("libc.so.6", {
    llistxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
    lgetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
    posix_fadvise: { args: [FFIType.i32, FFIType.i64, FFIType.i64, FFIType.i32], returns: FFIType.i32 },
    lseek: { args: [FFIType.i32, FFIType.i64_fast, FFIType.i32], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: FFIType.ptr },
  }).symbols;
}

let opened: ReturnType<typeof open> | undefined;

/** Opened at the first use. A result below zero means that {@link errno} has the reason. */
export function libc(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

/** The reason of the last call that failed, as errno(3) numbers it. */
export function errno(): number {
  const location = libc().__errno_location();
  return location === null ? 0 : read.i32(location);
}

/** POSIX_FADV_DONTNEED of posix_fadvise(2). */
const DONT_NEED = 4;

/**
 * Lets the kernel forget what it keeps in memory of an open file, as far as that is on the disk: what is read or written
 * once is not worth the place of what the daemon needs. Only an advice, so what it returns does not matter. Without a
 * length up to the end of the file; much at once holds the processor for milliseconds.
 */
export function dropFromCache(descriptor: number, position = 0, length = 0): void {
  libc().posix_fadvise(descriptor, BigInt(position), BigInt(length), DONT_NEED);
}
