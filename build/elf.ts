import { readSync } from "node:fs";

/** A named stretch of an ELF file. */
export interface Section {
  /** Bytes from the start of the file. */
  offset: number;
  /** Bytes. */
  size: number;
}

const FILE_HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;

/**
 * The sections of a 64-bit little-endian ELF file by name (elf(5)).
 * @throws Error when the file is of another kind or ends too early.
 */
export function readSections(fd: number): Map<string, Section> {
  const header = readExactly(fd, 0, FILE_HEADER_BYTES);
  const isElf64Little = header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
  if (!isElf64Little) throw new Error("not a 64-bit little-endian ELF file");
  const tableOffset = Number(header.readBigUInt64LE(0x28));
  const count = header.readUInt16LE(0x3c);
  const nameTableIndex = header.readUInt16LE(0x3e);
  const table = readExactly(fd, tableOffset, count * SECTION_HEADER_BYTES);
  const sectionAt = (index: number): Section => ({
    offset: Number(table.readBigUInt64LE(index * SECTION_HEADER_BYTES + 0x18)),
    size: Number(table.readBigUInt64LE(index * SECTION_HEADER_BYTES + 0x20)),
  });
  const nameTable = sectionAt(nameTableIndex);
  const names = readExactly(fd, nameTable.offset, nameTable.size);
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const start = table.readUInt32LE(index * SECTION_HEADER_BYTES);
      return [names.toString("latin1", start, names.indexOf(0, start)), sectionAt(index)] as const;
    }),
  );
}

/** `size` bytes from `offset` of an open file. */
export function readExactly(fd: number, offset: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let have = 0;
  while (have < size) {
    const got = readSync(fd, bytes, have, size - have, offset + have);
    if (got === 0) throw new Error(`the file ends at byte ${offset + have}, ${offset + size} were expected`);
    have += got;
  }
  return bytes;
}
