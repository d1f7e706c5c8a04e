import { constants } from "node:fs";
import { type BulkDisk, type BulkFile, type DiskPath, nodeBulkDisk } from "../../../src/system/bulk-disk.ts";
import { type Disk, nodeDisk } from "../../../src/system/disk.ts";
import { effect, laterEffect } from "./effects.ts";

/** This machine's disk, every change of which is an effect. What only looks is one too, of the kind `look`. */

/** What an open descriptor stands for; numbers are used again, and each opening says anew what it is. */
const paths = new Map<number, string>();
const pathOf = (descriptor: number): string => paths.get(descriptor) ?? `descriptor ${descriptor}`;

const CHANGES = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;

function opening(at: DiskPath, flags: number, open: () => number): number {
  const path = String(at);
  const kind = (flags & CHANGES) === 0 ? "look" : "open";
  const descriptor = effect(kind, path, { act: open });
  paths.set(descriptor, path);
  return descriptor;
}

/** Closing gives a lock back, which others see; of other files it changes nothing. */
function closing(descriptor: number, close: () => void): void {
  const path = pathOf(descriptor);
  if (path.endsWith(".lock")) effect("unlock", path, { act: close });
  else close();
}

const changes: Partial<Disk> = {
  chmodSync: (path, mode) => effect("chmod", path, { act: () => nodeDisk.chmodSync(path, mode) }),
  closeSync: (descriptor) => closing(descriptor, () => nodeDisk.closeSync(descriptor)),
  copyFileSync: (source, path, mode) => effect("copy", path, { act: () => nodeDisk.copyFileSync(source, path, mode) }),
  fchmodSync: (file, mode) => effect("chmod", pathOf(file), { act: () => nodeDisk.fchmodSync(file, mode) }),
  fchownSync: (file, uid, gid) => effect("chown", pathOf(file), { act: () => nodeDisk.fchownSync(file, uid, gid) }),
  fsyncSync: (file) => effect("fsync", pathOf(file), { act: () => nodeDisk.fsyncSync(file) }),
  ftruncateSync: (file, size) => effect("truncate", pathOf(file), { act: () => nodeDisk.ftruncateSync(file, size) }),
  lchownSync: (path, uid, gid) => effect("chown", path, { act: () => nodeDisk.lchownSync(path, uid, gid) }),
  mkdirSync: (path, options) => effect("mkdir", path, { act: () => nodeDisk.mkdirSync(path, options) }),
  openSync: (path, flags, mode) => opening(path, flags, () => nodeDisk.openSync(path, flags, mode)),
  readdirSync: ((...args: Parameters<Disk["readdirSync"]>) =>
    effect("look", args[0], { act: () => nodeDisk.readdirSync(...args) })) as Disk["readdirSync"],
  readFileSync: ((path: string, encoding: "utf8") =>
    effect("look", path, { act: () => nodeDisk.readFileSync(path, encoding) })) as Disk["readFileSync"],
  renameSync: (from, to) => effect("rename", to, { act: () => nodeDisk.renameSync(from, to) }),
  rmdirSync: (path) => effect("remove", path, { act: () => nodeDisk.rmdirSync(path) }),
  rmSync: (path, options) => effect("remove", path, { act: () => nodeDisk.rmSync(path, options) }),
  symlinkSync: (target, path) => effect("symlink", path, { act: () => nodeDisk.symlinkSync(target, path) }),
  tryExclusiveLock: (file) => effect("lock", pathOf(file), { act: () => nodeDisk.tryExclusiveLock(file) }),
  unlinkSync: (path) => effect("remove", path, { act: () => nodeDisk.unlinkSync(path) }),
  writeSync: ((...args: [number, Uint8Array, number?, number?, (number | null)?]) => {
    const [file, bytes, offset = 0] = args;
    const half = () => {
      if (typeof bytes !== "string") nodeDisk.writeSync(file, bytes, offset, (bytes.length - offset) >> 1);
    };
    return effect("write", pathOf(file), { act: () => nodeDisk.writeSync(...args), half });
  }) as Disk["writeSync"],
};

export const faultyDisk: Disk = { ...nodeDisk, ...changes };

