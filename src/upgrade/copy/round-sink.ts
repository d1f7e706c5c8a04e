import { closeSync } from "node:fs";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { lookAtOpen } from "../../system/file-stat.ts";
import { type BytePath, bytesOf } from "../archive/byte-path.ts";
import { applyAttributes, readAttributes } from "./attributes.ts";
import type { CopiedFiles } from "./copied-files.ts";
import {
  type Cloner,
  type ContentsOptions,
  copyLarge,
  hashContents,
  isSparse,
  SMALL,
  type Source,
} from "./copy-contents.ts";
import { type CopyTree, parentOf } from "./copy-tree.ts";
import type { CopiedFile, Present, Sink } from "./pass.ts";
import { readWhole } from "./read-chunks.ts";
import { beginReading, openSource } from "./reading.ts";
import type { SyncQueue } from "./sync-queue.ts";

export interface RoundContext {
  tree: CopyTree;
  files: CopiedFiles;
  cloner: Cloner;
  syncs: SyncQueue;
  contents: ContentsOptions;
  /** For small files: {@link SMALL} bytes. */
  buffer: Buffer;
}

/** Changes the tree of the copy itself, while the daemon runs. */
export class RoundSink implements Sink {
  /** Contents that were written, and the files they belong to. */
  bytes = 0;
  fileCount = 0;
  readonly #context: RoundContext;
  /** Those whose names have changed. Theirs are not the attributes of the home's folders: those come at the stop. */
  readonly #folders = new Set<BytePath>();

  constructor(context: RoundContext) {
    this.#context = context;
  }

  async replaced(name: BytePath): Promise<void> {
    this.#context.tree.remove(name);
    this.#touch(name);
  }

  async removed(name: BytePath): Promise<void> {
    this.#context.tree.remove(name);
    this.#folders.delete(name);
    this.#touch(name);
  }

  async folder({ name }: Present, isNew: boolean): Promise<void> {
    if (!isNew) return;
    this.#context.tree.makeFolder(name);
    this.#folders.add(name);
    this.#touch(name);
  }

  async link({ name, path, stat }: Present, target: BytePath): Promise<number> {
    const { tree, files } = this.#context;
    tree.makeLink(name, target);
    applyAttributes(tree.path(name), readAttributes(path, stat));
    this.#touch(name);
    return files.newObject();
  }

  async hardLink(name: BytePath, first: BytePath): Promise<void> {
    const { tree } = this.#context;
    tree.makeHardLink(name, tree.path(first));
    this.#touch(name);
  }

  async file({ name, path }: Present, slot: number | undefined): Promise<CopiedFile | undefined> {
    const file = openSource(path);
    if (file === undefined) return undefined;
    try {
      const { stat, isSettled } = await beginReading(path, file);
      if (!stat.isFile()) return undefined;
      const object = await this.#copy(name, { path, file, stat }, slot);
      this.fileCount += 1;
      return { stat, object, settled: isSettled };
    } finally {
      closeSync(file);
    }
  }

  /** The names in folders that have changed are durable when it returns, and all files. */
  async finish(): Promise<void> {
    const { tree, syncs } = this.#context;
    for (const folder of this.#folders) await syncs.addFolder(bytesOf(tree.path(folder)));
    await syncs.drain();
  }

  async #copy(name: BytePath, source: Source, slot: number | undefined): Promise<number> {
    const { tree, files, syncs } = this.#context;
    const { object, isNew } = files.objectFor(slot, source.stat);
    const destination = isNew ? tree.makeFile(name) : tree.openFile(name);
    try {
      if (isNew) this.#touch(name);
      this.bytes += await this.#fill(source, destination, object);
      applyAttributes(tree.path(name), readAttributes(source.path, source.stat));
    } catch (error) {
      bulkDisk.closeSync(destination);
      throw error;
    }
    await syncs.add(destination);
    return object;
  }

  /** @returns the bytes that were written, or are shared now. */
  async #fill(source: Source, destination: number, object: number): Promise<number> {
    const { files, cloner, contents, buffer } = this.#context;
    const size = Number(source.stat.size);
    if (size <= SMALL && !isSparse(source.stat)) {
      files.forget(object);
      // A disk that is busy answers late, and the event loop does not wait for it.
      const bytes = buffer.subarray(0, await readWhole(source, buffer, 0, size));
      bulkDisk.ftruncateSync(destination, bytes.length);
      await bulkDisk.writeAt(destination, bytes, 0);
      contents.onRead(bytes.length);
      return bytes.length;
    }
    const known = files.hashes(object);
    if (known !== undefined) return copyLarge(source, destination, { hashes: known, isNew: false }, contents);
    bulkDisk.ftruncateSync(destination, 0);
    const hashes = files.newHashes(object, size);
    if (!cloner.tryClone(source, destination)) {
      return copyLarge(source, destination, { hashes, isNew: true }, contents);
    }
    // Of the copy, which holds still.
    const stat = lookAtOpen(destination);
    await hashContents({ path: source.path, file: destination, stat }, hashes, contents);
    return size;
  }

  #touch(name: BytePath): void {
    this.#folders.add(parentOf(name));
  }
}
