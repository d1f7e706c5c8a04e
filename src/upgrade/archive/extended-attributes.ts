import { asBytePath, type BytePath, bytesOf } from "./byte-path.ts";
import { errno, libc } from "./libc.ts";
import type { ExtendedAttribute } from "./tar-header.ts";

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h: the kernel never has more to say. */
const MOST = 65_536;

/** The file, or the attribute, was removed meanwhile; the file system knows no attributes. */
const NONE: ReadonlySet<number> = new Set([2 /* ENOENT */, 20 /* ENOTDIR */, 61 /* ENODATA */, 95 /* ENOTSUP */]);

let buffers: { names: Buffer; value: Buffer } | undefined;

/**
 * The extended attributes (xattr(7): ACLs, capabilities, what programs attach) of a file or a folder, as far as this
 * process may see them. A link is not followed.
 * @throws {Error} when they cannot be read for any other reason than that there are none.
 */
export function readExtendedAttributes(path: BytePath): ExtendedAttribute[] {
  buffers ??= { names: Buffer.alloc(MOST), value: Buffer.alloc(MOST) };
  const { names, value } = buffers;
  const { llistxattr, lgetxattr } = libc();
  const cPath = terminated(path);
  const listed = lengthOf(llistxattr(cPath, names, MOST));
  if (listed === undefined || listed === 0) return [];
  const attributes: ExtendedAttribute[] = [];
  for (const name of names.toString("latin1", 0, listed - 1).split("\0")) {
    const size = lengthOf(lgetxattr(cPath, terminated(name), value, MOST));
    if (size === undefined) continue;
    attributes.push({ name: asBytePath(name), value: Uint8Array.from(value.subarray(0, size)) });
  }
  return attributes;
}

/** A C string. */
function terminated(bytes: string): Buffer {
  return bytesOf(asBytePath(`${bytes}\0`));
}

function lengthOf(result: number | bigint): number | undefined {
  if (result >= 0) return Number(result);
  const code = errno();
  if (NONE.has(code)) return undefined;
  throw new Error(`its extended attributes cannot be read (errno ${code})`);
}
