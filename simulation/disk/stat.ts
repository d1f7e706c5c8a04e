import type { BigFileStat, FileStat, FolderEntry } from "../../src/system/disk.ts";
import { FILE_TYPE, FOLDER_TYPE, type Inode, LINK_TYPE, TYPE_MASK } from "./inode.ts";

/** The one device of a simulated machine. */
const DEVICE = 0xfd00;

class Kind {
  readonly #type: number;

  constructor(mode: number) {
    this.#type = mode & TYPE_MASK;
  }

  isFile(): boolean {
    return this.#type === FILE_TYPE;
  }

  isDirectory(): boolean {
    return this.#type === FOLDER_TYPE;
  }

  isSymbolicLink(): boolean {
    return this.#type === LINK_TYPE;
  }
}

export class Stat extends Kind implements FileStat {
  readonly dev = DEVICE;
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;

  constructor({ number, mode, uid, gid, size }: Inode) {
    super(mode);
    this.ino = number;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.size = size;
  }
}

export class BigStat extends Kind implements BigFileStat {
  readonly dev = BigInt(DEVICE);
  readonly ino: bigint;
  readonly mode: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;

  constructor({ number, mode, uid, gid, size, mtime, ctime }: Inode) {
    super(mode);
    this.ino = BigInt(number);
    this.mode = BigInt(mode);
    this.uid = BigInt(uid);
    this.gid = BigInt(gid);
    this.size = BigInt(size);
    this.mtimeNs = mtime;
    this.ctimeNs = ctime;
  }
}

export class Entry extends Kind implements FolderEntry {
  readonly name: string;

  constructor(name: string, { mode }: Inode) {
    super(mode);
    this.name = name;
  }
}
