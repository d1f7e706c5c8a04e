import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { asBytePath, type BytePath, bytesOf } from "./byte-path.ts";
import { readExtendedAttributes } from "./extended-attributes.ts";
import type { GzipWriter } from "./gzip-writer.ts";
import { extentsOf } from "./sparse-file.ts";
import { END_OF_ARCHIVE, type ExtendedAttribute, padding, tarHeader } from "./tar-header.ts";
import { cannotRead, type FileKind, type FolderIdentity, showPath, walkHome } from "./walk.ts";

/** What an archive cannot hold: a socket, a fifo or a device. */
export interface LeftOut {
  path: string;
  kind: FileKind;
}

/** A file that was touched while it was archived, so that what the archive has of it may not be whole. */
export interface Disturbed {
  path: string;
  how: "vanished" | "shrank" | "grew" | "was written";
}

export interface ArchivedTree {
  /** Regular files, each once however many names it has. */
  files: number;
  /** Their contents, in bytes. */
  sourceBytes: number;
  leftOut: LeftOut[];
  disturbed: Disturbed[];
}

export interface TreeOptions {
  excluded: readonly FolderIdentity[];
  signal?: AbortSignal | undefined;
  /** Told how many bytes of contents have been read: at most once a mebibyte, and at the end. */
  onProgress?: ((sourceBytes: number) => void) | undefined;
}

const PROGRESS_STEP = 1 << 20;

/**
 * Writes a daemon's home into `out` as a tar stream, which it ends, and leaves `out` itself open. Names are relative to
 * the home; owners are numbers, because names mean something else on another machine.
 * @throws {NymvisorError} for whatever cannot be read, the signal's reason when it is aborted, and what `out` throws.
 */
export async function archiveTree(home: string, out: GzipWriter, options: TreeOptions): Promise<ArchivedTree> {
  const tree = new TreeArchiver(out, options);
  for (const found of walkHome(home, options.excluded)) {
    options.signal?.throwIfAborted();
    if (found.gone) tree.disturbed(found.path, "vanished");
    else await tree.add(found.path, found.name, found.kind, found.stat);
  }
  // What describes the archive (a manifest, say) would be its last entry, here; now it is the home and nothing else.
  await out.write(END_OF_ARCHIVE);
  options.onProgress?.(tree.result.sourceBytes);
  return tree.result;
}

class TreeArchiver {
  readonly result: ArchivedTree = { files: 0, sourceBytes: 0, leftOut: [], disturbed: [] };
  readonly #out: GzipWriter;
  readonly #options: TreeOptions;
  /** Under which name the archive has a file that has several, by its device and inode. */
  readonly #firstNames = new Map<string, BytePath>();
  #reported = 0;

  constructor(out: GzipWriter, options: TreeOptions) {
    this.#out = out;
    this.#options = options;
  }

  disturbed(path: BytePath, how: Disturbed["how"]): void {
    this.result.disturbed.push({ path: showPath(path), how });
  }

  async add(path: BytePath, name: BytePath, kind: FileKind, stat: BigIntStats): Promise<void> {
    if (kind === "folder") {
      await this.#out.write(tarHeader({ ...metadata(stat), name, kind, size: 0, attributes: attributesOf(path) }));
      return;
    }
    const identity = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const firstName = identity === undefined ? undefined : this.#firstNames.get(identity);
    let added = true;
    if (firstName !== undefined) {
      await this.#out.write(tarHeader({ ...metadata(stat), name, kind: "hard link", size: 0, target: firstName }));
    } else if (kind === "file") {
      added = await this.#addFile(path, name);
    } else if (kind === "symbolic link") {
      added = await this.#addLink(path, name, stat);
    } else {
      this.result.leftOut.push({ path: showPath(path), kind });
      added = false;
    }
    if (added && identity !== undefined && firstName === undefined) this.#firstNames.set(identity, name);
  }

  async #addLink(path: BytePath, name: BytePath, stat: BigIntStats): Promise<boolean> {
    let target: string;
    try {
      target = readlinkSync(bytesOf(path), { encoding: "latin1" });
    } catch (error) {
      return this.#vanished(path, error);
    }
    const entry = { ...metadata(stat), name, kind: "symbolic link", size: 0, target: asBytePath(target) } as const;
    await this.#out.write(tarHeader(entry));
    return true;
  }

  async #addFile(path: BytePath, name: BytePath): Promise<boolean> {
    let file: number;
    try {
      // Should the name have become a link or a fifo since it was looked at, this neither follows nor waits.
      file = openSync(bytesOf(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      return this.#vanished(path, error);
    }
    try {
      const before = fstatSync(file, { bigint: true });
      if (!before.isFile()) throw cannotRead(path, new Error("it is no regular file any more"));
      const size = Number(before.size);
      const attributes = attributesOf(path);
      await this.#out.write(tarHeader({ ...metadata(before), name, kind: "file", size, attributes }));
      const isSparse = before.blocks * 512n < before.size;
      const missing = await this.#addContents(path, file, size, isSparse);
      await this.#out.writeZeros(missing + padding(size));
      const after = fstatSync(file, { bigint: true });
      if (missing > 0 || after.size < before.size) this.disturbed(path, "shrank");
      else if (after.size > before.size) this.disturbed(path, "grew");
      else if (after.mtimeNs !== before.mtimeNs) this.disturbed(path, "was written");
    } finally {
      closeSync(file);
    }
    this.result.files += 1;
    return true;
  }

  /** @returns how many of the `size` bytes that the header promises are not there. */
  async #addContents(path: BytePath, file: number, size: number, isSparse: boolean): Promise<number> {
    let position = 0;
    for (const { hole, end } of isSparse ? extentsOf(file, size) : [{ hole: false, end: size }]) {
      while (position < end) {
        this.#options.signal?.throwIfAborted();
        const room = this.#out.room();
        const part = room.subarray(0, end - position);
        const count = hole ? part.fill(0).length : read(path, file, part, position);
        if (count === 0) return size - position;
        position += count;
        await this.#out.filled(count);
        this.#progress(count);
      }
    }
    return 0;
  }

  #progress(count: number): void {
    this.result.sourceBytes += count;
    if (this.result.sourceBytes - this.#reported < PROGRESS_STEP) return;
    this.#reported = this.result.sourceBytes;
    this.#options.onProgress?.(this.#reported);
  }

  #vanished(path: BytePath, error: unknown): false {
    if (errorCode(error) !== "ENOENT") throw cannotRead(path, error);
    this.disturbed(path, "vanished");
    return false;
  }
}

function read(path: BytePath, file: number, into: Uint8Array, position: number): number {
  try {
    return readSync(file, into, 0, into.length, position);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function metadata({ mode, uid, gid, mtimeNs }: BigIntStats) {
  return { mode: Number(mode), uid: Number(uid), gid: Number(gid), mtime: mtimeNs };
}

function attributesOf(path: BytePath): ExtendedAttribute[] {
  try {
    return readExtendedAttributes(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}
