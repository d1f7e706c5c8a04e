/** The errors that a simulated disk throws: those of node:fs, and the end of the process that called. */

/** errno(3) on Linux, and the words that libuv has for it. */
const ERRORS = {
  EPERM: [1, "operation not permitted"],
  ENOENT: [2, "no such file or directory"],
  EIO: [5, "i/o error"],
  EBADF: [9, "bad file descriptor"],
  EACCES: [13, "permission denied"],
  EBUSY: [16, "resource busy or locked"],
  EEXIST: [17, "file already exists"],
  ENOTDIR: [20, "not a directory"],
  EISDIR: [21, "illegal operation on a directory"],
  EINVAL: [22, "invalid argument"],
  ENFILE: [23, "file table overflow"],
  EMFILE: [24, "too many open files"],
  EFBIG: [27, "file too large"],
  ENOSPC: [28, "no space left on device"],
  EROFS: [30, "read-only file system"],
  ENAMETOOLONG: [36, "name too long"],
  ENOLCK: [37, "no locks available"],
  ENOTEMPTY: [39, "directory not empty"],
  ELOOP: [40, "too many symbolic links encountered"],
  ENOTSUP: [95, "operation not supported on socket"],
  EDQUOT: [122, "disk quota exceeded"],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof ERRORS;

/** Calls on descriptors: their errors name no path. */
const ON_DESCRIPTORS: ReadonlySet<string> = new Set([
  "close",
  "fchmod",
  "fchown",
  "flock",
  "fstat",
  "fsync",
  "ftruncate",
  "read",
  "write",
]);

/** An error as node:fs throws it: the same code, errno, syscall, path and message. */
export function systemError(code: ErrorCode, syscall: string, path?: string, destination?: string): Error {
  const [number, words] = ERRORS[code];
  const named = path === undefined || ON_DESCRIPTORS.has(syscall) ? {} : { path };
  const paths = "path" in named ? ` '${path}'${destination === undefined ? "" : ` -> '${destination}'`}` : "";
  const error = new Error(`${code}: ${words}, ${syscall}${paths}`);
  return Object.assign(error, {
    code,
    ...named,
    ...(destination === undefined ? {} : { dest: destination }),
    syscall,
    errno: -number,
  });
}

/**
 * The calling process is dead: killed, or gone with the power. It is thrown at every call that its code still makes
 * while it unwinds, and none of them has any effect.
 */
export class ProcessDied extends Error {
  override name = "ProcessDied";

  constructor(pid: number) {
    super(`process ${pid} is dead`);
  }
}
