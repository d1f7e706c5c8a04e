import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readAttributes } from "./linux-attributes.ts";

/** Everything that a backup promises to keep of one thing in a home. */
export interface Snapshot {
  mode: string;
  owner: string;
  mtime: bigint;
  /** A hash of a file's bytes, a link's target in hex. */
  contents: string;
  /** The first path, in byte order, of the same file. */
  sameAs: string;
  attributes: Record<string, string>;
}

/** A tree by its paths, each character of which is a byte. Sockets, fifos and devices are passed over. */
export function snapshot(root: string, leaveOut: (path: string) => boolean = () => false): Record<string, Snapshot> {
  const found: Record<string, Snapshot> = {};
  const firstPaths = new Map<bigint, string>();
  const visit = (folder: string) => {
    const names = readdirSync(inRoot(root, folder), { encoding: "latin1" });
    for (const name of names.sort()) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (leaveOut(path)) continue;
      const absolute = inRoot(root, path);
      const stat = lstatSync(absolute, { bigint: true });
      if (!stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink()) continue;
      if (!firstPaths.has(stat.ino)) firstPaths.set(stat.ino, path);
      found[path] = {
        mode: stat.mode.toString(8),
        owner: `${stat.uid}:${stat.gid}`,
        mtime: stat.mtimeNs,
        contents: contentsOf(absolute, stat),
        sameAs: firstPaths.get(stat.ino) ?? path,
        attributes: stat.isSymbolicLink() ? {} : readAttributes(absolute),
      };
      if (stat.isDirectory()) visit(path);
    }
  };
  visit("");
  return found;
}

export function inRoot(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
}

function contentsOf(path: Buffer, stat: BigIntStats): string {
  if (stat.isSymbolicLink()) return readlinkSync(path, { encoding: "hex" });
  if (stat.isDirectory()) return "folder";
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
