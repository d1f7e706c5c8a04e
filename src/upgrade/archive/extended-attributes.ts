import { dlopen, FFIType, read } from "bun:ffi";
import { asBytePath, type BytePath, bytesOf } from "./byte-path.ts";
import type { ExtendedAttribute } from "./tar-header.ts";

/** Extended attributes (xattr(7)): ACLs, capabilities, and what programs attach to files. Bun has no call for them. */

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h: the kernel never has more to say. */
const MOST = 65_536;

/** errno(3): the file, or the attribute, was removed meanwhile; the file system knows no attributes. */
const NONE: ReadonlySet<number> = new Set([2 /* ENOENT */, 61 /* ENODATA */, 95 /* ENOTSUP */]);

function open() {
  const { symbols } = dlopen("libc.so.6", {
    llistxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
    lgetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: FFIType.ptr },
  });
  return { symbols, list: Buffer.alloc(MOST), value: Buffer.alloc(MOST) };
}

let opened: ReturnType<typeof open> | undefined;

/**
 * The attributes of a file or a folder that this process may see; a link is not followed.
 * @throws {Error} when they cannot be read for any other reason than that there are none.
 */
export function readExtendedAttributes(path: BytePath): ExtendedAttribute[] {
  opened ??= open();
  const { symbols, list, value } = opened;
  const cPath = terminated(path);
  const listed = lengthOf(symbols.llistxattr(cPath, list, MOST), symbols.__errno_location);
  if (listed === undefined || listed === 0) return [];
  const attributes: ExtendedAttribute[] = [];
  for (const name of list.toString("latin1", 0, listed - 1).split("\0")) {
    const size = lengthOf(symbols.lgetxattr(cPath, terminated(name), value, MOST), symbols.__errno_location);
    if (size === undefined) continue;
    attributes.push({ name: asBytePath(name), value: Uint8Array.from(value.subarray(0, size)) });
  }
  return attributes;
}

/** A C string. */
function terminated(bytes: string): Buffer {
  return bytesOf(asBytePath(`${bytes}\0`));
}

function lengthOf(result: number | bigint, errnoLocation: () => Parameters<typeof read.i32>[0] | null) {
  if (result >= 0) return Number(result);
  const location = errnoLocation();
  const errno = location === null ? 0 : read.i32(location);
  if (NONE.has(errno)) return undefined;
  throw new Error(`its extended attributes cannot be read (errno ${errno})`);
}
