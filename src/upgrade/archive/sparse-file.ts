import { errno, libc } from "./libc.ts";

/** Part of a file: bytes on the disk, or a hole that reads as zero bytes. `end` is exclusive. */
export interface Extent {
  hole: boolean;
  end: number;
}

/** lseek(2). */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** There is nothing but a hole until the end of the file. */
const ENXIO = 6;

/**
 * The parts of an open file from its start to `size`, in order. The kernel fills memory with zero pages for every hole
 * that is read, which is slower than reading data; who knows the holes need not read them.
 *
 * A file system that does not tell has one part: all of it is data.
 */
export function* extentsOf(descriptor: number, size: number): Generator<Extent> {
  const { lseek } = libc();
  for (let position = 0; position < size; ) {
    let data = Number(lseek(descriptor, position, SEEK_DATA));
    if (data < 0) data = errno() === ENXIO ? size : position;
    if (data > position) yield { hole: true, end: Math.min(data, size) };
    if (data >= size) return;
    const hole = Number(lseek(descriptor, data, SEEK_HOLE));
    position = hole > data ? Math.min(hole, size) : size;
    yield { hole: false, end: position };
  }
}
