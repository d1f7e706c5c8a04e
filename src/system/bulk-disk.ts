import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fdatasync,
  fsync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  write,
  writeSync,
  writevSync,
} from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { cloneFile, removeAttribute, setAttribute, setModificationTime, syncFileSystem } from "./file-calls.ts";

/** Text, or the bytes of a name that need not be UTF-8. */
export type DiskPath = string | Buffer;

/** A file that is written without holding up the event loop: what is used of node's FileHandle. */
export interface BulkFile {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  truncate(size: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What backups and downloads change on the disk, and what an exchange of homes looks at: functions of node:fs with node's
 * names, results and errors, no wider than they are used. They move gigabytes, so part of them runs on other threads, which is why they stand apart from
 * `Disk`. They are called through {@link bulkDisk}, so that the very same code also runs on a disk that fails at every step.
 */
export interface BulkDisk {
  chmodSync(path: DiskPath, mode: number): void;
  /** See {@link cloneFile}. */
  cloneFile(destination: number, source: number): void;
  closeSync(descriptor: number): void;
  fchmodSync(descriptor: number, mode: number): void;
  fchownSync(descriptor: number, uid: number, gid: number): void;
  fdatasync(descriptor: number): Promise<void>;
  fsync(descriptor: number): Promise<void>;
  ftruncateSync(descriptor: number, size: number): void;
  lchownSync(path: DiskPath, uid: number, gid: number): void;
  linkSync(existing: DiskPath, path: DiskPath): void;
  /** Undefined where nothing is. */
  lstatSync(path: DiskPath): { isDirectory(): boolean } | undefined;
  mkdirSync(path: DiskPath, mode: number): void;
  open(path: string, flags: number, mode: number): Promise<BulkFile>;
  openSync(path: DiskPath, flags: number, mode: number): number;
  /** Names as bytes, one a character. */
  readdirSync(path: DiskPath): string[];
  /** See {@link removeAttribute}. */
  removeAttribute(path: Buffer, name: Buffer): void;
  rename(from: string, to: string): Promise<void>;
  renameSync(from: DiskPath, to: DiskPath): void;
  rm(path: string, options: { force: true; recursive?: boolean }): Promise<void>;
  rmdirSync(path: DiskPath): void;
  /** See {@link setAttribute}. */
  setAttribute(path: Buffer, name: Buffer, value: Uint8Array): void;
  /** See {@link setModificationTime}. */
  setModificationTime(path: Buffer, mtimeNs: bigint): void;
  symlinkSync(target: DiskPath, path: DiskPath): void;
  /** See {@link syncFileSystem}. */
  syncFileSystem(descriptor: number): void;
  unlinkSync(path: DiskPath): void;
  /** At `position`, and all of it, or it fails. */
  writeAt(descriptor: number, bytes: Uint8Array, position: number): Promise<void>;
  writeSync(descriptor: number, bytes: Uint8Array, offset?: number, length?: number, position?: number): number;
  writevSync(descriptor: number, parts: readonly Uint8Array[]): number;
}

const writeSome = promisify(write) as unknown as (
  descriptor: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number }>;

async function writeAt(descriptor: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeSome(descriptor, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** The disk of this machine. */
export const nodeBulkDisk: BulkDisk = {
  chmodSync,
  cloneFile,
  closeSync,
  fchmodSync,
  fchownSync,
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync: (path) => lstatSync(path, { throwIfNoEntry: false }),
  mkdirSync: (path, mode) => void mkdirSync(path, { mode }),
  open,
  openSync,
  readdirSync: (path) => readdirSync(path, { encoding: "latin1" }),
  removeAttribute,
  rename,
  renameSync,
  rm,
  rmdirSync,
  setAttribute,
  setModificationTime,
  symlinkSync,
  syncFileSystem,
  unlinkSync,
  writeAt,
  writeSync,
  writevSync: (descriptor, parts) => writevSync(descriptor, [...parts]),
};

/** The disk in use: always {@link nodeBulkDisk}, but where {@link useBulkDisk} was called. Ask it anew for each call. */
export let bulkDisk: BulkDisk = nodeBulkDisk;

/** From now on every call goes to `replacement`. */
export function useBulkDisk(replacement: BulkDisk): void {
  bulkDisk = replacement;
}
