import { constants } from "node:fs";
import { dirname, join } from "node:path";
import { errorCode, NymvisorError } from "../src/model/errors.ts";
import { systemClock } from "../src/system/clock.ts";
import { type BigFileStat, disk } from "../src/system/disk.ts";
import { makeFolderDurably, removeFileDurably, syncFolder } from "../src/system/durable.ts";
import { bootId } from "../src/system/process-table.ts";
import { explained } from "../src/upgrade/copy/explained.ts";
import { copyPaths, type FinishedCopy, writeNote } from "../src/upgrade/copy/finished-copy.ts";
import type { Copied, CopyRequest, HomeCopy } from "../src/upgrade/copy/home-copy.ts";
import { type Change, encodeContents, encodeLog } from "./copy-log.ts";
import { fileNames, type Homes, STIRRING } from "./homes.ts";
import type { Machine } from "./machine.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC } = constants;

const PRIVATE = 0o700;

/** As of the real log, which has its place on the disk before the stop. */
const PREPARED = 64;

/** Of the home's file as it was before it was copied, and whether its times can prove that it is so still. */
interface Record {
  stat: BigFileStat;
  isSettled: boolean;
}

/** How much older than the beginning of its copy a file's ctime must be, in nanoseconds. */
const TOO_NEAR = 2_000_000_000n;

/** Files of more bytes than this are stored beside the log. */
const SMALL = 150;

/** What a round says of each file that it has copied, so that further rounds are made. */
const COUNTED = 3 << 20;

/**
 * Takes the place of the copy of a home: of a few small files, one call after the other, where the real one works on
 * threads. What it leaves on the disk at each step, and what of that is durable, is the same.
 */
export class Copies {
  constructor(
    private readonly machine: Machine,
    private readonly homes: Homes,
  ) {}

  readonly begin = async (request: CopyRequest): Promise<HomeCopy> => {
    const { machine, homes } = this;
    const { random } = machine.requireRunning();
    await machine.pause(random.int(500, 50_000), "the home is measured for its copy", request.signal);
    const copy = new SimulatedCopy(machine, homes, request);
    await copy.begin();
    // The class has private members, and nobody but itself can make one that has them.
    return copy as unknown as HomeCopy;
  };

  readonly discard = async (path: string): Promise<void> => {
    removeFileDurably(copyPaths(path).note);
    await this.#remove(path);
  };

  /** As rm(1): nothing of it is durable, and others act in between. */
  async #remove(path: string): Promise<void> {
    const { machine } = this;
    const found = disk.lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    await machine.pause(machine.requireRunning().random.int(10, 2_000), `${path} is removed`);
    if (!found.isDirectory()) {
      disk.rmSync(path, { force: true });
      return;
    }
    for (const name of disk.readdirSync(path)) await this.#remove(join(path, name));
    disk.rmdirSync(path);
  }
}

class SimulatedCopy {
  readonly #paths: ReturnType<typeof copyPaths>;
  readonly #records = new Map<string, Record>();

  constructor(
    private readonly machine: Machine,
    private readonly homes: Homes,
    private readonly request: CopyRequest,
  ) {
    this.#paths = copyPaths(request.destination);
  }

