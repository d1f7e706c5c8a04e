import { constants, fstatSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { formatBytes } from "../../model/bytes.ts";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { explanation, giveToOwnerOf, syncFolder, temporaryName } from "../../system/durable.ts";
import { GENTLE_PIECE, type Pace, SyncPortion } from "../pace.ts";
import { moveToFreeName } from "./free-name.ts";
import { dropFromCache } from "./libc.ts";

/** Archives hold keys: nobody but the owner reads them, whatever the umask (invariant 10). */
const MODE = 0o600;

/** How much may wait in the page cache before the disk is put to work, while the rest is still being compressed. */
const SYNC_EVERY = 8 << 20;

/**
 * A file that has no name of its own until it is whole and durable. Until then it is a temporary file of the same
 * folder, which {@link ArchiveFile.discard} removes, or `sweepTemporaries` after a crash.
 */
export class ArchiveFile {
  /** Bytes written so far. */
  bytes = 0;
  readonly #folder: string;
  readonly #temporary: string;
  #descriptor: number | undefined;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #syncFailed: unknown;
  /** Up to here the kernel was told to forget it. */
  #forgotten = 0;
  readonly #portion = new SyncPortion();

  /** Makes the temporary file, beside where the archive shall be, with mode 0600. */
  constructor(path: string) {
    this.#folder = dirname(path);
    this.#temporary = temporaryName(path);
    const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
    try {
      const descriptor = bulkDisk.openSync(this.#temporary, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, MODE);
      this.#descriptor = descriptor;
      bulkDisk.fchmodSync(descriptor, MODE);
      giveToOwnerOf(this.#folder, (uid, gid) => bulkDisk.fchownSync(descriptor, uid, gid));
    } catch (error) {
      this.#remove();
      throw this.#explain(error);
    }
  }

  /** Appends all of `parts`. */
  write(parts: readonly Uint8Array[]): void {
    this.#unsynced += this.#append(parts);
    if (this.#unsynced >= SYNC_EVERY && this.#syncing === undefined) this.#startSync();
  }

  #append(parts: readonly Uint8Array[]): number {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    try {
      const written = bulkDisk.writevSync(this.#open(), parts);
      // A disk takes a part when it is about to be full; to go on brings the reason.
      let rest = written < size ? Buffer.concat(parts).subarray(written) : Buffer.of();
      while (rest.length > 0) rest = rest.subarray(bulkDisk.writeSync(this.#open(), rest));
    } catch (error) {
      throw this.#explain(error);
    }
    this.bytes += size;
    return size;
  }

  async #syncPortion(): Promise<void> {
    try {
      await this.#portion.sync(() => bulkDisk.fdatasync(this.#open()));
    } catch (error) {
      // The kernel reports a failed write-back once: the fsync at the end might succeed after it.
      this.#syncFailed = error;
      throw this.#explain(error);
    }
  }

  /** As {@link write}, little by little and with rests, beside a daemon that needs the disk. */
  async writeGently(parts: readonly Uint8Array[], pace: Pace): Promise<void> {
    for (const part of parts) {
      for (let start = 0; start < part.length; start += GENTLE_PIECE) {
        const piece = part.subarray(start, start + GENTLE_PIECE);
        this.#append([piece]);
        if (this.#portion.isDue(piece.length)) {
          await this.#syncPortion();
          dropFromCache(this.#open(), this.#forgotten, this.bytes - this.#forgotten);
          this.#forgotten = this.bytes;
        }
        await pace.moved(piece.length);
      }
    }
  }

  /** Takes back all that was written after the first `bytes`. */
  truncate(bytes: number): void {
    try {
      bulkDisk.ftruncateSync(this.#open(), bytes);
    } catch (error) {
      throw this.#explain(error);
    }
    this.bytes = bytes;
    this.#forgotten = Math.min(this.#forgotten, bytes);
  }

  /**
   * Makes the contents durable, under the temporary name that is returned. The kernel forgets them, so that who reads
   * them now is told what the device has.
   */
  async complete(): Promise<string> {
    const descriptor = this.#open();
    try {
      await this.#syncing;
      if (this.#syncFailed !== undefined) throw this.#syncFailed;
      const { size } = fstatSync(descriptor);
      if (size !== this.bytes) throw new Error(`${this.bytes} bytes were written, and the file has ${size}`);
      await bulkDisk.fsync(descriptor);
      dropFromCache(descriptor);
      return this.#temporary;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Makes the contents durable and gives them the first of `names` that is free; an existing file is never replaced.
   * @returns the path; contents and name are durable.
   */
  async publish(names: Iterable<string>): Promise<string> {
    await this.complete();
    try {
      const path = moveToFreeName(this.#temporary, names);
      this.#close();
      syncFolder(this.#folder);
      return path;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Removes what was not published. Never fails: it is called while an error that matters is on its way. */
  async discard(): Promise<void> {
    await this.#syncing;
    this.#remove();
  }

  #remove(): void {
    if (this.#descriptor === undefined) return;
    this.#close();
    try {
      bulkDisk.unlinkSync(this.#temporary);
    } catch {
      // `sweepTemporaries` tries again at the next start.
    }
  }

  #startSync(): void {
    this.#unsynced = 0;
    this.#syncing = bulkDisk.fdatasync(this.#open()).then(
      () => {
        this.#syncing = undefined;
      },
      (error: unknown) => {
        // The kernel reports a failed write-back once: the fsync at the end might succeed after it.
        this.#syncFailed = error;
        this.#syncing = undefined;
      },
    );
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new Error("the archive is closed");
    return this.#descriptor;
  }

  #close(): void {
    bulkDisk.closeSync(this.#open());
    this.#descriptor = undefined;
  }

  #explain(error: unknown): NymvisorError {
    if (error instanceof NymvisorError) return error;
    const full = ["ENOSPC", "EDQUOT"].includes(errorCode(error) ?? "");
    return new NymvisorError({
      what: `the backup cannot be written to ${this.#folder}`,
      why: full ? `${explanation(error)}: ${this.#figures()}` : explanation(error),
      next: full ? `make room there: df -h '${this.#folder}'` : `check the folder: ls -ld '${this.#folder}'`,
      cause: error,
    });
  }

  #figures(): string {
    const { bavail, bsize } = statfsSync(this.#folder);
    return `after ${formatBytes(this.bytes)} of the archive, ${formatBytes(bavail * bsize)} are free`;
  }
}
