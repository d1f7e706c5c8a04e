import type { BulkDisk, DiskPath } from "../src/system/bulk-disk.ts";
import { disk } from "../src/system/disk.ts";
import type { Machine } from "./machine.ts";

type Simulated = Pick<
  BulkDisk,
  | "closeSync"
  | "fsync"
  | "lstatSync"
  | "mkdirSync"
  | "openSync"
  | "readdirSync"
  | "renameSync"
  | "rm"
  | "rmdirSync"
  | "unlinkSync"
>;

/**
 * What exchanges of homes and removals of what is left of them ask for, on the simulated disk. Whatever runs on other
 * threads takes its time, and others act in between. Copies and archives have their own stand-ins.
 */
export function simulateBulkDisk(machine: Machine): BulkDisk {
  const pause = (what: string) => machine.pause(machine.requireRunning().random.int(10, 2_000), what);
  const simulated: Simulated = {
    closeSync: (descriptor) => disk.closeSync(descriptor),
    async fsync(descriptor) {
      await pause("a folder is made durable");
      disk.fsyncSync(descriptor);
    },
    lstatSync: (path) => disk.lstatSync(textOf(path), { throwIfNoEntry: false }),
    mkdirSync: (path, mode) => disk.mkdirSync(textOf(path), { mode }),
    openSync: (path, flags, mode) => disk.openSync(textOf(path), flags, mode),
    readdirSync: (path) => disk.readdirSync(textOf(path)),
    renameSync: (from, to) => disk.renameSync(textOf(from), textOf(to)),
    async rm(path, options) {
      await pause(`${path} is removed`);
      const found = disk.lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) return;
      if (!found.isDirectory()) return disk.rmSync(path, { force: true });
      for (const name of disk.readdirSync(path)) await simulated.rm(`${path}/${name}`, options);
      disk.rmdirSync(path);
    },
    rmdirSync: (path) => disk.rmdirSync(textOf(path)),
    unlinkSync: (path) => disk.unlinkSync(textOf(path)),
  };
  // Nothing else of it is called here; a call of what is not there is a mistake that the guard reports.
  return simulated as BulkDisk;
}

function textOf(path: DiskPath): string {
  return path.toString();
}