  begin(): Promise<void> {
    return this.#explained(async () => {
      const { tree, stored } = this.#paths;
      for (const folder of [this.request.destination, tree, stored]) makeFolderDurably(folder, { mode: PRIVATE });
    });
  }

  round(): Promise<Copied> {
    return this.#explained(async () => {
      const { home } = this.request;
      const { tree } = this.#paths;
      const touched = new Set<string>();
      let files = 0;
      const there = fileNames(disk, home);
      for (const name of there) {
        this.homes.stir(home, STIRRING);
        await this.#pause(STIRRING, `${name} is looked at`);
        if (this.#isUnchanged(name)) continue;
        const read = await this.#read(name);
        if (read === undefined) continue;
        const path = join(tree, name);
        if (!disk.existsSync(dirname(path))) makeFolderDurably(dirname(path));
        write(path, read.contents, O_CREAT | O_TRUNC);
        this.#records.set(name, read.record);
        touched.add(dirname(path));
        files += 1;
      }
      for (const name of this.#gone(there)) {
        disk.rmSync(join(tree, name), { force: true });
        this.#records.delete(name);
        touched.add(dirname(join(tree, name)));
      }
      for (const folder of touched) syncFolder(folder);
      this.#prepareLog();
      return { files, bytes: files * COUNTED };
    });
  }

  finish({ mapped }: { mapped: ReadonlySet<string> }): Promise<FinishedCopy> {
    return this.#explained(async () => {
      const { home, destination } = this.request;
      const { tree, log, stored } = this.#paths;
      this.#prepareLog();
      const changes: Change[] = [];
      let bytes = 0;
      const there = fileNames(disk, home);
      for (const name of there) {
        await this.#pause(20_000, `${name} is looked at again`);
        if (this.#isUnchanged(name) && !mapped.has(identityOf(join(home, name)))) continue;
        const contents = disk.readFileSync(join(home, name));
        bytes += contents.length;
        if (contents.length > SMALL) {
          const file = `${changes.length}`;
          write(join(stored, file), contents, O_CREAT | O_EXCL);
          changes.push({ is: "stored", name, stored: file });
        } else {
          changes.push({ is: "file", name, contents: encodeContents(contents) });
        }
      }
      for (const name of this.#gone(there)) changes.push({ is: "removed", name });
      if (changes.some(({ is }) => is === "stored")) syncFolder(stored);
      const encoded = encodeLog(changes);
      write(log, encoded, 0);
      await this.#pause(20_000, "the copy is whole");
      return writeNote({
        path: destination,
        tree,
        home,
        finishedAt: systemClock.wall(),
        bootId: bootId(),
        files: there.length,
        bytes,
        atStop: { files: changes.length, bytes },
        leftOut: [],
        disturbed: [],
        notKept: [],
        held: [],
        changes: encoded.length,
      });
    });
  }

  discard(): Promise<void> {
    return new Copies(this.machine, this.homes).discard(this.request.destination);
  }

  #gone(there: readonly string[]): string[] {
    return [...this.#records.keys()].filter((name) => !there.includes(name));
  }

  #isUnchanged(name: string): boolean {
    const record = this.#records.get(name);
    const stat = disk.statSync(join(this.request.home, name), { bigint: true, throwIfNoEntry: false });
    if (record === undefined || stat === undefined || !record.isSettled) return false;
    const { ino, size, mtimeNs, ctimeNs } = record.stat;
    return ino === stat.ino && size === stat.size && mtimeNs === stat.mtimeNs && ctimeNs === stat.ctimeNs;
  }

  /** In two halves, between which the daemon may write. Undefined if it is gone. */
  async #read(name: string): Promise<{ contents: Uint8Array; record: Record } | undefined> {
    const began = systemClock.wall();
    const file = openIfThere(join(this.request.home, name));
    if (file === undefined) return undefined;
    try {
      const stat = disk.fstatSync(file, { bigint: true });
      disk.fsyncSync(file);
      const buffer = new Uint8Array(Number(stat.size));
      const half = buffer.length >> 1;
      const first = disk.readSync(file, buffer, 0, half, 0);
      await this.#pause(STIRRING, `half of ${name} is read`);
      const second = disk.readSync(file, buffer, half, buffer.length - half, half);
      const isSettled = stat.ctimeNs < began - TOO_NEAR;
      return { contents: buffer.subarray(0, first + second), record: { stat, isSettled } };
    } finally {
      disk.closeSync(file);
    }
  }

  #prepareLog(): void {
    const { log } = this.#paths;
    if (disk.existsSync(log)) return;
    write(log, new Uint8Array(PREPARED), O_CREAT | O_EXCL);
    syncFolder(this.request.destination);
  }

  async #pause(most: number, what: string): Promise<void> {
    const { machine } = this;
    await machine.pause(machine.requireRunning().random.int(100, most), what, this.request.signal);
  }

  /** Something in a home that cannot be read, and a call that fails, as the real copy tells them. */
  #explained<T>(act: () => Promise<T>): Promise<T> {
    const { destination, signal } = this.request;
    return explained(destination, signal, act);
  }
}

function identityOf(path: string): string {
  const { dev, ino } = disk.statSync(path);
  return `${dev}:${ino}`;
}

function openIfThere(path: string): number | undefined {
  try {
    return disk.openSync(path, O_RDONLY);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** All of it, and its contents are durable when it returns; not so its name. */
export function write(path: string, bytes: Uint8Array, flags: number): void {
  const file = disk.openSync(path, O_WRONLY | flags, 0o600);
  try {
    for (let written = 0; written < bytes.length; ) {
      written += disk.writeSync(file, bytes, written, bytes.length - written);
    }
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
}

/** @throws {NymvisorError} what the real ones say of a copy that is not there. */
export function noCopy(path: string): NymvisorError {
  return new NymvisorError({ what: `there is no complete copy at ${path}` });
}
