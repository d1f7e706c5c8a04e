import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import type { FileStat } from "../../system/file-stat.ts";
import { GENTLE_PIECE, type Pace } from "../pace.ts";
import { asBytePath, type BytePath, bytesOf } from "./byte-path.ts";
import { Collector } from "./collector.ts";
import { readExtendedAttributes } from "./extended-attributes.ts";
import type { GzipWriter } from "./gzip-writer.ts";
import { changeSince, type HeldFile, heldFile } from "./held-file.ts";
import { dropFromCache } from "./libc.ts";
import type { LeftOutEntry } from "./manifest.ts";
import type { ManifestWriter } from "./manifest-writer.ts";
import type { PathFilter } from "./path-patterns.ts";
import { extentsOf } from "./sparse-file.ts";
import { END_OF_ARCHIVE, type ExtendedAttribute, padding, type TarEntry, tarHeader } from "./tar-header.ts";
import { cannotRead, type FileKind, type FolderIdentity, MANIFEST_NAME, showPath, walkHome } from "./walk.ts";

/** What an archive cannot hold (a socket, a fifo, a device), or shall not; then `why` tells. */
export interface LeftOut {
  path: string;
  kind: FileKind;
  why?: string;
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
  /** What the operator wants in no backup. */
  leaveOut?: PathFilter | undefined;
  /** What is known to be missing in the tree already, for the manifest. */
  leftOutBefore?: readonly LeftOutEntry[] | undefined;
  /** By name: the files that a daemon may be changing, and what they were. One that has changed is left out. */
  held?: ReadonlyMap<BytePath, HeldFile> | undefined;
  /** Takes back what `out` has taken since it had so many bytes; needed where there are held files. */
  cutOff?: { position(): number; truncate(bytes: number): void } | undefined;
  /** A daemon runs beside it: it is read little by little and with rests, and its pages are not kept in memory. */
  pace?: Pace | undefined;
  signal?: AbortSignal | undefined;
  /** Told how many bytes of contents have been read: at most once a mebibyte, and at the end. */
  onProgress?: ((sourceBytes: number) => void) | undefined;
}

const PROGRESS_STEP = 1 << 20;

const ZEROS = Buffer.alloc(64 << 10);

/** From here on it pays to ask the kernel to forget a file that was read. */
const LARGE = 1 << 20;
const FORGET_EVERY = 4 << 20;

/** What the manifest says of what the operator excluded. */
const EXCLUDED = "excluded by [backup] exclude";

/**
 * Writes a daemon's home, and the manifest as the last entry, into `out` as a tar stream, which it ends; `out` itself stays
 * open. Names are relative to the home; owners are numbers, because names mean something else on another machine.
 * @throws {NymvisorError} for whatever cannot be read, the signal's reason when it is aborted, and what `out` throws.
 */
export async function archiveTree(
  home: string,
  out: GzipWriter,
  manifest: ManifestWriter,
  options: TreeOptions,
): Promise<ArchivedTree> {
  const tree = new TreeArchiver(out, manifest, options);
  for (const known of options.leftOutBefore ?? []) manifest.leaveOut(known);
  const filter = options.leaveOut && {
    leaveOut: options.leaveOut,
    onLeftOut: (name: BytePath) => manifest.leaveOut({ name, reason: EXCLUDED }),
  };
  for (const found of walkHome(home, options.excluded, filter)) {
    options.signal?.throwIfAborted();
    tree.collector.entry();
    if (found.gone) tree.disturbed(found.path, "vanished");
    else await tree.add(found.path, found.name, found.kind, found.stat);
  }
  await tree.addManifest();
  await out.write(END_OF_ARCHIVE);
  options.onProgress?.(tree.result.sourceBytes);
  return tree.result;
}

/** An open file, and how it is read. */
interface Contents {
  path: BytePath;
  file: number;
  size: number;
  isSparse: boolean;
  /** Its pages are not kept in memory. */
  forget: boolean;
}

class TreeArchiver {
  readonly result: ArchivedTree = { files: 0, sourceBytes: 0, leftOut: [], disturbed: [] };
  readonly collector = new Collector();
  readonly #out: GzipWriter;
  readonly #manifest: ManifestWriter;
  readonly #options: TreeOptions;
  /** Under which name the archive has a file that has several, by its device and inode. */
  readonly #firstNames = new Map<string, BytePath>();
  #reported = 0;

  constructor(out: GzipWriter, manifest: ManifestWriter, options: TreeOptions) {
    this.#out = out;
    this.#manifest = manifest;
    this.#options = options;
  }

  disturbed(path: BytePath, how: Disturbed["how"]): void {
    this.result.disturbed.push({ path: showPath(path), how });
  }

  async add(path: BytePath, name: BytePath, kind: FileKind, stat: FileStat): Promise<void> {
    if (kind === "folder") {
      return this.#addEntry({ ...metadata(stat), name, kind, size: 0, attributes: attributesOf(path) });
    }
    const identity = stat.hasSeveralNames ? `${stat.dev}:${stat.ino}` : undefined;
    const firstName = identity === undefined ? undefined : this.#firstNames.get(identity);
    if (firstName !== undefined) {
      return this.#addEntry({ ...metadata(stat), name, kind: "hard link", size: 0, target: firstName });
    }
    let added: boolean;
    if (kind === "file") {
      const held = this.#options.held?.get(name);
      added = held === undefined ? await this.#addFile(path, name) : await this.#addHeld(path, name, held);
    } else if (kind === "symbolic link") {
      added = await this.#addLink(path, name, stat);
    } else {
      this.#leaveOut(path, name, kind, kind);
      added = false;
    }
    if (added && identity !== undefined) this.#firstNames.set(identity, name);
  }

