import { dlopen, FFIType, toArrayBuffer } from "bun:ffi";
import {
  chmodSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { setAttribute } from "../archive/linux-attributes.ts";

/** A random number generator that starts at the same place for the same seed (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)];
  }
}

const { symbols: libc } = dlopen("libc.so.6", {
  mmap: {
    args: [FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.i32, FFIType.i32, FFIType.i64],
    returns: FFIType.ptr,
  },
  munmap: { args: [FFIType.ptr, FFIType.u64], returns: FFIType.i32 },
  mkfifo: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
});

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** A file that stays mapped, as a database has its index. */
interface Mapping {
  bytes: Uint8Array;
  descriptor: number;
  unmap(): void;
}

const NAMES = ["a", "b", "c", "data", "log", "näme", "\u00ff\u00fe", "a.b", "a-b"].map((name) =>
  Buffer.from(name, name === "\u00ff\u00fe" ? "latin1" : "utf8").toString("latin1"),
);
const MODES = [0o600, 0o644, 0o400, 0o755, 0o4755, 0o2750];
const PAGE = 4096;

/** Does to a home, one step after the other, what a daemon might do. What is not possible at the moment is passed over. */
export class RandomChanges {
  steps = 0;
  readonly #home: string;
  readonly #chance: Chance;
  readonly #mappings: Mapping[] = [];
  readonly #open: number[] = [];

  constructor(home: string, chance: Chance) {
    this.#home = home;
    this.#chance = chance;
  }

  step(): void {
    this.steps += 1;
    const act = this.#chance.pick(this.#acts);
    try {
      act?.();
    } catch (error) {
      // A name that is taken, gone, or of another kind than the act is for.
      const code = (error as { code?: string }).code ?? "";
      const usual = [
        "EEXIST",
        "ENOENT",
        "ENOTDIR",
        "EISDIR",
        "ENOTEMPTY",
        "EINVAL",
        "ENXIO",
        "EPERM",
        "ELOOP",
        "EMLINK",
      ];
      if (!usual.includes(code)) throw error;
    }
  }

  /** The daemon ends: its mappings and its open files go. */
  stop(): void {
    for (const mapping of this.#mappings.splice(0)) mapping.unmap();
    for (const descriptor of this.#open.splice(0)) closeSync(descriptor);
  }

  readonly #acts: readonly (() => void)[] = [
    () => this.#writeNew(this.#chance.below(3000)),
    () => this.#writeNew(this.#chance.below(700_000)),
    () => this.#writeAnywhere(),
    () => this.#writeAnywhere(),
    () => this.#writeAnywhere(),
    () => this.#append(),
    () => this.#append(),
    () => this.#throughOpenFile(),
    () => this.#truncate(),
    () => this.#makeHoles(),
    () => this.#map(),
    () => this.#store(),
    () => this.#store(),
    () => this.#store(),
    () => this.#replace(),
    () => renameSync(this.#path(), this.#path()),
    () => linkSync(this.#path(), this.#path()),
    () => symlinkSync(Buffer.from(this.#chance.pick(NAMES) ?? "", "latin1"), this.#path()),
    () => mkdirSync(this.#path()),
    () => mkdirSync(this.#path()),
    () => this.#remove(),
    () => chmodSync(this.#regular(), this.#chance.pick(MODES) ?? 0),
    () => lutimesSync(this.#path(), 1, this.#chance.below(2_000_000_000) + 0.25),
    () => void setAttribute(this.#regular(), `user.${this.#chance.below(2)}`, this.#bytes(this.#chance.below(20))),
    () => this.#oldFile(),
    () => void libc.mkfifo(Buffer.concat([this.#path(), Buffer.of(0)]), 0o600),
  ];

  /** Seldom: a whole folder goes as easily as a file, and little would be left to change. */
  #remove(): void {
    if (this.#chance.below(4) === 0) rmSync(this.#path(), { recursive: true });
  }

  /** Of something that is there, or could be: at most three folders deep. */
  #path(): Buffer {
    let path = Buffer.from(`${this.#home}`);
    for (let depth = 0; ; depth += 1) {
      path = Buffer.concat([path, Buffer.from(`/${this.#chance.pick(NAMES)}`, "latin1")]);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (depth === 2 || !stat?.isDirectory() || this.#chance.below(4) === 0) return path;
    }
  }

  /** Of a regular file, or where none was found soon, of anything. */
  #regular(): Buffer {
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const path = this.#path();
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) return path;
    }
    return this.#path();
  }

  #bytes(length: number): Buffer {
    // Often the same bytes as before: what is written need not be a change.
    return Buffer.alloc(length, String.fromCharCode(97 + this.#chance.below(5)).repeat(1 + this.#chance.below(9)));
  }

  #withFile(path: Buffer, flags: string, act: (file: number) => void): void {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && !stat.isFile()) return;
    const file = openSync(path, flags);
    try {
      act(file);
    } finally {
      closeSync(file);
    }
  }

  #writeNew(length: number): void {
    this.#withFile(this.#path(), "w", (file) => writeSync(file, this.#bytes(length)));
  }

  #writeAnywhere(): void {
    this.#withFile(this.#regular(), "r+", (file) => {
      const { size } = fstatSync(file);
      const length = 1 + this.#chance.below(this.#chance.pick([10, PAGE, 3 * PAGE]) ?? 1);
      writeSync(file, this.#bytes(length), 0, length, this.#chance.below(size + 1));
    });
  }

  #append(): void {
    this.#withFile(this.#regular(), "a", (file) => writeSync(file, this.#bytes(this.#chance.below(20_000))));
  }

  /** The file may have been renamed or removed since it was opened. */
  #throughOpenFile(): void {
    if (this.#open.length < 3) {
      const path = this.#regular();
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) this.#open.push(openSync(path, "r+"));
    }
    const file = this.#chance.pick(this.#open);
    if (file !== undefined) writeSync(file, this.#bytes(50), 0, 50, this.#chance.below(fstatSync(file).size + 1));
  }

  #truncate(): void {
    this.#withFile(this.#regular(), "r+", (file) => {
      const { size } = fstatSync(file);
      // A mapping beyond the end of its file must not be stored into.
      if (this.#mappings.some(({ descriptor }) => fstatSync(descriptor).ino === fstatSync(file).ino)) return;
      ftruncateSync(file, this.#chance.below(size + 1 + this.#chance.below(20_000)));
    });
  }

  #makeHoles(): void {
    this.#withFile(this.#path(), "w", (file) => {
      if (this.#mappings.some(({ descriptor }) => fstatSync(descriptor).ino === fstatSync(file).ino)) return;
      ftruncateSync(file, this.#chance.below(1 << 20));
      writeSync(file, this.#bytes(PAGE), 0, PAGE, this.#chance.below(1 << 20));
    });
  }

  #map(): void {
    if (this.#mappings.length >= 4) this.#mappings.shift()?.unmap();
    const path = this.#regular();
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size === 0) return;
    const descriptor = openSync(path, "r+");
    const { size } = fstatSync(descriptor);
    const address = libc.mmap(null, BigInt(size), PROT_READ_WRITE, MAP_SHARED, descriptor, 0n);
    if (address === null) throw new Error("a file cannot be mapped");
    const bytes = new Uint8Array(toArrayBuffer(address, 0, size));
    const unmap = () => {
      libc.munmap(address, BigInt(size));
      closeSync(descriptor);
    };
    this.#mappings.push({ bytes, descriptor, unmap });
  }

  #store(): void {
    const mapping = this.#chance.pick(this.#mappings);
    if (mapping === undefined || fstatSync(mapping.descriptor).size < mapping.bytes.length) return;
    mapping.bytes[this.#chance.below(mapping.bytes.length)] = this.#chance.below(256);
  }

  /** As documents are written: beside, and then renamed over. */
  #replace(): void {
    const path = this.#path();
    const beside = Buffer.concat([path, Buffer.from(".new")]);
    this.#withFile(beside, "w", (file) => writeSync(file, this.#bytes(this.#chance.below(400_000))));
    renameSync(beside, path);
  }

  /** New, with the size and the times of another. */
  #oldFile(): void {
    const model = lstatSync(this.#regular());
    const path = this.#path();
    unlinkSync(path);
    this.#withFile(path, "wx", (file) => writeSync(file, this.#bytes(Math.min(model.size, 500_000))));
    lutimesSync(path, model.atimeMs / 1000, model.mtimeMs / 1000);
  }
}
