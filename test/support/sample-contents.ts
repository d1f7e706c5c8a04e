import { randomFillSync } from "node:crypto";
import { closeSync, constants, openSync, writeSync } from "node:fs";

/** What the bytes of a file are like: keys and compressed data, or a database's pages, half text and half zeros. */
export type Texture = "incompressible" | "pages";

const PAGE = 4096;
/** Longer than any compressor looks back, so that what is repeated is not seen to be. */
const POOL = 8 << 20;

const pools = new Map<Texture, Buffer>();

/** By the name: what a database would be called is like pages. */
function textureOf(path: string): Texture {
  return path.endsWith(".sqlite") ? "pages" : "incompressible";
}

/**
 * Fills a file, which may be there and keeps its place then, with fresh contents: each process has its own, and each page
 * another number.
 */
export function writeContents(path: string, bytes: number): void {
  const pool = poolOf(textureOf(path));
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT);
  try {
    for (let at = 0; at < bytes; at += pool.length) {
      for (let page = 0; page < pool.length; page += PAGE) pool.writeDoubleLE(Math.random() + at + page, page);
      writeWhole(file, pool.subarray(0, Math.min(pool.length, bytes - at)), at);
    }
  } finally {
    closeSync(file);
  }
}

/** Rewrites pages at random places of a file, in place. */
export function rewritePages(path: string, fileBytes: number, bytes: number): void {
  const pool = poolOf(textureOf(path));
  const pages = Math.floor(fileBytes / PAGE);
  const file = openSync(path, constants.O_WRONLY);
  try {
    for (let done = 0; done < bytes; done += PAGE) {
      const page = pool.subarray(done % pool.length, (done % pool.length) + PAGE);
      page.writeDoubleLE(Math.random() + done, 0);
      writeWhole(file, page, Math.floor(Math.random() * pages) * PAGE);
    }
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

function poolOf(texture: Texture): Buffer {
  let pool = pools.get(texture);
  if (pool === undefined) {
    pool = texture === "pages" ? pagesOf(POOL) : randomFillSync(Buffer.alloc(POOL));
    pools.set(texture, pool);
  }
  return pool;
}

function pagesOf(bytes: number): Buffer {
  const pages = Buffer.alloc(bytes);
  const keys = randomFillSync(Buffer.alloc((bytes / PAGE) * 32));
  for (let index = 0; index * PAGE < bytes; index += 1) {
    const key = keys.toString("hex", index * 32, index * 32 + 32);
    for (let row = 0; row < 20; row += 1) {
      const text = `${index * 20 + row}|${key.slice(row)}|2026-11-21T12:00:${row + 10}Z|0.${row}|mixnode`;
      pages.write(text, index * PAGE + 16 + row * 120);
    }
  }
  return pages;
}
