import { lstatSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import type { FileStat } from "../../system/file-stat.ts";
import { type BytePath, bytesOf, decodePath } from "../archive/byte-path.ts";
import { readExtendedAttributes } from "../archive/extended-attributes.ts";
import type { ExtendedAttribute } from "../archive/tar-header.ts";
import { cannotRead } from "../archive/walk.ts";

/** Everything but the bytes. */
export interface Attributes {
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  mtimeNs: bigint;
  extended: readonly ExtendedAttribute[];
}

export function readAttributes(path: BytePath, { mode, uid, gid, mtimeNs }: FileStat): Attributes {
  try {
    const extended = readExtendedAttributes(path);
    return { mode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid), mtimeNs, extended };
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** What only root may give, and what the copy's file system may not know. */
const REFUSED: ReadonlySet<string> = new Set(["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EINVAL"]);

/**
 * Gives them to a thing of the copy; a link is not followed.
 * @returns what this user may not give it: `owner 0:0`, `attribute security.capability`.
 */
export function applyAttributes(path: BytePath, { mode, uid, gid, mtimeNs, extended }: Attributes): string[] {
  const bytes = bytesOf(path);
  const refused: string[] = [];
  const tried = (what: string, act: () => void) => {
    try {
      act();
    } catch (error) {
      if (!REFUSED.has(errorCode(error) ?? "")) throw error;
      refused.push(what);
    }
  };
  const now = lstatSync(bytes);
  // In this order: a new owner takes setuid and capabilities away, and rights may forbid to set attributes.
  if (now.uid !== uid || now.gid !== gid) tried(`owner ${uid}:${gid}`, () => bulkDisk.lchownSync(bytes, uid, gid));
  const present = new Map(readExtendedAttributes(path).map(({ name, value }) => [name, value]));
  for (const { name, value } of extended) {
    const same = present.get(name);
    present.delete(name);
    if (same !== undefined && Buffer.compare(same, value) === 0) continue;
    tried(`attribute ${decodePath(name)}`, () => bulkDisk.setAttribute(bytes, bytesOf(name), value));
  }
  for (const name of present.keys()) {
    tried(`no attribute ${decodePath(name)}`, () => bulkDisk.removeAttribute(bytes, bytesOf(name)));
  }
  if (!now.isSymbolicLink()) bulkDisk.chmodSync(bytes, mode);
  bulkDisk.setModificationTime(bytes, mtimeNs);
  return refused;
}
