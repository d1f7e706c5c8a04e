import { statSync } from "node:fs";
import { errorCode, NymvisorError, reasonOf } from "../../model/errors.ts";
import { explanation } from "../../system/durable.ts";
import type { Pace } from "../pace.ts";
import { ByteSource } from "./byte-source.ts";
import { Collector } from "./collector.ts";
import { DamagedArchive } from "./damaged.ts";
import { gunzipFile } from "./gunzip.ts";
import type { LeftOutEntry, ManifestHead } from "./manifest.ts";
import { ManifestCheck } from "./manifest-check.ts";
import { type ReadEntry, TarReader } from "./tar-reader.ts";
import { MANIFEST_NAME } from "./walk.ts";

/** Takes the contents of one file. */
export interface FileSink {
  /** The part is valid until this has settled. */
  write(part: Uint8Array): void | Promise<void>;
  /** The file is whole, but not yet proven: the manifest comes last. */
  close(): void | Promise<void>;
  /** After what went wrong on the way. Must not throw. */
  abandon(): void;
}

/** Is shown every entry but the manifest; a sink takes the contents of a file, nothing passes them over. */
export type EntryVisitor = (entry: ReadEntry) => FileSink | undefined | Promise<FileSink | undefined>;

export interface ReadArchive {
  /** All entries but the manifest. */
  entries: number;
  /** Regular files, and what they hold in bytes. */
  files: number;
  contentBytes: number;
  /** The manifest, which everything was found to agree with; undefined: the archive has none (the Rust program's). */
  head: ManifestHead | undefined;
  leftOut: readonly LeftOutEntry[];
}

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of the archive file itself, of its size. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  /** Little by little and with rests, beside a daemon that needs the disk. */
  pace?: Pace | undefined;
}

/**
 * Reads an archive to its end: checksum of the compression, headers, and each entry against the manifest if it has one.
 * @throws {DamagedArchive} if anything is wrong with it; {NymvisorError} if it cannot be read; and the signal's reason.
 */
export async function readArchive(path: string, visit: EntryVisitor, options: ReadOptions = {}): Promise<ReadArchive> {
  try {
    return await readWhole(path, visit, options);
  } catch (error) {
    throw explain(path, error, options.signal);
  }
}

async function readWhole(path: string, visit: EntryVisitor, options: ReadOptions): Promise<ReadArchive> {
  const { signal, onProgress, pace } = options;
  const total = statSync(path).size;
  const source = new ByteSource(gunzipFile(path, { pace, onRead: (done) => onProgress?.(done, total) }));
  try {
    const tar = new TarReader(source);
    const check = new ManifestCheck();
    const collector = new Collector();
    const read = { entries: 0, files: 0, contentBytes: 0 };
    let head: ManifestHead | undefined;
    for (let entry = await tar.next(); entry !== undefined; entry = await tar.next()) {
      signal?.throwIfAborted();
      if (head !== undefined) throw new DamagedArchive("something follows its manifest");
      if (entry.kind === "file" && entry.name === MANIFEST_NAME) {
        await tar.read((part) => check.manifest(part));
        head = check.finish();
        continue;
      }
      read.entries += 1;
      collector.entry();
      if (entry.kind === "file") {
        const sha256 = await readFile(tar, await visit(entry), collector, signal);
        check.entry({ ...entry, sha256 });
        read.files += 1;
        read.contentBytes += entry.size;
      } else {
        await visit(entry);
        if (entry.kind !== "device") check.entry(entry);
      }
    }
    await source.drain();
    return { ...read, head, leftOut: check.leftOut };
  } finally {
    await source.close();
  }
}

async function readFile(
  tar: TarReader,
  sink: FileSink | undefined,
  collector: Collector,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  try {
    await tar.read((part) => {
      signal?.throwIfAborted();
      hash.update(part);
      collector.bytes(part.length);
      return sink?.write(part);
    });
    await sink?.close();
  } catch (error) {
    sink?.abandon();
    throw error;
  }
  return hash.digest("hex");
}

/** The errors of the C library's zlib have names of their own. */
function explain(path: string, error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof DamagedArchive) {
    return new DamagedArchive(`${path}: ${error.why}`, error);
  }
  if (error instanceof NymvisorError || (signal?.aborted && error === signal.reason)) return error;
  const code = errorCode(error);
  if (code?.startsWith("Z_")) return new DamagedArchive(`${path}: ${reasonOf(error)} (${code})`, error);
  if (code === undefined) return error;
  return new NymvisorError({
    what: `${path} cannot be read`,
    why: explanation(error),
    next: `check the file: ls -l '${path}'`,
    cause: error,
  });
}
