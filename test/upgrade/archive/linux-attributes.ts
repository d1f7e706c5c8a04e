import { dlopen, FFIType } from "bun:ffi";

const { symbols } = dlopen("libc.so.6", {
  lsetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  llistxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.u64], returns: FFIType.i64 },
  lgetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64], returns: FFIType.i64 },
});

function terminated(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.of(0)]);
}

/** @returns whether the file system keeps it. */
export function setAttribute(path: Uint8Array, name: string, value: Uint8Array): boolean {
  return symbols.lsetxattr(terminated(path), terminated(Buffer.from(name)), value, value.length, 0) === 0;
}

/** Names, and values in hex. */
export function readAttributes(path: Uint8Array): Record<string, string> {
  const names = Buffer.alloc(4096);
  const value = Buffer.alloc(65_536);
  const listed = Number(symbols.llistxattr(terminated(path), names, names.length));
  if (listed <= 0) return {};
  const found: Record<string, string> = {};
  for (const name of names.toString("utf8", 0, listed - 1).split("\0")) {
    const size = Number(symbols.lgetxattr(terminated(path), terminated(Buffer.from(name)), value, value.length));
    found[name] = value.toString("hex", 0, size);
  }
  return found;
}
