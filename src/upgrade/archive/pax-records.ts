import { asBytePath, type BytePath } from "./byte-path.ts";
import { DamagedArchive } from "./damaged.ts";
import type { ExtendedAttribute } from "./tar-header.ts";

/** What a pax extended header says about the entry after it. */
export interface PaxRecords {
  path?: BytePath;
  linkpath?: BytePath;
  size?: number;
  uid?: number;
  gid?: number;
  /** Nanoseconds since 1970. */
  mtime?: bigint;
  attributes: ExtendedAttribute[];
  /** The contents are GNU tar's list of pieces. */
  sparse?: true;
}

const ATTRIBUTE = "SCHILY.xattr.";

/**
 * Records of `<length> <keyword>=<value>\n`, where the length counts all of it. Keywords that mean nothing here (access
 * times, names of users) are passed over, as the standard has it.
 * @throws {DamagedArchive} for what is no such list.
 */
export function parsePaxRecords(bytes: Buffer): PaxRecords {
  const records: PaxRecords = { attributes: [] };
  for (let start = 0; start < bytes.length; ) {
    const space = bytes.indexOf(0x20, start);
    const digits = bytes.toString("latin1", start, Math.min(space, start + 20));
    const length = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
    const end = start + length;
    const equals = bytes.indexOf(0x3d, space);
    const isWhole = space > start && length > 0 && end <= bytes.length && equals > space && equals < end;
    if (!isWhole || bytes[end - 1] !== 0x0a) throw new DamagedArchive("an extended header is broken");
    take(records, bytes.toString("latin1", space + 1, equals), bytes.subarray(equals + 1, end - 1));
    start = end;
  }
  return records;
}

function take(records: PaxRecords, keyword: string, value: Buffer): void {
  const text = value.toString("latin1");
  switch (keyword) {
    case "path":
      records.path = asBytePath(text);
      return;
    case "linkpath":
      records.linkpath = asBytePath(text);
      return;
    case "size":
    case "uid":
    case "gid":
      records[keyword] = wholeNumber(keyword, text);
      return;
    case "mtime":
      records.mtime = nanoseconds(text);
      return;
  }
  if (keyword.startsWith("GNU.sparse.")) records.sparse = true;
  if (!keyword.startsWith(ATTRIBUTE)) return;
  const name = keyword.slice(ATTRIBUTE.length).replaceAll("%3D", "=").replaceAll("%25", "%");
  if (name.includes("\0")) throw new DamagedArchive("the name of an extended attribute holds a NUL");
  records.attributes.push({ name: asBytePath(name), value: Uint8Array.from(value) });
}

function wholeNumber(keyword: string, text: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new DamagedArchive(`an extended header has an impossible ${keyword}`);
  return value;
}

function nanoseconds(text: string): bigint {
  const match = /^(-?)([0-9]{1,18})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) throw new DamagedArchive("an extended header has an impossible time");
  const [, sign, whole = "0", fraction = ""] = match;
  const size = BigInt(whole) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -size : size;
}
