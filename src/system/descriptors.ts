import { dlopen, FFIType, ptr } from "bun:ffi";

/** Descriptors that the runtime has no call for. Both are closed in every program that is started: O_CLOEXEC. */
function open() {
  return dlopen("libc.so.6", {
    pipe2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
    memfd_create: { args: [FFIType.cstring, FFIType.u32], returns: FFIType.i32 },
  }).symbols;
}

let opened: ReturnType<typeof open> | undefined;

/** The same number on x86_64 and aarch64: include/uapi/asm-generic/fcntl.h. */
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;

/** pipe2(2): a pipe that blocks, as programs expect of their output. @throws where the process may open no more. */
export function openPipe(): { read: number; write: number } {
  opened ??= open();
  const ends = new Int32Array(2);
  if (opened.pipe2(ptr(ends), O_CLOEXEC) !== 0) throw new Error("pipe2(2) failed");
  const [read = -1, write = -1] = ends;
  return { read, write };
}

/** memfd_create(2): an empty file that has no name and no disk, and is gone with its last descriptor. @throws as above. */
export function openMemoryFile(name: string): number {
  opened ??= open();
  const descriptor = opened.memfd_create(Buffer.from(`${name}\0`), MFD_CLOEXEC);
  if (descriptor < 0) throw new Error("memfd_create(2) failed");
  return descriptor;
}
