import { lstatSync, realpathSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { systemClock } from "../../system/clock.ts";
import { makeFolderDurably, removeFileDurably, syncFolder } from "../../system/durable.ts";
import { ofNode } from "../../system/file-stat.ts";
import { bootId } from "../../system/process-table.ts";
import { asBytePath, encodePath } from "../archive/byte-path.ts";
import { type PathFilter, pathFilter } from "../archive/path-patterns.ts";
import { type FolderIdentity, walkHome } from "../archive/walk.ts";
import { Pace, Turns } from "../pace.ts";
import { blockSizeFor, Chunk } from "./block-hashes.ts";
import { ChangeLogWriter, prepareLog } from "./change-log.ts";
import { CopiedFiles } from "./copied-files.ts";
import { Cloner, type ContentsOptions, SMALL } from "./copy-contents.ts";
import { CopyTree, openFolders } from "./copy-tree.ts";
import { explained } from "./explained.ts";
import { copyPaths, type FinishedCopy, writeNote } from "./finished-copy.ts";
import { type PassOptions, type PassResult, runPass, type Sink } from "./pass.ts";
import { READ_BESIDE, READ_HERE, type Reader } from "./read-chunks.ts";
import { Records } from "./records.ts";
import { RoundSink } from "./round-sink.ts";
import { StopSink } from "./stop-sink.ts";
import { MOST_BESIDE_A_DAEMON, SyncQueue } from "./sync-queue.ts";

export interface CopyRequest {
  /** The daemon's home, absolute; it may be a link. */
  home: string;
  /** The copy's folder, which is made here, with 0700; on the file system of the home, so that it can share its blocks. */
  destination: string;
  /** What does not belong into a backup: the folder for backups, wherever it lies. The home's own `nymvisor` never does. */
  excluded: readonly FolderIdentity[];
  /** Patterns as of `pathFilter`, of what is left out. */
  exclude: readonly string[];
  /** Patterns as of `pathFilter`, of files that the daemon can make anew: not copied, but held by a further name. */
  rebuildable: readonly string[];
  signal?: AbortSignal | undefined;
  /** Bytes of contents that were read so far, and those that the first round will read, as far as that is known. */
  onProgress?: ((done: number, total: number | null) => void) | undefined;
}

/** What a round, or the end, had to copy. */
export interface Copied {
  bytes: number;
  files: number;
}

/**
 * A copy of a daemon's home that is made in rounds while the daemon runs, and brought up to the home once it has stopped.
 * The tree is the copy as of the last round. What changed after that is added at the stop as a log (see change-log.ts),
 * which `settleCopy` later applies to the tree. reading.ts says why nothing that changed is overlooked.
 *
 * The event loop gets its turns during rounds. Methods are not to be called while another one is under way.
 */
export class HomeCopy {
  readonly #request: CopyRequest;
  readonly #home: string;
  readonly #paths: ReturnType<typeof copyPaths>;
  readonly #tree: CopyTree;
  readonly #filters: { leaveOut: PathFilter; isRebuildable: PathFilter };
  readonly #records = new Records();
  readonly #files: CopiedFiles;
  readonly #cloner = new Cloner();
  readonly #chunk: Chunk;
  readonly #buffer = Buffer.allocUnsafeSlow(SMALL);
  readonly #total: number;
  #read = 0;
  #passes = 0;

  private constructor(request: CopyRequest, homeBytes: number) {
    this.#request = request;
    this.#home = realpathSync(request.home);
    this.#paths = copyPaths(request.destination);
    this.#tree = new CopyTree(this.#paths.tree);
    this.#filters = { leaveOut: pathFilter(request.exclude), isRebuildable: pathFilter(request.rebuildable) };
    const blockSize = blockSizeFor(homeBytes);
    this.#files = new CopiedFiles(this.#records, blockSize);
    this.#chunk = new Chunk(blockSize);
    this.#total = homeBytes;
  }

  /**
   * Makes the folders of a copy that holds nothing yet.
   * @throws {NymvisorError} if the home cannot be read, or the copy not be written.
   */
  static async begin(request: CopyRequest): Promise<HomeCopy> {
    const copy = new HomeCopy(request, await sizeOf(request));
    await copy.#guarded(async () => {
      const { tree, stored } = copy.#paths;
      for (const folder of [request.destination, tree, stored]) makeFolderDurably(folder, { mode: 0o700 });
    });
    return copy;
  }

  /**
   * Copies what is new or has changed since the last round, while the daemon runs, and leaves it the machine for half of
   * the time. Durable when it returns.
   * @returns how much was written. What changed too short a time ago to be certain of is copied again by the next round.
   */
  async round(): Promise<Copied> {
    return this.#guarded(async () => {
      const syncs = new SyncQueue(MOST_BESIDE_A_DAEMON);
      const pace = new Pace();
      const breathe = () => pace.breathe();
      const sink = new RoundSink({ ...this.#context(READ_BESIDE, breathe), syncs });
      try {
        await this.#pass(sink, { breathe, isDoubtful: () => false, isLive: true });
        await sink.finish();
      } finally {
        await syncs.settle();
      }
      await this.#prepareLog();
      // The next pass makes its own rubbish, and the one at the stop has no time to clear any away.
      Bun.gc(true);
      return { bytes: sink.bytes, files: sink.fileCount };
    });
  }

  /**
   * After the daemon has stopped: makes the copy what the home is. Complete and durable when it returns; when it throws,
   * the copy can only be discarded.
   * @param mapped what `mappedShared` found just before the stop; looked at again whatever the times say.
   * @param isLive the daemon runs on, or is only held: files that it can rebuild are left out where nothing would tell
   * whether it changes them before they are archived.
   */
  async finish({ mapped, isLive = false }: { mapped: ReadonlySet<string>; isLive?: boolean }): Promise<FinishedCopy> {
    return this.#guarded(async () => {
      await this.#prepareLog();
      const syncs = new SyncQueue();
      const log = new ChangeLogWriter(this.#paths.log);
      const turns = new Turns();
      const breathe = () => turns.breathe();
      const sink = new StopSink({ ...this.#context(READ_HERE, breathe), syncs, log, stored: this.#paths.stored });
      try {
        const root = { path: encodePath(this.#home), name: asBytePath(""), gone: false, kind: "folder" } as const;
        await sink.folder({ ...root, stat: ofNode(lstatSync(this.#home, { bigint: true })) });
        const isDoubtful: PassOptions["isDoubtful"] = (stat) =>
          mapped.size > 0 && mapped.has(`${stat.dev}:${stat.ino}`);
        const result = await this.#pass(sink, { breathe, isDoubtful, isLive });
        const changes = await sink.finish();
        return this.#complete(result, sink, changes);
      } finally {
        log.close();
        await syncs.settle();
      }
    });
  }

  /** Removes the copy, finished or not. */
  async discard(): Promise<void> {
    await discardCopy(this.#request.destination);
  }

  #complete({ files, bytes, leftOut, vanished }: PassResult, sink: StopSink, changes: number): FinishedCopy {
    return writeNote({
      path: this.#request.destination,
      tree: this.#paths.tree,
      home: this.#request.home,
      finishedAt: systemClock.wall(),
      bootId: bootId(),
      files,
      bytes,
      atStop: { files: sink.fileCount, bytes: sink.bytes },
      leftOut,
      disturbed: [...vanished.map((name) => ({ name, how: "vanished" as const })), ...sink.disturbed],
      notKept: [],
      held: sink.held,
      changes,
    });
  }

  #context(reader: Reader, breathe: ContentsOptions["breathe"]) {
    const { signal, onProgress } = this.#request;
    const onRead = (bytes: number) => {
      this.#read += bytes;
      onProgress?.(this.#read, Math.max(this.#read, this.#total));
    };
    return {
      tree: this.#tree,
      files: this.#files,
      cloner: this.#cloner,
      buffer: this.#buffer,
      contents: { chunk: this.#chunk, reader, signal, onRead, breathe },
    };
  }

  #pass(sink: Sink, manner: Pick<PassOptions, "breathe" | "isDoubtful" | "isLive">): Promise<PassResult> {
    this.#passes += 1;
    const { excluded, signal } = this.#request;
    const what = { home: this.#home, excluded, ...this.#filters, records: this.#records, number: this.#passes, signal };
    return runPass({ ...what, ...manner }, sink);
  }

  async #prepareLog(): Promise<void> {
    try {
      await prepareLog(this.#paths.log, this.#total);
    } catch (error) {
      if (errorCode(error) === "EEXIST") return;
      throw error;
    }
    syncFolder(this.#request.destination);
  }

  #guarded<T>(act: () => Promise<T>): Promise<T> {
    return explained(this.#request.destination, this.#request.signal, act);
  }
}

/** Removes a copy, finished or not; one that is not there is no error. */
export async function discardCopy(path: string): Promise<void> {
  // First, and durably, so that what an interruption leaves is not taken for a complete copy.
  removeFileDurably(copyPaths(path).note);
  openFolders(encodePath(copyPaths(path).tree));
  await bulkDisk.rm(path, { force: true, recursive: true });
}

async function sizeOf({ home, excluded, exclude, rebuildable }: CopyRequest): Promise<number> {
  const isRebuildable = pathFilter(rebuildable);
  const pace = new Pace();
  let bytes = 0;
  for (const found of walkHome(home, excluded, { leaveOut: pathFilter(exclude) })) {
    const turn = pace.breathe();
    if (turn !== undefined) await turn;
    if (!found.gone && found.kind === "file" && !isRebuildable(found.name)) bytes += found.stat.byteCount;
  }
  return bytes;
}
