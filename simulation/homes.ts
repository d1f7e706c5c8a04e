import { constants } from "node:fs";
import { join } from "node:path";
import { compareVersions } from "../src/model/version.ts";
import type { Machine } from "./machine.ts";
import { isLiving, type SimulatedProcess } from "./processes.ts";
import { sha256 } from "./program.ts";
import type { Random } from "./random.ts";

/** The files of a home by their paths in it. */
export type HomeFiles = ReadonlyMap<string, Uint8Array>;

/** What a disk is asked for to read a home, or a copy of one. */
interface TreeReader {
  readdirSync(path: string, options: { withFileTypes: true }): { name: string; isDirectory(): boolean }[];
  readFileSync(path: string): Uint8Array;
}

/** nymvisor's own, which is no part of what is saved. */
const OWN_FOLDER = "nymvisor";

const CONFIGURATION = "config/config.toml";
const DATABASE = "data/store.db";
const MAPPED = "data/store.db-shm";
const STARTED = "data/started";
/** The newest version that has run on the home: what its databases were migrated to. */
const SCHEMA = "data/schema";

const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants;

const SECOND = 1_000_000;

/** Two homes, or a home and its backup, are the same where this is. */
export function fingerprintOf(files: HomeFiles): string {
  const names = [...files.keys()].sort();
  return sha256(Buffer.concat(names.map((name) => Buffer.from(`${name}\0${sha256(files.get(name) as Uint8Array)}\n`))));
}

/** Names of all files below a folder, the folders' contents in their order. */
export function fileNames(disk: Pick<TreeReader, "readdirSync">, root: string, below = ""): string[] {
  return disk.readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const name = join(below, entry.name);
    if (name === OWN_FOLDER) return [];
    return entry.isDirectory() ? fileNames(disk, root, name) : [name];
  });
}

export function readTree(disk: TreeReader, root: string): HomeFiles {
  return new Map(fileNames(disk, root).map((name) => [name, disk.readFileSync(join(root, name))]));
}

/** What daemons do to their homes: in every way in which a file can change while it is copied. */
export class Homes {
  readonly #daemons = new Map<string, SimulatedProcess>();
  #changes = 0;

  constructor(
    private readonly machine: Machine,
    private readonly random: Random,
  ) {}

  /** How a home begins. */
  plant(home: string): void {
    const { disk } = this.machine;
    disk.plant(join(home, CONFIGURATION), "mode = mixnode\n");
    disk.plant(join(home, DATABASE), "page ".repeat(20));
    disk.plant(join(home, MAPPED), "shared ".repeat(6));
    disk.plant(join(home, STARTED), "never");
    disk.plant(join(home, SCHEMA), "0.0.0");
  }

  fingerprint(home: string): string {
    return fingerprintOf(readTree(this.machine.observer, home));
  }

  /** The version whose migrations the home has. */
  schema(home: string): string {
    const path = join(home, SCHEMA);
    return this.machine.observer.existsSync(path) ? this.machine.observer.readFileSync(path, "utf8") : "0.0.0";
  }

  /**
   * The first thing that a daemon does: from here on the home is what its version has made of it. As nym-node's sqlx does,
   * it brings its database up to date, and refuses one that a newer version has migrated.
   * @returns whether it runs.
   */
  started(home: string, daemon: SimulatedProcess, version: string): boolean {
    const order = compareVersions(version, this.schema(home));
    if (order !== undefined && order < 0) return false;
    if (order !== 0) this.#migrate(home, version);
    this.#daemons.set(home, daemon);
    const mapped = this.machine.observer.statSync(join(home, MAPPED), { throwIfNoEntry: false });
    if (mapped !== undefined) daemon.mapped.push(`${mapped.dev}:${mapped.ino}`);
    this.#write(join(home, STARTED), `${daemon.name} at ${this.machine.now}`, O_TRUNC);
    return true;
  }

  #migrate(home: string, version: string): void {
    const { observer } = this.machine;
    const path = join(home, SCHEMA);
    const file = observer.openSync(`${path}-new`, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    observer.writeSync(file, version);
    observer.fsyncSync(file);
    observer.closeSync(file);
    observer.renameSync(`${path}-new`, path);
  }

  /** Takes the place of what the kernel tells of their mappings. */
  readonly mappedShared = (pids: readonly number[]): ReadonlySet<string> => {
    return new Set(pids.flatMap((pid) => this.machine.processes.get(pid)?.mapped ?? []));
  };

  /** While a home is copied: the daemon on it goes on with its work, for so many microseconds. */
  stir(home: string, within: number): void {
    const daemon = this.#daemons.get(home);
    if (daemon === undefined || !isLiving(daemon)) return;
    for (let left = this.random.int(0, 2); left > 0; left -= 1) {
      this.machine.schedule(daemon, this.random.int(0, within), "changes its home", () => this.#change(home));
    }
  }

  /** The last thing that a daemon does that is asked to stop. */
  stops(home: string): void {
    for (let left = this.random.int(0, 3); left > 0; left -= 1) this.#change(home);
  }

  #change(home: string): void {
    const { random } = this;
    const { disk, observer } = this.machine;
    const at = (name: string) => join(home, name);
    this.#changes += 1;
    const text = `change ${this.#changes} `;
    switch (random.pick(["store", "store", "append", "overwrite", "replace", "add", "remove"] as const)) {
      case "store":
        disk.store(at(MAPPED), new TextEncoder().encode(text));
        break;
      case "append":
        this.#write(at(DATABASE), text, O_APPEND);
        break;
      case "overwrite":
        this.#write(at(DATABASE), text, 0);
        break;
      case "replace":
        this.#write(at(`${CONFIGURATION}.new`), text, O_TRUNC);
        observer.renameSync(at(`${CONFIGURATION}.new`), at(CONFIGURATION));
        break;
      case "add":
        this.#write(at(`data/batch-${this.#changes % 4}`), text, O_TRUNC);
        break;
      case "remove": {
        const batch = at(`data/batch-${random.int(0, 3)}`);
        if (observer.existsSync(batch)) observer.unlinkSync(batch);
        break;
      }
    }
  }

  /** Without a sync, mostly: what a loss of power leaves of it is the home then. */
  #write(path: string, text: string, flags: number): void {
    const { observer } = this.machine;
    const file = observer.openSync(path, O_WRONLY | O_CREAT | flags, 0o600);
    observer.writeSync(file, text);
    if (this.random.chance(0.2)) observer.fsyncSync(file);
    observer.closeSync(file);
  }
}

/** How long the daemon's work goes on while one file is copied, at most. */
export const STIRRING = SECOND;
