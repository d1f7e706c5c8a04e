import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { asBytePath } from "../../../src/upgrade/archive/byte-path.ts";
import { END_OF_ARCHIVE, padding, type TarEntry, tarHeader } from "../../../src/upgrade/archive/tar-header.ts";

/** An entry by its name, and what differs from an ordinary file without contents. */
export function piece(name: string, changes: Partial<TarEntry> = {}, contents = ""): Buffer {
  const size = Buffer.byteLength(contents);
  const usual = {
    name: asBytePath(name),
    kind: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: 1_000_000_000n,
  } as const;
  return Buffer.concat([tarHeader({ ...usual, ...changes }), Buffer.from(contents), Buffer.alloc(padding(size))]);
}

/** Writes an archive of pieces, whatever they say. */
export function writePieces(path: string, ...pieces: readonly Uint8Array[]): string {
  writeFileSync(path, gzipSync(Buffer.concat([...pieces, END_OF_ARCHIVE])));
  return path;
}
