import type { Random } from "./random.ts";
import type { OpenFile } from "./process-disk.ts";

/** What a disk consists of, and what of it a loss of power leaves. */

/** What stat(2) tells and a crash may take back. Times are nanoseconds since 1970. */
interface Attributes {
  mode: number;
  uid: number;
  gid: number;
  mtime: bigint;
  ctime: bigint;
}

interface Contents {
  bytes: Uint8Array;
  /** How many of the bytes count. */
  size: number;
}

const NOTHING: Contents = { bytes: new Uint8Array(0), size: 0 };

abstract class Inode implements Attributes {
  /** Unique among the inodes that anything still leads to; the number of one that is gone may come again. */
  readonly number: number;
  /** With the type of the file, as in st_mode. */
  mode: number;
  uid: number;
  gid: number;
  mtime: bigint;
  ctime: bigint;
  /** Names that lead here now. */
  links = 0;
  /** Descriptors of living processes. */
  opens = 0;
  /** Names that lead here on the disk, or that a change leads here which is not on the disk yet. */
  pins = 0;
  /** Who has flock(2)ed it. */
  holder: OpenFile | undefined;

  constructor(number: number, mode: number, owner: { uid: number; gid: number }, now: bigint) {
    this.number = number;
    this.mode = mode;
    this.uid = owner.uid;
    this.gid = owner.gid;
    this.mtime = now;
    this.ctime = now;
  }

  abstract get size(): number;

  /** Nothing can lead here any more, not even a crash. */
  get forgotten(): boolean {
    return this.links === 0 && this.opens === 0 && this.pins === 0;
  }
}