  /** The one entry that the manifest does not tell of. */
  async addManifest(): Promise<void> {
    this.#manifest.finish();
    const { size } = this.#manifest;
    const name = asBytePath(MANIFEST_NAME);
    const mtime = this.#manifest.head.takenAt;
    await this.#out.write(tarHeader({ name, kind: "file", mode: 0o600, uid: 0, gid: 0, size, mtime }));
    for (const piece of this.#manifest.pieces()) {
      await this.#out.write(piece);
      // Its own memory, that of its compressed form, and a copy of that.
      this.collector.bytes(3 * piece.length);
    }
    await this.#out.writeZeros(padding(size));
  }

  async #addEntry(entry: TarEntry): Promise<void> {
    await this.#out.write(tarHeader(entry));
    this.#manifest.add(entry);
  }

  #leaveOut(path: BytePath, name: BytePath, kind: FileKind, reason: string): void {
    this.result.leftOut.push({ path: showPath(path), kind, ...(reason === kind ? {} : { why: reason }) });
    this.#manifest.leaveOut({ name, reason });
  }

  /** All of it as it was held, or nothing: what was written of it is cut off where that cannot be proven. */
  async #addHeld(path: BytePath, name: BytePath, held: HeldFile): Promise<boolean> {
    const { cutOff } = this.#options;
    if (cutOff === undefined) throw new Error("held files need an archive that can be cut off");
    const checkpoint = await this.#out.checkpoint();
    const position = cutOff.position();
    const { files, sourceBytes, disturbed } = this.result;
    const disturbances = disturbed.length;
    let change: string | undefined;
    const written = await this.#addFile(path, name, (stat) => {
      change ??= changeSince(held, heldFile(stat));
      return change === undefined;
    });
    if (written) return true;
    await this.#out.rollBack(checkpoint);
    cutOff.truncate(position);
    Object.assign(this.result, { files, sourceBytes });
    disturbed.length = disturbances;
    this.#leaveOut(path, name, "file", `it was changed before it was archived: ${change ?? "it is gone"}`);
    return false;
  }

  async #addLink(path: BytePath, name: BytePath, stat: FileStat): Promise<boolean> {
    let target: string;
    try {
      target = readlinkSync(bytesOf(path), { encoding: "latin1" });
    } catch (error) {
      return this.#vanished(path, error);
    }
    await this.#addEntry({ ...metadata(stat), name, kind: "symbolic link", size: 0, target: asBytePath(target) });
    return true;
  }

  /** @param accept judges the file before it is read and afterwards; false: it does not count as added. */
  async #addFile(path: BytePath, name: BytePath, accept?: (stat: BigIntStats) => boolean): Promise<boolean> {
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
      if (accept !== undefined && !accept(before)) return false;
      const size = Number(before.size);
      const entry: TarEntry = { ...metadata(before), name, kind: "file", size, attributes: attributesOf(path) };
      await this.#out.write(tarHeader(entry));
      const isSparse = before.blocks * 512n < before.size;
      const hash = new Bun.CryptoHasher("sha256");
      const forget = this.#options.pace !== undefined && accept === undefined && size >= LARGE;
      const missing = await this.#addContents({ path, file, size, isSparse, forget }, hash);
      for (let left = missing; left > 0; left -= ZEROS.length) hash.update(ZEROS.subarray(0, left));
      await this.#out.writeZeros(missing + padding(size));
      const after = fstatSync(file, { bigint: true });
      if (accept !== undefined && !accept(after)) return false;
      if (missing > 0 || after.size < before.size) this.disturbed(path, "shrank");
      else if (after.size > before.size) this.disturbed(path, "grew");
      else if (after.mtimeNs !== before.mtimeNs) this.disturbed(path, "was written");
      this.#manifest.add({ ...entry, sha256: hash.digest("hex") });
      if (forget) dropFromCache(file);
    } finally {
      closeSync(file);
    }
    this.result.files += 1;
    return true;
  }

  /** @returns how many of the `size` bytes that the header promises are not there. */
  async #addContents({ path, file, size, isSparse, forget }: Contents, hash: Bun.CryptoHasher): Promise<number> {
    const { pace } = this.#options;
    let position = 0;
    let forgotten = 0;
    for (const { hole, end } of isSparse ? extentsOf(file, size) : [{ hole: false, end: size }]) {
      while (position < end) {
        this.#options.signal?.throwIfAborted();
        const room = this.#out.room();
        const part = room.subarray(0, Math.min(end - position, pace === undefined ? room.length : GENTLE_PIECE));
        const count = hole ? part.fill(0).length : read(path, file, part, position);
        if (count === 0) return size - position;
        position += count;
        hash.update(part.subarray(0, count));
        await this.#out.filled(count);
        this.#progress(count);
        if (pace === undefined || hole) continue;
        await pace.moved(count);
        if (forget && position - forgotten >= FORGET_EVERY) {
          dropFromCache(file, forgotten, position - forgotten);
          forgotten = position;
        }
      }
    }
    return 0;
  }

  #progress(count: number): void {
    this.collector.bytes(count);
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

function metadata({ mode, uid, gid, mtimeNs }: Pick<FileStat, "mode" | "uid" | "gid" | "mtimeNs">) {
  return { mode: Number(mode), uid: Number(uid), gid: Number(gid), mtime: mtimeNs };
}

function attributesOf(path: BytePath): ExtendedAttribute[] {
  try {
    return readExtendedAttributes(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}
