import { dlopen, FFIType, ptr, read } from "bun:ffi";

/**
 * The few calls of the C library that Bun does not offer. The library is opened at the first use, which costs less than
 * a millisecond; the file is glibc's, which the released executables need anyway.
 */
function open() {
  return dlopen("libc.so.6", {
    flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    poll: { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
    __errno_location: { args: [], returns: FFIType.ptr },
  }).symbols;
}

let opened: ReturnType<typeof open> | undefined;

/** The result of a call that failed, as errno(3) has it. */
function errno(): number {
  const location = opened?.__errno_location();
  return location === null || location === undefined ? 0 : read.i32(location);
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const EINTR = 4;
const EWOULDBLOCK = 11;

/**
 * flock(2) with LOCK_EX | LOCK_NB: true if the lock is ours now, false if another open file has it. The kernel gives it
 * back when the descriptor is closed, also by the death of the process.
 */
export function tryExclusiveLock(descriptor: number): boolean {
  opened ??= open();
  for (;;) {
    if (opened.flock(descriptor, LOCK_EX | LOCK_NB) === 0) return true;
    const code = errno();
    if (code === EINTR) continue;
    if (code === EWOULDBLOCK || code === 0) return false;
    throw new Error(`flock(2) failed with errno ${code}`);
  }
}

const POLLOUT = 4;
/** Of `struct pollfd`: an int and two shorts. */
const POLLFD_BYTES = 8;

/**
 * poll(2): whether something may be written without being held up: to a pipe at least PIPE_BUF bytes. False once that
 * many milliseconds have passed without it. Also true where writing fails at once: the write says why.
 */
export function waitWritable(descriptor: number, milliseconds: number): boolean {
  opened ??= open();
  const request = new DataView(new ArrayBuffer(POLLFD_BYTES));
  request.setInt32(0, descriptor, true);
  request.setInt16(4, POLLOUT, true);
  const end = performance.now() + milliseconds;
  for (;;) {
    const left = Math.max(0, Math.ceil(end - performance.now()));
    const ready = opened.poll(ptr(request.buffer), 1n, left);
    if (ready === 0) return false;
    if (ready > 0 || errno() !== EINTR) return true;
  }
}
