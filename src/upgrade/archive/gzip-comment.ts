import { constants } from "node:fs";
import { disk } from "../../system/disk.ts";

/** Longer than any comment that nymvisor writes. */
const MOST = 64 << 10;

/** Flags of RFC 1952, section 2.3.1. */
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** The comment in a gzip file's header; undefined where there is none, and where the file is none of gzip's. */
export function readGzipComment(path: string): string | undefined {
  const bytes = Buffer.alloc(MOST);
  const file = disk.openSync(path, constants.O_RDONLY);
  let length: number;
  try {
    length = disk.readSync(file, bytes, 0, MOST, 0);
  } finally {
    disk.closeSync(file);
  }
  const flags = bytes[3] ?? 0;
  if (length < 10 || bytes[0] !== 0x1f || bytes[1] !== 0x8b || (flags & FCOMMENT) === 0) return undefined;
  let start = 10;
  if ((flags & FEXTRA) !== 0) start += 2 + bytes.readUInt16LE(start);
  if ((flags & FNAME) !== 0) start = bytes.indexOf(0, start) + 1;
  const end = bytes.indexOf(0, start);
  return end < start || end >= length ? undefined : bytes.toString("latin1", start, end);
}
