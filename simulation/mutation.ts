import { constants } from "node:fs";
import type { Child, SpawnRequest } from "../src/daemon/spawn.ts";
import type { Services } from "../src/run/services.ts";
import type { Disk } from "../src/system/disk.ts";
import type { Invariant } from "./invariants.ts";
import type { SimulatedProcess } from "./processes.ts";
import type { World } from "./world.ts";

/** A deliberate break of what the real code does, laid over its seams, that the invariants have to notice. */
export interface Mutation {
  name: string;
  /** Which of them may notice it: any of these. */
  breaks: readonly Invariant[];
  /** What breaks besides, and often first. It is overlooked, so that the ones that it is for can be seen to notice it. */
  overlooks?: readonly Invariant[];
  disk?: (world: World, process: SimulatedProcess, disk: Disk) => Partial<Disk>;
  services?: (world: World, services: Services) => Services;
  child?: (world: World, child: Child) => Child;
  /** Of a daemon. */
  spawn?: (request: SpawnRequest) => SpawnRequest;
  /** The process table shows nobody. */
  blind?: true;
}

/** A disk on which some locks are always to be had. */
export const locksAreIgnored =
  (ignored: (path: string) => boolean): NonNullable<Mutation["disk"]> =>
  (_, __, disk) => {
    const open = new Map<number, string>();
    return {
      openSync(path, flags, mode) {
        const descriptor = disk.openSync(path, flags, mode);
        open.set(descriptor, path);
        return descriptor;
      },
      tryExclusiveLock: (descriptor) => ignored(open.get(descriptor) ?? "") || disk.tryExclusiveLock(descriptor),
    };
  };

/** A disk on which a finished temporary file of a kind is changed, or dropped, before it gets its name. */
export const beforeRename =
  (change: (disk: Disk, temporary: string, path: string) => "rename" | "drop"): NonNullable<Mutation["disk"]> =>
  (_, __, disk) => ({
    renameSync(from, to) {
      if (change(disk, from, to) === "rename") disk.renameSync(from, to);
      else disk.unlinkSync(from);
    },
  });

/** A disk that does not sync some files and folders. */
export const syncsAreIgnored =
  (ignored: (path: string, process: SimulatedProcess) => boolean): NonNullable<Mutation["disk"]> =>
  (_, process, disk) => {
    const open = new Map<number, string>();
    return {
      openSync(path, flags, mode) {
        const descriptor = disk.openSync(path, flags, mode);
        open.set(descriptor, path);
        return descriptor;
      },
      fsyncSync(descriptor) {
        if (!ignored(open.get(descriptor) ?? "", process)) disk.fsyncSync(descriptor);
      },
    };
  };

export function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder().decode(bytes));
    return true;
  } catch {
    return false;
  }
}

export function writeOver(disk: Disk, path: string, value: unknown): void {
  const file = disk.openSync(path, constants.O_WRONLY | constants.O_TRUNC);
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  for (let written = 0; written < bytes.length; ) written += disk.writeSync(file, bytes, written);
  disk.fsyncSync(file);
  disk.closeSync(file);
}
