import { closeSync, constants, openSync, readSync } from "node:fs";
import { z } from "zod";
import { NymvisorError } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { startToWrite } from "../../system/file-calls.ts";
import { asBytePath, type BytePath } from "../archive/byte-path.ts";
import { GENTLE_PIECE, Pace, SyncPortion } from "../pace.ts";
import type { Attributes } from "./attributes.ts";

/*
 * What was changed in a home between the last round of its copy and the stop, as one file. Written one after the other
 * and synced once, thousands of small changes are durable in the time that a disk needs for one. Made in the tree itself
 * they would be as many places to write and journal: on ext4, 4096 pages of a large file take ten times as long.
 *
 * A record is `header size, data size, hash (64 bits)`, each little-endian, then the header (JSON) and the data.
 */

const bytePath = z.string().transform(asBytePath);

const attributesSchema = z.object({
  mode: z.number(),
  uid: z.number(),
  gid: z.number(),
  mtimeNs: z.string().transform(BigInt),
  extended: z.array(z.tuple([z.string(), z.string()])),
});

const named = { name: bytePath };
const attributed = { ...named, attributes: attributesSchema };

/** In the order of the log, each may be carried out again after any later one. */
const changeSchema = z.discriminatedUnion("is", [
  /** Nothing has the name any more, or nothing of that kind. */
  z.object({ is: z.literal("removed"), ...named }),
  /** Each folder there is, before what is in it. */
  z.object({ is: z.literal("folder"), ...attributed }),
  z.object({ is: z.literal("symbolic link"), ...attributed, target: bytePath }),
  /** The data is all of its bytes. */
  z.object({ is: z.literal("small file"), ...attributed }),
  /** Its bytes are in a file of its own, beside the log. */
  z.object({ is: z.literal("stored file"), ...attributed, stored: z.string() }),
  /** For a file that is in the tree: the data belongs to these runs of positions, one after the other. */
  z.object({ is: z.literal("bytes"), ...named, runs: z.array(z.tuple([z.number(), z.number()])) }),
  z.object({ is: z.literal("zeros"), ...named, start: z.number(), end: z.number() }),
  /** After its bytes and zeros: what it is now. */
  z.object({ is: z.literal("changed file"), ...attributed, size: z.number() }),
  /** After every file: a further name of one. */
  z.object({ is: z.literal("hard link"), ...named, first: bytePath }),
]);

export type Change = z.infer<typeof changeSchema>;
export type LoggedAttributes = z.infer<typeof attributesSchema>;

export function encodeAttributes({ mode, uid, gid, mtimeNs, extended }: Attributes) {
  const pairs = extended.map(({ name, value }) => [name, Buffer.from(value).toString("base64")]);
  return { mode, uid, gid, mtimeNs: `${mtimeNs}`, extended: pairs };
}

export function decodeAttributes({ extended, ...rest }: LoggedAttributes): Attributes {
  const decoded = extended.map(([name, value]) => ({ name: asBytePath(name), value: Buffer.from(value, "base64") }));
  return { ...rest, extended: decoded };
}

/** A change as it is written. */
export type ChangeHeader = { is: Change["is"]; name: BytePath } & Record<string, unknown>;

const PREFIX = 16;
/** Most data of one record; files that are longer are cut. */
const MOST_DATA = 1 << 20;
const BUFFER = 2 * MOST_DATA;
/** As much as a busy node changes while it is being stopped; what is beyond takes a little longer. */
const MOST_PREPARED = 32 << 20;

const { O_WRONLY, O_CREAT, O_EXCL, O_RDONLY, O_NOFOLLOW } = constants;

/**
 * Makes the file and gives it its place on the disk, so that at the stop there is nothing to allocate and to journal.
 * Durable when it returns, but for its name.
 * @param homeBytes of which hardly more can change than there are.
 */