export const faultyBulkDisk: BulkDisk = {
  chmodSync: (path, mode) => effect("chmod", String(path), { act: () => nodeBulkDisk.chmodSync(path, mode) }),
  cloneFile: (file, source) => effect("clone", pathOf(file), { act: () => nodeBulkDisk.cloneFile(file, source) }),
  closeSync: (file) => closing(file, () => nodeBulkDisk.closeSync(file)),
  fchmodSync: (file, mode) => effect("chmod", pathOf(file), { act: () => nodeBulkDisk.fchmodSync(file, mode) }),
  fchownSync: (file, uid, gid) => effect("chown", pathOf(file), { act: () => nodeBulkDisk.fchownSync(file, uid, gid) }),
  fdatasync: (file) => laterEffect("fsync", pathOf(file), () => nodeBulkDisk.fdatasync(file)),
  fsync: (file) => laterEffect("fsync", pathOf(file), () => nodeBulkDisk.fsync(file)),
  ftruncateSync: (file, size) =>
    effect("truncate", pathOf(file), { act: () => nodeBulkDisk.ftruncateSync(file, size) }),
  lchownSync: (path, uid, gid) => effect("chown", String(path), { act: () => nodeBulkDisk.lchownSync(path, uid, gid) }),
  lstatSync: nodeBulkDisk.lstatSync,
  linkSync: (from, to) => effect("link", String(to), { act: () => nodeBulkDisk.linkSync(from, to) }),
  mkdirSync: (path, mode) => effect("mkdir", String(path), { act: () => nodeBulkDisk.mkdirSync(path, mode) }),
  async open(path, flags, mode) {
    const file = await laterEffect("open", path, () => nodeBulkDisk.open(path, flags, mode));
    return faultyFile(path, file);
  },
  openSync: (path, flags, mode) => opening(String(path), flags, () => nodeBulkDisk.openSync(path, flags, mode)),
  readdirSync: nodeBulkDisk.readdirSync,
  removeAttribute: (path, name) =>
    effect("attribute", String(path), { act: () => nodeBulkDisk.removeAttribute(path, name) }),
  rename: (from, to) => laterEffect("rename", to, () => nodeBulkDisk.rename(from, to)),
  renameSync: (from, to) => effect("rename", String(to), { act: () => nodeBulkDisk.renameSync(from, to) }),
  rm: (path, options) => laterEffect("remove", path, () => nodeBulkDisk.rm(path, options)),
  rmdirSync: (path) => effect("remove", String(path), { act: () => nodeBulkDisk.rmdirSync(path) }),
  setAttribute: (path, name, value) =>
    effect("attribute", String(path), { act: () => nodeBulkDisk.setAttribute(path, name, value) }),
  setModificationTime: (path, mtimeNs) =>
    effect("time", String(path), { act: () => nodeBulkDisk.setModificationTime(path, mtimeNs) }),
  symlinkSync: (target, path) => effect("symlink", String(path), { act: () => nodeBulkDisk.symlinkSync(target, path) }),
  syncFileSystem: (file) => effect("fsync", pathOf(file), { act: () => nodeBulkDisk.syncFileSystem(file) }),
  unlinkSync: (path) => effect("remove", String(path), { act: () => nodeBulkDisk.unlinkSync(path) }),
  writeAt: (file, bytes, position) =>
    laterEffect(
      "write",
      pathOf(file),
      () => nodeBulkDisk.writeAt(file, bytes, position),
      () => nodeBulkDisk.writeAt(file, bytes.subarray(0, bytes.length >> 1), position),
    ),
  writeSync: (file, bytes, ...rest) =>
    effect("write", pathOf(file), { act: () => nodeBulkDisk.writeSync(file, bytes, ...rest) }),
  writevSync(file, parts) {
    const whole = Buffer.concat([...parts]);
    const half = () => void nodeBulkDisk.writeSync(file, whole.subarray(0, whole.length >> 1));
    return effect("write", pathOf(file), { act: () => nodeBulkDisk.writevSync(file, parts), half });
  },
};

function faultyFile(path: string, file: BulkFile): BulkFile {
  return {
    write: (bytes, offset, length, position) =>
      laterEffect(
        "write",
        path,
        () => file.write(bytes, offset, length, position),
        () => file.write(bytes, offset, length >> 1, position),
      ),
    truncate: (size) => laterEffect("truncate", path, () => file.truncate(size)),
    sync: () => laterEffect("fsync", path, () => file.sync()),
    close: () => file.close(),
  };
}
