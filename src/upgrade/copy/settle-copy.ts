import { bulkDisk } from "../../system/bulk-disk.ts";
import { syncFolder } from "../../system/durable.ts";
import { type BytePath, encodePath, joinPath } from "../archive/byte-path.ts";
import { Pace, SyncPortion } from "../pace.ts";
import { type Attributes, applyAttributes } from "./attributes.ts";
import { type Change, decodeAttributes, readLog } from "./change-log.ts";
import { writeZeros } from "./copy-contents.ts";
import { CopyTree } from "./copy-tree.ts";
import { explained } from "./explained.ts";
import { copyPaths, type FinishedCopy, writeNote } from "./finished-copy.ts";
import { MOST_BESIDE_A_DAEMON, SyncQueue } from "./sync-queue.ts";

/**
 * Brings the tree of a finished copy up to the stop, by its log: the part of the work that the node did not have to wait
 * for. It may be interrupted at any point and begun again, because nothing that the log needs is removed before the tree is
 * durable and the note says so. A copy that is settled is returned as it is.
 * @returns what the note says now; tree and note are durable.
 * @throws {NymvisorError} if the log is damaged or the tree cannot be written; it can be tried again.
 */
export function settleCopy(copy: FinishedCopy, signal?: AbortSignal): Promise<FinishedCopy> {
  return explained(copy.path, signal, () => settle(copy, signal));
}

async function settle(copy: FinishedCopy, signal: AbortSignal | undefined): Promise<FinishedCopy> {
  const { log, stored, tree } = copyPaths(copy.path);
  let settled = copy;
  if (copy.changes !== null) {
    const settler = new Settler(new CopyTree(tree), stored);
    try {
      for (const { change, data } of readLog(log, copy.changes)) {
        signal?.throwIfAborted();
        await settler.apply(change, data);
      }
      await settler.finish();
    } finally {
      await settler.close();
    }
    settled = writeNote({ ...copy, changes: null, notKept: [...copy.notKept, ...settler.notKept] });
  }
  // The note may be from an attempt that the disk did not confirm: the one before it needs the log still.
  syncFolder(copy.path);
  await bulkDisk.rm(stored, { force: true, recursive: true });
  await bulkDisk.rm(log, { force: true });
  return settled;
}

class Settler {
  readonly notKept: FinishedCopy["notKept"] = [];
  readonly #tree: CopyTree;
  readonly #stored: BytePath;
  readonly #syncs = new SyncQueue(MOST_BESIDE_A_DAEMON);
  /** Given to them when nothing more is put into them, which would change their times. */
  readonly #folders: { name: BytePath; attributes: Attributes }[] = [];
  /** What bytes are being written to: changes of one file follow one another. */
  #open: { name: BytePath; file: number } | undefined;
  readonly #portion = new SyncPortion();
  readonly #pace = new Pace();

  constructor(tree: CopyTree, stored: string) {
    this.#tree = tree;
    this.#stored = encodePath(stored);
  }

  async apply(change: Change, data: Buffer): Promise<void> {
    const { name } = change;
    switch (change.is) {
      case "removed":
        this.#tree.remove(name);
        break;
      case "folder":
        this.#tree.makeFolder(name);
        this.#folders.push({ name, attributes: decodeAttributes(change.attributes) });
        break;
      case "symbolic link":
        this.#tree.makeLink(name, change.target);
        this.#give(name, decodeAttributes(change.attributes));
        break;
      case "small file": {
        const file = this.#tree.makeFile(name);
        try {
          await bulkDisk.writeAt(file, data, 0);
          this.#give(name, decodeAttributes(change.attributes));
        } catch (error) {
          bulkDisk.closeSync(file);
          throw error;
        }
        await this.#syncs.add(file);
        break;
      }
      case "stored file":
        this.#tree.makeHardLink(name, this.#storedPath(change.stored));
        await this.#complete(name, this.#tree.openFile(name), decodeAttributes(change.attributes));
        break;
      case "bytes":
        await this.#write(this.#fileOf(name), change.runs, data);
        break;
      case "zeros":
        await writeZeros(this.#fileOf(name), change.start, change.end);
        break;
      case "changed file": {
        const file = this.#fileOf(name);
        this.#open = undefined;
        await this.#complete(name, file, decodeAttributes(change.attributes), change.size);
        break;
      }
      case "hard link":
        this.#tree.makeHardLink(name, this.#tree.path(change.first));
        break;
    }
  }

  /** What is in a folder before the folder itself. All is durable when it returns. */
  async finish(): Promise<void> {
    for (const { name, attributes } of this.#folders.reverse()) {
      const folder = this.#tree.openFolder(name);
      try {
        this.#give(name, attributes);
      } finally {
        await this.#syncs.add(folder);
      }
    }
    await this.#syncs.drain();
  }

  async close(): Promise<void> {
    if (this.#open !== undefined) bulkDisk.closeSync(this.#open.file);
    this.#open = undefined;
    await this.#syncs.settle();
  }

  async #complete(name: BytePath, file: number, attributes: Attributes, size?: number): Promise<void> {
    try {
      if (size !== undefined) bulkDisk.ftruncateSync(file, size);
      this.#give(name, attributes);
    } catch (error) {
      bulkDisk.closeSync(file);
      throw error;
    }
    await this.#syncs.add(file);
  }

  #give(name: BytePath, attributes: Attributes): void {
    const refused = applyAttributes(this.#tree.path(name), attributes);
    for (const what of refused) this.notKept.push({ name, what });
  }

  #storedPath(file: string): BytePath {
    return joinPath(this.#stored, encodePath(file));
  }

  #fileOf(name: BytePath): number {
    if (this.#open?.name === name) return this.#open.file;
    if (this.#open !== undefined) throw new Error("the log mixes the changes of two files");
    this.#open = { name, file: this.#tree.openFile(name) };
    return this.#open.file;
  }

  async #write(file: number, runs: readonly (readonly [number, number])[], data: Buffer): Promise<void> {
    let from = 0;
    for (const [start, end] of runs) {
      await bulkDisk.writeAt(file, data.subarray(from, from + end - start), start);
      from += end - start;
      if (this.#portion.isDue(end - start)) await this.#portion.sync(() => bulkDisk.fdatasync(file));
      await this.#pace.breathe();
    }
  }
}
