import type { Random } from "../random.ts";
import { FileInode } from "./file.ts";
import { type Attributes, Inode } from "./inode.ts";

/** One change of a folder, which a crash leaves whole or not at all. A rename within it takes one name and gives another. */
interface Change {
  taken: string | undefined;
  given: string | undefined;
  /** What the given name leads to. */
  inode: Inode | undefined;
  /** Of that inode, when it was given the name. */
  ctime: bigint;
  syncs: number;
  /** What is on the disk before it: where a name was moved to another folder, it is there before it goes here. */
  after: { folder: FolderInode; change: Change } | undefined;
  /** A loss of power has undone it. */
  isLost: boolean;
}

/** So many changes may wait for an fsync; the kernel writes older ones by itself, after seconds. */
const MOST_UNSYNCED = 256;

/** What each folder that is not the root has; the root is its own. */
export class FolderInode extends Inode {
  readonly size = 4096;
  parent: FolderInode = this;
  /** Its name in the one above. */
  name = "";
  /** As every process sees them. */
  entries = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  #unsynced: Change[] = [];
  readonly #forgotten: (inode: Inode) => void;

  /** @param forgotten is told what nothing leads to any more once a change is on the disk. */
  constructor(number: number, attributes: Attributes, forgotten: (inode: Inode) => void) {
    super(number, attributes);
    this.#forgotten = forgotten;
  }

  /** Takes a name away, gives one, or both in one step. What had the given name loses it. */
  change(
    taken: string | undefined,
    given: string | undefined,
    inode: Inode | undefined,
    now: bigint,
    after?: Change["after"],
  ): Change {
    if (taken !== undefined) this.#take(taken);
    if (given !== undefined && inode !== undefined) {
      this.#take(given);
      this.entries.set(given, inode);
      inode.links += 1;
      inode.pins += 1;
    }
    this.mtime = now;
    this.ctime = now;
    const syncs = inode instanceof FileInode ? inode.syncs : 0;
    const change: Change = { taken, given, inode, ctime: inode?.ctime ?? now, syncs, after, isLost: false };
    this.#unsynced.push(change);
    if (this.#unsynced.length > MOST_UNSYNCED) this.#write(MOST_UNSYNCED / 2);
    return change;
  }

  #take(name: string): void {
    const inode = this.entries.get(name);
    if (inode === undefined) return;
    this.entries.delete(name);
    inode.links -= 1;
  }

  /** fsync(2): every name that it has now is durable. What the names lead to need not be. */
  sync(): void {
    this.#write(this.#unsynced.length);
  }

  /** Puts the first changes on the disk. */
  #write(count: number): void {
    for (const { taken, given, inode, ctime, syncs, after } of this.#unsynced.splice(0, count)) {
      if (after !== undefined) after.folder.#writeThrough(after.change);
      if (taken !== undefined) this.#unpin(taken);
      if (given === undefined || inode === undefined) continue;
      this.#unpin(given);
      this.#durable.set(given, inode);
      if (inode instanceof FileInode) inode.settleChangeTime(ctime, syncs);
    }
  }

  #writeThrough(change: Change): void {
    this.#write(this.#unsynced.indexOf(change) + 1);
  }

  #unpin(name: string): void {
    const inode = this.#durable.get(name);
    if (inode === undefined) return;
    this.#durable.delete(name);
    inode.pins -= 1;
    if (inode.forgotten) this.#forgotten(inode);
  }

  /** What a loss of power leaves: the changes up to a random one. */
  loseUnsynced(random: Random): void {
    const most = random.int(0, this.#unsynced.length);
    const undone = this.#unsynced.findIndex(({ after }) => after?.change.isLost === true);
    this.#write(undone === -1 ? most : Math.min(most, undone));
    for (const change of this.#unsynced) change.isLost = true;
    this.#unsynced = [];
    this.entries = new Map(this.#durable);
  }

  /** What the name may lead to after a loss of power now, the oldest first; undefined: to nothing. */
  possible(name: string): ReadonlySet<Inode | undefined> {
    const found = new Set<Inode | undefined>([this.#durable.get(name)]);
    for (const { taken, given, inode } of this.#unsynced) {
      if (given === name) found.add(inode);
      else if (taken === name) found.add(undefined);
    }
    return found;
  }

  /** Every name that something may have after a loss of power now. */
  possibleNames(): ReadonlySet<string> {
    return new Set([...this.#durable.keys(), ...this.#unsynced.flatMap(({ given }) => given ?? [])]);
  }

  /** Drops a name from the disk itself, as fsck does. */
  strike(name: string): void {
    this.entries.delete(name);
    this.#durable.delete(name);
  }

  /** Whether it is `folder`, or above it. */
  contains(folder: FolderInode): boolean {
    for (let each = folder; ; each = each.parent) {
      if (each === this) return true;
      if (each.parent === each) return false;
    }
  }

  /** Its absolute path. */
  path(): string {
    if (this.parent === this) return "/";
    const above = this.parent.path();
    return above === "/" ? `/${this.name}` : `${above}/${this.name}`;
  }
}