export async function prepareLog(path: string, homeBytes: number): Promise<void> {
  const file = bulkDisk.openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    const zeros = Buffer.alloc(GENTLE_PIECE);
    const portion = new SyncPortion();
    const pace = new Pace();
    const size = Math.ceil(Math.min(homeBytes, MOST_PREPARED) / MOST_DATA) * MOST_DATA;
    for (let at = 0; at < size; at += zeros.length) {
      await bulkDisk.writeAt(file, zeros, at);
      if (portion.isDue(zeros.length)) await portion.sync(() => bulkDisk.fdatasync(file));
      await pace.moved(zeros.length);
    }
    await bulkDisk.fsync(file);
  } finally {
    bulkDisk.closeSync(file);
  }
}

export class ChangeLogWriter {
  readonly #file: number;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER);
  #buffered = 0;
  #written = 0;

  constructor(path: string) {
    this.#file = bulkDisk.openSync(path, O_WRONLY, 0);
  }

  /** @param parts of the data, together at most {@link MOST_DATA} bytes. */
  append(change: ChangeHeader, parts: readonly Uint8Array[] = []): void {
    const header = Buffer.from(JSON.stringify(change));
    const dataLength = parts.reduce((sum, { length }) => sum + length, 0);
    const length = PREFIX + header.length + dataLength;
    if (this.#buffered + length > BUFFER) this.#flush();
    const record = this.#buffer.subarray(this.#buffered, this.#buffered + length);
    record.writeUInt32LE(header.length, 0);
    record.writeUInt32LE(dataLength, 4);
    record.set(header, PREFIX);
    let at = PREFIX + header.length;
    for (const part of parts) {
      record.set(part, at);
      at += part.length;
    }
    record.writeBigUInt64LE(Bun.hash.xxHash3(record.subarray(PREFIX)), 8);
    this.#buffered += length;
    if (this.#buffered >= MOST_DATA) this.#flush();
  }

  /** @returns the size of the log; it is durable. */
  async finish(): Promise<number> {
    this.#flush();
    await bulkDisk.fdatasync(this.#file);
    return this.#written;
  }

  close(): void {
    bulkDisk.closeSync(this.#file);
  }

  #flush(): void {
    for (let done = 0; done < this.#buffered; ) {
      done += bulkDisk.writeSync(this.#file, this.#buffer.subarray(done, this.#buffered));
    }
    // While the rest is still being found. A sync would do so too, but on btrfs everything waits for it.
    startToWrite(this.#file, this.#written, this.#buffered);
    this.#written += this.#buffered;
    this.#buffered = 0;
  }
}

/**
 * The records of a log of `size` bytes, in order. The data is only there until the next one is asked for.
 * @throws {NymvisorError} if the file is not what was written.
 */
export function* readLog(path: string, size: number): Generator<{ change: Change; data: Buffer }> {
  const file = openSync(path, O_RDONLY | O_NOFOLLOW);
  try {
    const buffer = Buffer.allocUnsafe(BUFFER);
    for (let position = 0; position < size; ) {
      const prefix = readExactly(path, file, buffer.subarray(0, PREFIX), position);
      const headerLength = prefix.readUInt32LE(0);
      const dataLength = prefix.readUInt32LE(4);
      const hash = prefix.readBigUInt64LE(8);
      if (headerLength + dataLength > BUFFER) throw damaged(path, position);
      const record = readExactly(path, file, buffer.subarray(0, headerLength + dataLength), position + PREFIX);
      if (Bun.hash.xxHash3(record) !== hash) throw damaged(path, position);
      const change = changeSchema.parse(JSON.parse(record.toString("utf8", 0, headerLength)));
      yield { change, data: record.subarray(headerLength) };
      position += PREFIX + headerLength + dataLength;
    }
  } finally {
    closeSync(file);
  }
}

function readExactly(path: string, file: number, into: Buffer, position: number): Buffer {
  for (let done = 0; done < into.length; ) {
    const count = readSync(file, into, done, into.length - done, position + done);
    if (count === 0) throw damaged(path, position);
    done += count;
  }
  return into;
}

function damaged(path: string, position: number): NymvisorError {
  return new NymvisorError({
    what: "the copy of the home is damaged",
    why: `${path} is not what was written there, from byte ${position} on`,
    next: "check the disk: dmesg | grep -i error; an earlier backup may be whole: nymvisor backup list",
  });
}
