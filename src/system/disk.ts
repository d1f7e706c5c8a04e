import {
  accessSync,
  type BigIntStats,
  chmodSync,
  closeSync,
  copyFileSync,
  type Dirent,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  type StatsFs,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tryExclusiveLock } from "./libc.ts";

/** What a path leads to. */
type Kind = "isFile" | "isDirectory" | "isSymbolicLink";
type Facts = Kind | "dev" | "ino" | "mode" | "uid" | "gid" | "size";

export type FileStat = Pick<Stats, Facts>;
/** With times in nanoseconds since 1970. */
export type BigFileStat = Pick<BigIntStats, Facts | "mtimeNs" | "ctimeNs">;
export type FolderEntry = Pick<Dirent, Kind | "name">;
export type Room = Pick<StatsFs, "bavail" | "bsize">;

/** The two ways of stat: it throws where nothing is, or says so. */
interface StatCall {
  (path: string): FileStat;
  (path: string, options: { throwIfNoEntry: false }): FileStat | undefined;
  (path: string, options: { bigint: true }): BigFileStat;
  (path: string, options: { bigint: true; throwIfNoEntry: false }): BigFileStat | undefined;
}

/**
 * What the modules that keep nymvisor's state ask of the file system: functions of node:fs with node's names, results
 * and errors, no wider than they are used, and the one lock that node does not offer. They call it through {@link disk},
 * so that the very same code also runs on a disk that loses power at every step.
 */
export interface Disk {
  accessSync(path: string, mode: number): void;
  chmodSync(path: string, mode: number): void;
  closeSync(descriptor: number): void;
  copyFileSync(source: string, path: string, mode?: number): void;
  existsSync(path: string): boolean;
  fchmodSync(descriptor: number, mode: number): void;
  fchownSync(descriptor: number, uid: number, gid: number): void;
  fstatSync(descriptor: number): FileStat;
  fstatSync(descriptor: number, options: { bigint: true }): BigFileStat;
  fsyncSync(descriptor: number): void;
  ftruncateSync(descriptor: number, size: number): void;
  lchownSync(path: string, uid: number, gid: number): void;
  lstatSync: StatCall;
  mkdirSync(path: string, options?: { mode?: number }): void;
  openSync(path: string, flags: number, mode?: number): number;
  readdirSync(path: string): string[];
  readdirSync(path: string, options: { withFileTypes: true }): FolderEntry[];
  readFileSync(path: string): Buffer;
  readFileSync(path: string, encoding: "utf8" | "latin1"): string;
  readlinkSync(path: string): string;
  readSync(descriptor: number, into: Uint8Array, offset: number, length: number, position: number | null): number;
  realpathSync(path: string): string;
  renameSync(from: string, to: string): void;
  rmdirSync(path: string): void;
  rmSync(path: string, options: { force: true; recursive?: boolean }): void;
  statfsSync(path: string): Room;
  statSync: StatCall;
  symlinkSync(target: string, path: string): void;
  /** See {@link tryExclusiveLock}. */
  tryExclusiveLock(descriptor: number): boolean;
  unlinkSync(path: string): void;
  writeSync(descriptor: number, bytes: Uint8Array, offset?: number, length?: number, position?: number | null): number;
  writeSync(descriptor: number, text: string, position?: number | null): number;
}

/** The disk of this machine. */
export const nodeDisk: Disk = {
  accessSync,
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  tryExclusiveLock,
  unlinkSync,
  writeSync,
};

/** The disk in use: always {@link nodeDisk}, but where {@link useDisk} was called. Ask it anew for each call. */
export let disk: Disk = nodeDisk;

/**
 * From now on every call goes to the disk that `provider` names at that moment: a simulation has several processes in
 * one, each with its own.
 * @returns what gives {@link nodeDisk} back.
 */
export function useDisk(provider: () => Disk): () => void {
  disk = forwardingTo(provider);
  return () => {
    disk = nodeDisk;
  };
}

function forwardingTo(provider: () => Disk): Disk {
  const names = Object.keys(nodeDisk) as (keyof Disk)[];
  const forwards = names.map((name) => {
    const forward = (...values: unknown[]): unknown => {
      const target = provider();
      return Reflect.apply(target[name], target, values);
    };
    return [name, forward] as const;
  });
  // One function of any arguments for each member, which the compiler cannot follow through a list.
  return Object.fromEntries(forwards) as unknown as Disk;
}
