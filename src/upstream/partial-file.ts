import { constants, createReadStream, lstatSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { errorCode } from "../model/errors.ts";
import type { Checksum } from "../policy/choose-binary.ts";
import { type BulkFile, bulkDisk } from "../system/bulk-disk.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { temporaryName } from "../system/durable.ts";

/** What lies beside a file's destination while it is downloaded. All hidden, all in the destination's folder. */
export interface PartialNames {
  /** The bytes so far. */
  part: string;
  /** What they are a part of; see {@link originSchema}. */
  origin: string;
  /** Held by the process that downloads. */
  lock: string;
  /** The last download whose checksum was wrong, for a person to look at. */
  rejected: string;
}

export function partialNames(destination: string): PartialNames {
  const hidden = join(dirname(destination), `.${basename(destination)}`);
  return {
    part: `${hidden}.part`,
    origin: `${hidden}.part.json`,
    lock: `${hidden}.part.lock`,
    rejected: `${hidden}.rejected`,
  };
}

const originSchema = z.object({
  /** What the whole file must have. Bytes of another file are never gone on with. */
  checksum: z.object({ algorithm: z.enum(["sha256", "sha512"]), hex: z.string() }),
  /** Where they came from; the validators below are that server's. */
  url: z.string(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
  /** Length of the whole file, as the server announced it. */
  total: z.number().nullable(),
});

export type Origin = z.infer<typeof originSchema>;

/**
 * A file that is being downloaded: written, and hashed on the way. A part is gone on with only if a checksum will judge
 * the whole: after a loss of power a file system may have kept its length and lost its bytes.
 *
 * Whoever uses it holds the lock of {@link partialNames}.
 */
export class PartialFile {
  private hashers = newHashers(null);
  private written = 0;
  private resumedAt = 0;
  private from: Origin | undefined;

  private constructor(
    private readonly names: PartialNames,
    private readonly destination: string,
    private readonly expected: Checksum | null,
    private readonly handle: BulkFile,
  ) {}

  /** Opens the part of an earlier download, read and hashed again, or an empty one. */
  static async open(destination: string, expected: Checksum | null, signal: AbortSignal): Promise<PartialFile> {
    const names = partialNames(destination);
    // Only nymvisor makes files of this name. A link, a folder or a pipe in its place would be written through.
    if (lstatSync(names.part, { throwIfNoEntry: false })?.isFile() === false) await removeAny(names.part);
    const partial = new PartialFile(names, destination, expected, await openForWriting(names.part));
    try {
      await partial.takeUp(signal);
    } catch (error) {
      await partial.close();
      throw error;
    }
    return partial;
  }

  get path(): string {
    return this.names.part;
  }

  /** The name that it will have. */
  get file(): string {
    return basename(this.destination);
  }

  /** In bytes. */
  get length(): number {
    return this.written;
  }

  /** How many of them an earlier download has left; 0 once they were dropped. */
  get resumed(): number {
    return this.resumedAt;
  }

  /** Where those came from. */
  get origin(): Origin | undefined {
    return this.from;
  }

  get sha256(): string {
    return this.hashers.sha256.copy().digest("hex");
  }

  /** The checksum of what is there, in the algorithm that is expected; SHA-256 if nothing is. */
  get digest(): string {
    return this.hashers.judge.copy().digest("hex");
  }

  /** In what it differs from what is expected; null if in nothing. */
  get mismatch(): { expected: Checksum; actual: string } | null {
    const { expected, digest: actual } = this;
    return expected === null || expected.hex === actual ? null : { expected, actual };
  }

  /** Whether a later download could go on with it. */
  get isWorthKeeping(): boolean {
    return this.expected !== null && this.written > 0;
  }

  /** Drops all bytes, also from the disk. */
  async clear(): Promise<void> {
    await this.handle.truncate(0);
    this.hashers = newHashers(this.expected);
    this.written = 0;
    this.resumedAt = 0;
    this.from = undefined;
  }

  /** Notes what the bytes that follow are a part of. Durable when it returns. */
  note(origin: Omit<Origin, "checksum">): void {
    if (this.expected === null) return;
    writeDocument(originSchema, this.names.origin, { checksum: this.expected, ...origin });
  }

  async append(bytes: Uint8Array): Promise<void> {
    const writing = this.write(bytes);
    // Meanwhile: the write runs on another thread.
    this.hashers.update(bytes);
    await writing;
    this.written += bytes.length;
  }

  private async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, this.written + done);
      done += bytesWritten;
    }
  }

  /** Gives the whole file a temporary name of this process, under which nobody else looks for it. Its bytes are durable. */
  async handOver(): Promise<string> {
    await this.handle.sync();
    const temporary = temporaryName(this.destination);
    await bulkDisk.rename(this.names.part, temporary);
    await bulkDisk.rm(this.names.origin, { force: true });
    await bulkDisk.rm(this.names.rejected, { force: true, recursive: true });
    return temporary;
  }

  /** Sets the file aside, in place of an older one, and returns where. */
  async reject(): Promise<string> {
    await bulkDisk.rm(this.names.rejected, { force: true, recursive: true });
    await bulkDisk.rename(this.names.part, this.names.rejected);
    await bulkDisk.rm(this.names.origin, { force: true });
    return this.names.rejected;
  }

  async remove(): Promise<void> {
    await bulkDisk.rm(this.names.part, { force: true });
    await bulkDisk.rm(this.names.origin, { force: true });
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async takeUp(signal: AbortSignal): Promise<void> {
    this.hashers = newHashers(this.expected);
    const found = readDocument(originSchema, this.names.origin);
    const { expected } = this;
    const same =
      found.state === "found" &&
      expected !== null &&
      found.value.checksum.algorithm === expected.algorithm &&
      found.value.checksum.hex === expected.hex;
    if (!same) return this.clear();
    for await (const chunk of createReadStream(this.names.part, { highWaterMark: 1 << 20 })) {
      signal.throwIfAborted();
      this.hashers.update(chunk as Uint8Array);
      this.written += (chunk as Uint8Array).length;
    }
    this.resumedAt = this.written;
    if (this.written > 0) this.from = found.value;
  }
}

function newHashers(expected: Checksum | null) {
  const sha256 = new Bun.CryptoHasher("sha256");
  const judge = expected?.algorithm === "sha512" ? new Bun.CryptoHasher("sha512") : sha256;
  return {
    sha256,
    judge,
    update(bytes: Uint8Array) {
      sha256.update(bytes);
      if (judge !== sha256) judge.update(bytes);
    },
  };
}

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

async function openForWriting(path: string): Promise<BulkFile> {
  try {
    return await bulkDisk.open(path, FLAGS, 0o644);
  } catch (error) {
    // Left by a nymvisor of another user, as by sudo: whoever may write the folder may still replace it.
    if (errorCode(error) !== "EACCES") throw error;
    await removeAny(path);
    return bulkDisk.open(path, FLAGS, 0o644);
  }
}

function removeAny(path: string): Promise<void> {
  return bulkDisk.rm(path, { force: true, recursive: true });
}
