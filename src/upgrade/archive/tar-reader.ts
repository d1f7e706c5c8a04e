import { printable } from "../../model/names.ts";
import { asBytePath, type BytePath, bytesOf, decodePath } from "./byte-path.ts";
import type { ByteSource } from "./byte-source.ts";
import { DamagedArchive } from "./damaged.ts";
import { type PaxRecords, parsePaxRecords } from "./pax-records.ts";
import { BLOCK, padding, type TarEntry } from "./tar-header.ts";

/**
 * Reads tar as nymvisor, GNU tar and Rust's tar crate write it: ustar and GNU headers, pax extended headers, GNU's long
 * names. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html,
 * https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */

/** An entry whose contents, if it is a file, come next. Its name is as it stands there: nothing is said of where it leads. */
export type ReadEntry = TarEntry | { kind: "device"; name: BytePath; size: number };

/** What the extensions of one entry may take: far more than its path and the largest attributes that Linux keeps. */
const LONGEST_EXTENSION = 8 << 20;

/** Longest name that Linux takes, with room to spare: PATH_MAX of linux/limits.h. */
const LONGEST_NAME = 64 << 10;

/**
 * The entries, in order. Contents that are not read by the time the next entry is asked for are passed over.
 * @throws {DamagedArchive} for what is no tar, is cut off, or says something that cannot be true.
 */
export class TarReader {
  readonly #source: ByteSource;
  /** Of the contents of the last entry, and what fills up its last block. */
  #contents = 0;
  #padding = 0;
  #entries = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The next entry; undefined when the archive says that it ends. */
  async next(): Promise<ReadEntry | undefined> {
    await this.read(() => {});
    await this.#skip(this.#padding);
    this.#padding = 0;
    let records: PaxRecords = { attributes: [] };
    for (;;) {
      const block = await this.#source.take(BLOCK);
      if (block.length < BLOCK) throw new DamagedArchive("it ends before its last entry does");
      if (isEmpty(block)) return undefined;
      const { flag, size } = frame(block, this.#entries);
      if (flag === "g") {
        await this.#skip(size + padding(size));
      } else if (flag === "x") {
        records = { ...records, ...parsePaxRecords(await this.#extension(size)) };
      } else if (flag === "L") {
        records.path = await this.#longName(size);
      } else if (flag === "K") {
        records.linkpath = await this.#longName(size);
      } else {
        this.#entries += 1;
        return this.#begin(block, flag, records);
      }
    }
  }

  /** Shows what is left of the contents of the last entry. */
  async read(each: (part: Uint8Array) => void | Promise<void>): Promise<void> {
    const promised = this.#contents;
    this.#contents = 0;
    if (promised === 0) return;
    const there = await this.#source.pass(promised, each);
    if (there < promised) throw new DamagedArchive("it ends in the middle of a file");
  }

  #begin(block: Buffer, flag: string, records: PaxRecords): ReadEntry {
    const name = records.path ?? nameOf(block);
    const size = records.size ?? number(block, 124, 12);
    this.#contents = size;
    this.#padding = padding(size);
    if (records.sparse || flag === "S") {
      throw new DamagedArchive(`${show(name)} is stored as a sparse file of GNU tar, which only GNU tar unpacks`);
    }
    if (flag === "3" || flag === "4" || flag === "6") return { kind: "device", name: trimmed(name), size };
    const kind = KINDS.get(flag);
    if (kind === undefined) throw new DamagedArchive(`${show(name)} is of the unknown type "${printable(flag)}"`);
    if (kind !== "file" && size > 0) throw new DamagedArchive(`${show(name)} has contents, and is a ${kind}`);
    const isFolder = kind === "folder" || (kind === "file" && name.endsWith("/"));
    return {
      name: trimmed(name),
      kind: isFolder ? "folder" : kind,
      mode: number(block, 100, 8) & 0o7777,
      uid: records.uid ?? number(block, 108, 8),
      gid: records.gid ?? number(block, 116, 8),
      size,
      mtime: records.mtime ?? BigInt(number(block, 136, 12)) * 1_000_000_000n,
      ...(kind === "symbolic link" || kind === "hard link"
        ? { target: records.linkpath ?? text(block, 157, 100) }
        : {}),
      attributes: records.attributes,
    };
  }

  async #longName(size: number): Promise<BytePath> {
    if (size > LONGEST_NAME) throw new DamagedArchive(`a name of ${size} bytes`);
    const bytes = await this.#extension(size);
    return text(bytes, 0, bytes.length);
  }

  async #extension(size: number): Promise<Buffer> {
    if (size > LONGEST_EXTENSION) throw new DamagedArchive(`an extended header of ${size} bytes`);
    const bytes = await this.#source.take(size);
    if (bytes.length < size) throw new DamagedArchive("it ends in the middle of a header");
    await this.#skip(padding(size));
    return bytes;
  }

  async #skip(count: number): Promise<void> {
    if ((await this.#source.pass(count, () => {})) < count)
      throw new DamagedArchive("it ends before its end is marked");
  }
}

const KINDS: ReadonlyMap<string, TarEntry["kind"]> = new Map([
  ["0", "file"],
  ["\0", "file"],
  ["7", "file"],
  ["1", "hard link"],
  ["2", "symbolic link"],
  ["5", "folder"],
]);

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** What says where the next block is, from a block whose checksum is right. */
function frame(block: Buffer, entries: number): { flag: string; size: number } {
  let sum = 0;
  for (let index = 0; index < BLOCK; index += 1) {
    sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
  }
  if (number(block, 148, 8) !== sum) {
    throw new DamagedArchive(entries === 0 ? "it is no tar archive" : `the header after ${entries} entries is broken`);
  }
  return { flag: String.fromCharCode(block[156] ?? 0), size: number(block, 124, 12) };
}

/** Octal digits, or, with the first bit set, a big-endian number (GNU's base-256). */
function number(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = BigInt(first & 0x7f);
    for (let index = 1; index < length; index += 1) value = (value << 8n) | BigInt(block[offset + index] ?? 0);
    const bits = BigInt(length * 8 - 1);
    return checked(Number((first & 0x40) !== 0 ? value - (1n << bits) : value));
  }
  const digits = text(block, offset, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw new DamagedArchive(`"${printable(digits)}" stands where a number belongs`);
  return checked(Number.parseInt(digits, 8));
}

function checked(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new DamagedArchive("a number in a header is too large");
}

/** Up to the first NUL. */
function text(bytes: Buffer, offset: number, length: number): BytePath {
  const end = bytes.subarray(offset, offset + length).indexOf(0);
  return asBytePath(bytes.toString("latin1", offset, offset + (end === -1 ? length : end)));
}

/** ustar has a second field for what goes before the name; GNU's own format keeps times there. */
function nameOf(block: Buffer): BytePath {
  const name = text(block, 0, 100);
  if (block.toString("latin1", 257, 263) !== "ustar\0") return name;
  const prefix = text(block, 345, 155);
  return prefix === "" ? name : asBytePath(`${prefix}/${name}`);
}

/** Folders are written with a slash at their end, and everything by some with `./` in front. */
function trimmed(name: BytePath): BytePath {
  return asBytePath(name.replace(/\/+$/, "").replace(/^(\.\/+)+/, ""));
}

function show(name: BytePath): string {
  return printable(decodePath(asBytePath(bytesOf(name).toString("latin1"))));
}
