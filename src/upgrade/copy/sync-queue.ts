import { constants } from "node:fs";
import { bulkDisk, type DiskPath } from "../../system/bulk-disk.ts";

/** Files that are synced at once share a commit of the file system's journal; so many while nothing but that is waited for. */
const MOST = 64;
/** Beside a daemon, whose own fsync would come after all of them. */
export const MOST_BESIDE_A_DAEMON = 8;

const { O_RDONLY, O_DIRECTORY } = constants;

/** Makes files durable on other threads, and closes them. */
export class SyncQueue {
  readonly #running = new Set<Promise<void>>();
  readonly #most: number;
  #failed: { error: unknown } | undefined;

  /** @param most as many are under way at once. */
  constructor(most = MOST) {
    this.#most = most;
  }

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
    if (this.#running.size >= this.#most) await Promise.race(this.#running);
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
