import { closeSync, constants, lstatSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { type FileStat, lookAtOpen } from "../../system/file-stat.ts";
import { type BytePath, bytesOf } from "../archive/byte-path.ts";
import { heldFile } from "../archive/held-file.ts";
import { readAttributes } from "./attributes.ts";
import { type ChangeLogWriter, encodeAttributes } from "./change-log.ts";
import type { CopiedFiles } from "./copied-files.ts";
import {
  type Cloner,
  type ContentsOptions,
  findDifferences,
  isRewritten,
  isSparse,
  readSmall,
  SMALL,
  type Source,
} from "./copy-contents.ts";
import { type CopyTree, parentOf } from "./copy-tree.ts";
import { copyWhole } from "./copy-whole.ts";
import type { CopyNote } from "./finished-copy.ts";
import type { CopiedFile, Present, Sink } from "./pass.ts";
import { openSource } from "./reading.ts";
import type { SyncQueue } from "./sync-queue.ts";

export interface StopContext {
  tree: CopyTree;
  /** Folder for the files that the log names. */
  stored: string;
  log: ChangeLogWriter;
  files: CopiedFiles;
  cloner: Cloner;
  syncs: SyncQueue;
  contents: ContentsOptions;
  /** For small files: {@link SMALL} bytes. */
  buffer: Buffer;
}

const { O_WRONLY, O_CREAT, O_EXCL } = constants;

/** What link(2) says where a file cannot have a second name in the copy. */
const NO_LINK: ReadonlySet<string> = new Set(["EXDEV", "EPERM", "EMLINK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS"]);

/**
 * Takes down what changed before the stop, while the node is kept waiting: in the log, and whole files beside it. The tree
 * is brought up to it later, by `settleCopy`.
 */
export class StopSink implements Sink {
  readonly held: CopyNote["held"] = [];
  readonly disturbed: CopyNote["disturbed"] = [];
  /** Contents that were taken down, and the files they belong to. */
  bytes = 0;
  fileCount = 0;
  readonly #context: StopContext;
  readonly #folders = new Set<BytePath>();
  #stored = 0;

  constructor(context: StopContext) {
    this.#context = context;
  }

  /** In the tree and not in the log, which would remove what is put there for {@link StopSink.hold} as well. */
  async replaced(name: BytePath): Promise<void> {
    this.#context.tree.remove(name);
    this.#folders.add(parentOf(name));
  }

  async removed(name: BytePath): Promise<void> {
    this.#context.log.append({ is: "removed", name });
  }

  async folder({ name, path, stat }: Present): Promise<void> {
    this.#context.log.append({ is: "folder", name, attributes: attributesOf(path, stat) });
  }

  async link({ name, path, stat }: Present, target: BytePath): Promise<number> {
    this.#context.log.append({ is: "symbolic link", name, target, attributes: attributesOf(path, stat) });
    return this.#context.files.newObject();
  }

  async hardLink(name: BytePath, first: BytePath): Promise<void> {
    this.#context.log.append({ is: "hard link", name, first });
  }

  async hold({ name, path }: Present): Promise<boolean> {
    const { tree } = this.#context;
    const parent = parentOf(name);
    this.#makeFolders(parent);
    try {
      tree.makeHardLink(name, path);
    } catch (error) {
      if (NO_LINK.has(errorCode(error) ?? "")) return false;
      throw error;
    }
    this.#folders.add(parent);
    // Looked at under its new name, which nobody else can give to another file.
    this.held.push({ name, file: heldFile(lstatSync(bytesOf(tree.path(name)), { bigint: true })) });
    return true;
  }

  async file({ name, path }: Present, slot: number | undefined): Promise<CopiedFile | undefined> {
    const file = openSource(path);
    if (file === undefined) return undefined;
    try {
      const stat = lookAtOpen(file);
      if (!stat.isFile()) return undefined;
      const object = await this.#takeDown(name, { path, file, stat }, slot);
      this.fileCount += 1;
      // A ctime moves with the bytes, the size and the rights alike.
      const { ctimeNs } = lookAtOpen(file);
      if (ctimeNs !== stat.ctimeNs) this.disturbed.push({ name, how: "was written" });
      return { stat, object, settled: false };
    } finally {
      closeSync(file);
    }
  }

  /** All that was taken down is durable when it returns. @returns the size of the log. */
  async finish(): Promise<number> {
    const { tree, stored, syncs, log } = this.#context;
    for (const folder of this.#folders) await syncs.addFolder(bytesOf(tree.path(folder)));
    if (this.#stored > 0) await syncs.addFolder(stored);
    const [size] = await Promise.all([log.finish(), syncs.drain()]);
    return size;
  }

  /** @returns the number of what will be at the name: one of its own for a file that will be made anew. */
  async #takeDown(name: BytePath, source: Source, slot: number | undefined): Promise<number> {
    const { log, files, cloner, buffer, contents } = this.#context;
    const attributes = attributesOf(source.path, source.stat);
    if (source.stat.size <= SMALL && !isSparse(source.stat)) {
      const bytes = readSmall(source, buffer);
      log.append({ is: "small file", name, attributes }, [bytes]);
      this.bytes += bytes.length;
      contents.onRead(bytes.length);
      return files.newObject();
    }
    const { object, isNew } = files.objectFor(slot, source.stat);
    const hashes = isNew || cloner.isCheap(source) ? undefined : files.hashes(object);
    if (hashes === undefined || isRewritten(source, hashes, contents)) {
      log.append({ is: "stored file", name, attributes, stored: await this.#store(source) });
      return files.newObject();
    }
    const differences = {
      bytes: (read: Buffer, position: number, runs: readonly (readonly [number, number])[]) => {
        const parts = runs.map(([start, end]) => read.subarray(start, end));
        const shifted = runs.map(([start, end]) => [position + start, position + end]);
        log.append({ is: "bytes", name, runs: shifted }, parts);
        this.bytes += parts.reduce((sum, { length }) => sum + length, 0);
        return undefined;
      },
      zeros: (start: number, end: number) => {
        log.append({ is: "zeros", name, start, end });
        return undefined;
      },
    };
    await findDifferences(source, hashes, differences, contents);
    log.append({ is: "changed file", name, attributes, size: Number(source.stat.size) });
    return object;
  }

  /** A whole file beside the log. @returns its name there. */
  async #store(source: Source): Promise<string> {
    const { stored, cloner, syncs, contents } = this.#context;
    this.#stored += 1;
    const name = `${this.#stored}`;
    const destination = bulkDisk.openSync(join(stored, name), O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      if (cloner.tryClone(source, destination)) this.bytes += source.stat.byteCount;
      else this.bytes += await copyWhole(source, destination, contents);
    } catch (error) {
      bulkDisk.closeSync(destination);
      throw error;
    }
    await syncs.add(destination);
    return name;
  }

  /** Those above a held file which came after the last round. */
  #makeFolders(name: BytePath): void {
    const { tree } = this.#context;
    if (name === "" || lstatSync(bytesOf(tree.path(name)), { throwIfNoEntry: false })?.isDirectory()) return;
    this.#makeFolders(parentOf(name));
    tree.makeFolder(name);
    this.#folders.add(parentOf(name));
  }
}

function attributesOf(path: BytePath, stat: FileStat) {
  return encodeAttributes(readAttributes(path, stat));
}
