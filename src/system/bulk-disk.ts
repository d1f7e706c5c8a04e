import {
  closeSync,
  fchmodSync,
  fchownSync,
  fdatasync,
  fsync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
  writevSync,
} from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { promisify } from "node:util";

/** A file that is written without holding up the event loop: what is used of node's FileHandle. */
export interface BulkFile {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  truncate(size: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What backups and downloads change on the disk: functions of node:fs with node's names, results and errors, no wider
 * than they are used. They move gigabytes, so part of them runs on other threads, which is why they stand apart from
 * `Disk`. They are called through {@link bulkDisk}, so that the very same code also runs on a disk that fails at every step.
 */
export interface BulkDisk {
  closeSync(descriptor: number): void;
  fchmodSync(descriptor: number, mode: number): void;
  fchownSync(descriptor: number, uid: number, gid: number): void;
  fdatasync(descriptor: number): Promise<void>;
  fsync(descriptor: number): Promise<void>;
  linkSync(existing: string, path: string): void;
  open(path: string, flags: number, mode: number): Promise<BulkFile>;
  openSync(path: string, flags: number, mode: number): number;
  rename(from: string, to: string): Promise<void>;
  renameSync(from: string, to: string): void;
  rm(path: string, options: { force: true; recursive?: boolean }): Promise<void>;
  unlinkSync(path: string): void;
  writeSync(descriptor: number, bytes: Uint8Array): number;
  writevSync(descriptor: number, parts: readonly Uint8Array[]): number;
}

/** The disk of this machine. */
export const nodeBulkDisk: BulkDisk = {
  closeSync,
  fchmodSync,
  fchownSync,
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
  linkSync,
  open,
  openSync,
  rename,
  renameSync,
  rm,
  unlinkSync,
  writeSync,
  writevSync: (descriptor, parts) => writevSync(descriptor, [...parts]),
};

/** The disk in use: always {@link nodeBulkDisk}, but where {@link useBulkDisk} was called. Ask it anew for each call. */
export let bulkDisk: BulkDisk = nodeBulkDisk;

/** From now on every call goes to `replacement`. */
export function useBulkDisk(replacement: BulkDisk): void {
  bulkDisk = replacement;
}
