import { constants } from "node:fs";
import { bulkDisk, type DiskPath } from "../../system/bulk-disk.ts";

/** Open at once. Those that are synced together share a commit of the file system's journal. */
const MOST = 64;

const { O_RDONLY, O_DIRECTORY } = constants;

/** Makes files durable on other threads, and closes them. */
export class SyncQueue {
  readonly #running = new Set<Promise<void>>();
  #failed: { error: unknown } | undefined;

  /** Takes an open file over. Waits if many are under way. @throws what an earlier one failed with. */
  async add(descriptor: number): Promise<void> {
    const syncing = bulkDisk
      .fsync(descriptor)
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => {
        bulkDisk.closeSync(descriptor);
        this.#running.delete(syncing);
      });
    this.#running.add(syncing);
    if (this.#running.size >= MOST) await Promise.race(this.#running);
    this.#rethrow();
  }

  async addFolder(path: DiskPath): Promise<void> {
    await this.add(bulkDisk.openSync(path, O_RDONLY | O_DIRECTORY, 0));
  }

  /** All that was added is durable when it returns. @throws what one of them failed with. */
  async drain(): Promise<void> {
    await this.settle();
    this.#rethrow();
  }

  /** Waits, and never fails. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  #rethrow(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}
