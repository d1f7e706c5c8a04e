/** What a name leads to: a file, a folder or a symbolic link. */

export interface Owner {
  uid: number;
  gid: number;
}

/** What stat(2) tells besides the size. Times are nanoseconds since 1970. */
export interface Attributes extends Owner {
  /** With the type, as in st_mode. */
  mode: number;
  mtime: bigint;
  ctime: bigint;
}

export abstract class Inode implements Attributes {
  /** As st_ino: unique among all that anything still leads to, so that the number of one that is gone may come again. */
  readonly number: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: bigint;
  ctime: bigint;
  /** Names that lead here now. */
  links = 0;
  /** Open descriptors. */
  opens = 0;
  /** Names on the disk that lead here, and changes not yet on it that give one. */
  pins = 0;
  /** The open file that has flock(2)ed it. */
  holder: object | undefined;

  constructor(number: number, { mode, uid, gid, mtime, ctime }: Attributes) {
    this.number = number;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.mtime = mtime;
    this.ctime = ctime;
  }

  abstract readonly size: number;

  /** Neither a process nor a crash can lead here any more. */
  get forgotten(): boolean {
    return this.links === 0 && this.opens === 0 && this.pins === 0;
  }

  /** As if it were new, and nothing led here yet: how a crash begins. */
  detach(): void {
    this.links = 0;
    this.opens = 0;
    this.pins = 0;
    this.holder = undefined;
  }
}

export const TYPE_MASK = 0o170000;
export const FILE_TYPE = 0o100000;
export const FOLDER_TYPE = 0o040000;
export const LINK_TYPE = 0o120000;

/** A symbolic link. Its target is as durable as its name: journaling file systems write the two together. */
export class LinkInode extends Inode {
  readonly target: string;

  constructor(number: number, attributes: Attributes, target: string) {
    super(number, attributes);
    this.target = target;
  }

  get size(): number {
    return Buffer.byteLength(this.target);
  }
}
