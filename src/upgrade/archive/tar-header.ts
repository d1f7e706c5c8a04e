import { isUtf8 } from "node:buffer";
import { type BytePath, bytesOf } from "./byte-path.ts";

/**
 * Headers of the pax interchange format: ustar blocks, preceded by an extended header where ustar has no room.
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "EXTENDED DESCRIPTION". Extended attributes are
 * the `SCHILY.xattr.` records that star introduced and GNU tar, libarchive and Python read.
 */

export const BLOCK = 512;

/** Two empty blocks end an archive. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK);

export interface TarEntry {
  /** Relative, without a slash at its end; folders get theirs here. */
  name: BytePath;
  kind: "file" | "folder" | "symbolic link" | "hard link";
  /** Permission bits with setuid, setgid and sticky; anything above them is ignored. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes that follow the header; only files have any. */
  size: number;
  /** Nanoseconds since 1970, also before it. */
  mtime: bigint;
  /** Where a symbolic link points, or the name in the archive that a hard link repeats. */
  target?: BytePath;
  attributes?: readonly ExtendedAttribute[];
}

export interface ExtendedAttribute {
  /** With its namespace: `user.comment`. */
  name: BytePath;
  value: Uint8Array;
}

const TYPE_FLAGS = { file: "0", "hard link": "1", "symbolic link": "2", folder: "5" } as const;

/** Longest name, and longest target, that a ustar header holds. Its prefix field is not used: pax has no limit. */
const LONGEST_NAME = 100;
const LARGEST_ID = 0o7777777;
const LARGEST_NUMBER = 0o77777777777;
const SECOND = 1_000_000_000n;

/** The blocks that go before an entry's contents: an extended header if it needs one, and its own. */
export function tarHeader(entry: TarEntry): Buffer {
  const name = bytesOf((entry.name + (entry.kind === "folder" ? "/" : "")) as BytePath);
  const target = bytesOf(entry.target ?? ("" as BytePath));
  const { uid, gid, size, mtime } = entry;
  const seconds = mtime / SECOND;

  const records: Buffer[] = [];
  const paths: [string, Buffer][] = [];
  if (name.length > LONGEST_NAME) paths.push(["path", name]);
  if (target.length > LONGEST_NAME) paths.push(["linkpath", target]);
  // Values are UTF-8 unless the header says that they are bytes without a character set.
  if (paths.some(([, value]) => !isUtf8(value))) records.push(paxRecord("hdrcharset", "BINARY"));
  for (const [keyword, value] of paths) records.push(paxRecord(keyword, value));
  if (mtime % SECOND !== 0n || seconds < 0n || seconds > LARGEST_NUMBER) {
    records.push(paxRecord("mtime", decimalSeconds(mtime)));
  }
  if (uid > LARGEST_ID) records.push(paxRecord("uid", `${uid}`));
  if (gid > LARGEST_ID) records.push(paxRecord("gid", `${gid}`));
  if (size > LARGEST_NUMBER) records.push(paxRecord("size", `${size}`));
  for (const attribute of entry.attributes ?? []) {
    // GNU tar's way to keep the equals sign, which ends a keyword, out of it.
    const keyword = attribute.name.replaceAll("%", "%25").replaceAll("=", "%3D");
    records.push(paxRecord(`SCHILY.xattr.${keyword}`, attribute.value));
  }

  const own = ustarBlock({
    name,
    flag: TYPE_FLAGS[entry.kind],
    mode: entry.mode & 0o7777,
    uid,
    gid,
    size,
    seconds: Number(seconds),
    target,
  });
  if (records.length === 0) return own;
  const extension = Buffer.concat(records);
  const extended = ustarBlock({
    name: Buffer.concat([Buffer.from("PaxHeaders/"), name.subarray(entry.name.lastIndexOf("/") + 1)]),
    flag: "x",
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: extension.length,
    seconds: 0,
    target: Buffer.alloc(0),
  });
  return Buffer.concat([extended, extension, Buffer.alloc(padding(extension.length)), own]);
}

/** Zero bytes that fill up the last block of `size` bytes of contents. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

interface UstarFields {
  name: Buffer;
  flag: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  seconds: number;
  target: Buffer;
}

/** One block. What does not fit is cut off or set to the largest value: its extended header has the truth. */
function ustarBlock({ name, flag, mode, uid, gid, size, seconds, target }: UstarFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number) => {
    const fitting = Math.min(Math.max(value, 0), 8 ** digits - 1);
    block.write(fitting.toString(8).padStart(digits, "0"), offset, "latin1");
  };
  name.copy(block, 0, 0, LONGEST_NAME);
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(size, 124, 11);
  octal(seconds, 136, 11);
  block.write(flag, 156, "latin1");
  target.copy(block, 157, 0, LONGEST_NAME);
  block.write("ustar\x0000", 257, "latin1");
  // The checksum is taken with spaces in its own field.
  block.fill(" ", 148, 156);
  let sum = 0;
  // Not for..of: its iterator costs more than everything else that is done for a small file.
  for (let index = 0; index < BLOCK; index += 1) sum += block[index] ?? 0;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** `<length> <keyword>=<value>\n`, where the length counts its own digits. */
function paxRecord(keyword: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`, "latin1"), Buffer.from(value), Buffer.of(0x0a)]);
  let length = rest.length;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** `1795263697.954352301`; before 1970 `-1.5`. */
export function decimalSeconds(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (size % SECOND).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanoseconds < 0n ? "-" : ""}${size / SECOND}${fraction === "" ? "" : `.${fraction}`}`;
}
