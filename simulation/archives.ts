import { constants } from "node:fs";
import { dirname, join } from "node:path";
import { NymvisorError } from "../src/model/errors.ts";
import type { Services } from "../src/run/services.ts";
import { disk } from "../src/system/disk.ts";
import { makeFolderDurably, syncFolder, temporaryName } from "../src/system/durable.ts";
import type { archiveInBackground } from "../src/upgrade/archive/archive-in-background.ts";
import type { ArchiveOrder, ArchiveResult } from "../src/upgrade/archive/archive-order.ts";
import { pathsFrom } from "../src/upgrade/backup.ts";
import type { Extracted } from "../src/upgrade/backups/extract.ts";
import { copyPaths, type FinishedCopy, readFinishedCopy, writeNote } from "../src/upgrade/copy/finished-copy.ts";
import { decodeArchive, encodeArchive } from "./backups.ts";
import { noCopy, write } from "./copies.ts";
import { decodeContents, decodeLog } from "./copy-log.ts";
import { readTree } from "./homes.ts";
import type { Machine } from "./machine.ts";
import { isLiving } from "./processes.ts";

const { O_CREAT, O_EXCL, O_TRUNC } = constants;

/** How long the process may take to tidy up once it was called off, in microseconds. */
const TIDY = 5_000_000;

type Order = Omit<ArchiveOrder, "parent">;

/** How the process that archives has ended. */
interface Word {
  done?: ArchiveResult;
  failed?: unknown;
}

/** Takes the place of the process that archives copies in the background: one of its own, which anything may strike. */
export class Archives {
  /** Whether such processes are well from now on. */
  isCalm: () => boolean = () => false;

  constructor(private readonly machine: Machine) {}

  readonly archiveInBackground: typeof archiveInBackground = async (order, options) => {
    const { machine } = this;
    const { signal } = options;
    signal?.throwIfAborted();
    const caller = machine.requireRunning();
    machine.requireLiving(caller);
    const name = caller.name.replace(/^nymvisor(\d+).*$/, "archiver$1");
    const child = machine.spawn({ role: "subject", name, parent: caller, diesWithParent: true });
    const calledOff = new AbortController();
    const ended = Promise.withResolvers<string>();
    let word: Word = {};
    child.onEnd.push((code, killer) => {
      // What a process was about to say when it was killed nobody has heard.
      if (killer !== null) word = {};
      ended.resolve(killer === null ? `it ended with ${code}` : `it ended by ${killer}`);
    });
    machine.schedule(child, child.random.int(1_000, 50_000), "begins", () => {
      void this.#archive(order, calledOff.signal)
        .then((done) => {
          word = { done };
        })
        .catch((failed: unknown) => {
          word = { failed };
        })
        .then(() => machine.end(child, word.done === undefined ? 1 : 0, null));
    });
    if (!this.isCalm() && child.random.chance(0.1)) {
      machine.schedule(child, child.random.int(0, 8_000_000), "crashes", () => machine.signal(child, "SIGKILL"));
    }
    let cancelKill = () => {};
    const callOff = () => {
      machine.schedule(child, child.random.int(10, 1_000), "is called off", () => calledOff.abort(signal?.reason));
      cancelKill = machine.schedule(caller, TIDY, "kills its archiver", () => machine.signal(child, "SIGKILL"));
    };
    signal?.addEventListener("abort", callOff, { once: true });
    const how = await ended.promise;
    cancelKill();
    signal?.removeEventListener("abort", callOff);
    signal?.throwIfAborted();
    if (word.done !== undefined) return word.done;
    if (word.failed instanceof NymvisorError) throw word.failed;
    throw new NymvisorError({ what: "the process that archives the copy ended without an archive", why: how });
  };

  async #archive(order: Order, signal: AbortSignal): Promise<ArchiveResult> {
    if (!("copy" in order.source)) throw new Error("only copies are archived in the background");
    const folder = join(order.backups, order.folder);
    makeFolderDurably(folder, { mode: 0o700 });
    disk.chmodSync(folder, 0o700);
    const finished = readFinishedCopy(order.source.copy);
    if (finished === undefined) throw noCopy(order.source.copy);
    const { tree, home } = await this.settle(finished, signal);
    const [first] = pathsFrom(folder, order.at, order.kind);
    const temporary = temporaryName(first as string);
    try {
      const files = readTree(disk, tree);
      const bytes = encodeArchive({ home, name: order.folder, files });
      await this.#pause(4_000_000, "the archive is written", signal);
      write(temporary, bytes, O_CREAT | O_EXCL);
      await this.#pause(1_000_000, "the archive is compared", signal);
      if (!disk.readFileSync(temporary).equals(bytes)) throw new NymvisorError({ what: "what was read back differs" });
      const path = moveToFreeName(temporary, pathsFrom(folder, order.at, order.kind));
      syncFolder(folder);
      return {
        path,
        bytes: bytes.length,
        files: files.size,
        sourceBytes: bytes.length,
        leftOut: [],
        disturbed: [],
      };
    } catch (error) {
      if (isLiving(this.machine.requireRunning())) disk.rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** As `settleCopy`: nothing that the log needs goes before the tree is durable and the note says so. */
  async settle(copy: FinishedCopy, signal?: AbortSignal): Promise<FinishedCopy> {
    const { log, stored, tree } = copyPaths(copy.path);
    let settled = copy;
    if (copy.changes !== null) {
      const changes = decodeLog(disk.readFileSync(log), copy.changes);
      if (changes === undefined) throw new NymvisorError({ what: "the copy of the home is damaged" });
      const touched = new Set<string>();
      for (const change of changes) {
        await this.#pause(50_000, `${change.name} is brought up to the stop`, signal);
        const path = join(tree, change.name);
        touched.add(dirname(path));
        if (change.is === "removed") {
          disk.rmSync(path, { force: true });
          continue;
        }
        const contents =
          change.is === "file" ? decodeContents(change.contents) : disk.readFileSync(join(stored, change.stored));
        write(path, contents, O_CREAT | O_TRUNC);
      }
      for (const folder of touched) syncFolder(folder);
      settled = writeNote({ ...copy, changes: null });
    }
    syncFolder(copy.path);
    disk.rmSync(stored, { force: true, recursive: true });
    disk.rmSync(log, { force: true });
    return settled;
  }

  /** Takes the place of unpacking an archive for a way back: all of it is durable when it returns. */
  readonly extract: Services["extractArchive"] = async ({ archive, into, signal }) => {
    const saved = decodeArchive(disk.readFileSync(archive));
    if (saved === undefined) throw new NymvisorError({ what: `${archive} is damaged` });
    const folders = new Set([into]);
    for (const [name, contents] of saved.files) {
      await this.#pause(500_000, `${name} is unpacked`, signal);
      const path = join(into, name);
      if (!disk.existsSync(dirname(path))) makeFolderDurably(dirname(path));
      write(path, contents, O_CREAT | O_EXCL);
      folders.add(dirname(path));
    }
    for (const folder of folders) syncFolder(folder);
    return { restored: saved.files.size, notKept: [] } as unknown as Extracted;
  };

  #pause(most: number, what: string, signal: AbortSignal | undefined): Promise<void> {
    return this.machine.pause(this.machine.requireRunning().random.int(100, most), what, signal);
  }
}

function moveToFreeName(temporary: string, names: Iterable<string>): string {
  for (const path of names) {
    if (disk.existsSync(path)) continue;
    disk.renameSync(temporary, path);
    return path;
  }
  throw new Error("no name is free");
}
