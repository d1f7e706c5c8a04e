import { dlopen, FFIType, ptr } from "bun:ffi";
import { connect, type Socket } from "node:net";

/**
 * An address that swallows connection attempts: a socket that listens, is never accepted from, and whose queue is full,
 * so that the kernel drops what comes (listen(2)). The runtime's own servers accept by themselves, hence the C library.
 */
export interface FullBacklog {
  port: number;
  close(): void;
}

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
/** Of `struct sockaddr_in`: ip(7). */
const ADDRESS_BYTES = 16;
/** A queue of length 0 takes one connection; the kernel may round that up. */
const FILLERS = 8;

export async function startFullBacklog(): Promise<FullBacklog> {
  const library = dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    getsockname: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
  });
  const { symbols } = library;
  const descriptor = symbols.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const address = new DataView(new ArrayBuffer(ADDRESS_BYTES));
  address.setUint16(0, AF_INET, true);
  address.setUint32(4, 0x7f000001);
  const length = new Uint32Array([ADDRESS_BYTES]);
  const failed =
    descriptor < 0 ||
    symbols.bind(descriptor, ptr(address.buffer), ADDRESS_BYTES) !== 0 ||
    symbols.listen(descriptor, 0) !== 0 ||
    symbols.getsockname(descriptor, ptr(address.buffer), ptr(length)) !== 0;
  if (failed) throw new Error("a listening socket could not be made");
  const port = address.getUint16(2);
  const fillers = await fill(port);
  return {
    port,
    close() {
      for (const filler of fillers) filler.destroy();
      symbols.close(descriptor);
      library.close();
    },
  };
}

/** Makes more attempts than the queue takes. All have reached the kernel by the time the first one is through. */
async function fill(port: number): Promise<Socket[]> {
  const fillers: Socket[] = [];
  const connected = Array.from({ length: FILLERS }, () => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    fillers.push(socket);
    return new Promise<void>((resolve) => socket.once("connect", resolve));
  });
  await Promise.any(connected);
  return fillers;
}
