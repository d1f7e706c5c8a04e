import { dlopen, FFIType, read } from "bun:ffi";

/** What the archive needs of the C library and Bun has no call for. */
function open() {
  return dlopen("libc.so.6", {
    llistxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
    lgetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
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
