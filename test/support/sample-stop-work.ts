import { readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { rewritePages, writeContents } from "./sample-contents.ts";

/** What a sample node does to its home between the signal and its end, as real ones save what they know. */
export interface StopWork {
  /** Only a node of this version does it. */
  version: string;
  /** Pages at random places of a file, in place. Paths are relative to the home. */
  rewritePages?: { file: string; bytes: number };
  /** Writes a file of that size as `<file>.flush`, and renames it over the file. */
  replace?: { file: string; bytes: number };
  /** Every file in this folder and those below, in place. */
  rewriteAll?: string;
}

export function workAtStop(home: string, { rewritePages: pages, replace, rewriteAll }: StopWork): void {
  if (rewriteAll !== undefined) {
    for (const entry of readdirSync(join(home, rewriteAll), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) writeContents(path, statSync(path).size);
    }
  }
  if (pages !== undefined) {
    const path = join(home, pages.file);
    rewritePages(path, statSync(path).size, pages.bytes);
  }
  if (replace !== undefined) {
    const path = join(home, replace.file);
    writeContents(`${path}.flush`, replace.bytes);
    renameSync(`${path}.flush`, path);
  }
}

/** Bytes that this process has written to disks so far: proc(5), `io`. */
export function bytesWritten(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}
