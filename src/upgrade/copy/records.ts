import { FILE_WORDS, type FileStat, IDENTITY_WORDS } from "../../system/file-stat.ts";
import type { BytePath } from "../archive/byte-path.ts";

/** What a copy holds. Sockets, fifos and devices it does not. */
const KINDS = ["file", "folder", "symbolic link"] as const;
export type CopiedKind = (typeof KINDS)[number];

export interface RecordValues {
  kind: CopiedKind;
  /** As it was before its bytes were read. */
  stat: FileStat;
  /** Which of the copy's files the name leads to: names that share it are hard links of one another. 0: not a file. */
  object: number;
  /** Whether a later change is certain to show in a later stat. */
  settled: boolean;
  /** The number of the pass that saw the name last. */
  pass: number;
}

/**
 * What the copy holds under each name, and what that was a copy of. Columns of numbers, because a home may have a hundred
 * thousand names, and an object for each would take several times the memory.
 */
export class Records {
  readonly #slots = new Map<BytePath, number>();
  readonly #free: number[] = [];
  /** They change whenever a name is given to other bytes, or bytes or rights change. */
  #identities = new Uint32Array(IDENTITY_WORDS * 256);
  #objects = new Uint32Array(256);
  #passes = new Uint32Array(256);
  /** The kind's index, and {@link SETTLED}. */
  #states = new Uint8Array(256);

  find(name: BytePath): number | undefined {
    return this.#slots.get(name);
  }

  kind(slot: number): CopiedKind {
    return KINDS[(this.#states[slot] ?? 0) & ~SETTLED] ?? "file";
  }

  object(slot: number): number {
    return this.#objects[slot] ?? 0;
  }

  /** Whether the thing is proven to be as it was when it was copied. */
  isUnchanged(slot: number, stat: FileStat): boolean {
    return (
      ((this.#states[slot] ?? 0) & SETTLED) !== 0 &&
      stat.hasIdentity(this.#identities, slot * IDENTITY_WORDS, IDENTITY_WORDS)
    );
  }

  isSameFile(slot: number, stat: FileStat): boolean {
    return this.kind(slot) === "file" && stat.hasIdentity(this.#identities, slot * IDENTITY_WORDS, FILE_WORDS);
  }

  put(name: BytePath, { kind, stat, object, settled, pass }: RecordValues): void {
    const slot = this.#slots.get(name) ?? this.#free.pop() ?? this.#slots.size;
    this.#slots.set(name, slot);
    if (slot >= this.#objects.length) this.#grow();
    stat.writeIdentity(this.#identities, slot * IDENTITY_WORDS);
    this.#objects[slot] = object;
    this.#passes[slot] = pass;
    this.#states[slot] = KINDS.indexOf(kind) | (settled ? SETTLED : 0);
  }

  see(slot: number, pass: number): void {
    this.#passes[slot] = pass;
  }

  /** The name stays, and counts as changed. */
  unsettle(slot: number): void {
    this.#states[slot] = (this.#states[slot] ?? 0) & ~SETTLED;
  }

  delete(name: BytePath): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    this.#free.push(slot);
  }

  /** The names in a folder, at any depth. Looks at all there are. */
  within(folder: BytePath): BytePath[] {
    return [...this.#slots.keys()].filter((name) => name.startsWith(`${folder}/`));
  }

  /** The names that the pass did not see, what is in a folder before the folder. */
  unseen(pass: number): BytePath[] {
    const names: BytePath[] = [];
    for (const [name, slot] of this.#slots) if (this.#passes[slot] !== pass) names.push(name);
    return names.sort().reverse();
  }

  #grow(): void {
    const length = this.#objects.length * 2;
    const [identities, objects, passes, states] = [this.#identities, this.#objects, this.#passes, this.#states];
    this.#identities = new Uint32Array(IDENTITY_WORDS * length);
    this.#identities.set(identities);
    this.#objects = new Uint32Array(length);
    this.#objects.set(objects);
    this.#passes = new Uint32Array(length);
    this.#passes.set(passes);
    this.#states = new Uint8Array(length);
    this.#states.set(states);
  }
}

const SETTLED = 0x80;
