import { readlinkSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import type { FileStat } from "../../system/file-stat.ts";
import { asBytePath, type BytePath, bytesOf } from "../archive/byte-path.ts";
import type { PathFilter } from "../archive/path-patterns.ts";
import { cannotRead, type FolderIdentity, type Found, walkKnownHome } from "../archive/walk.ts";
import type { CopiedKind, Records } from "./records.ts";

/** Something in the home, there when it was looked at. */
export type Present = Exclude<Found, { gone: true }>;

/** What a file's copy is now. */
export interface CopiedFile {
  /** As the file was before it was read. */
  stat: FileStat;
  settled: boolean;
  object: number;
}

/** Where what was found to have changed goes. */
export interface Sink {
  /** Nothing of that kind has the name any more; what has it now, if anything, is told next. */
  replaced(name: BytePath): Promise<void>;
  /** Told of every folder in every pass, before what is in it. */
  folder(found: Present, isNew: boolean): Promise<void>;
  /** @returns the number of the link that was made. */
  link(found: Present, target: BytePath): Promise<number>;
  /** @returns undefined if the file is gone. */
  file(found: Present, slot: number | undefined): Promise<CopiedFile | undefined>;
  /** A file that may be held by a second name. @returns false if it has to be copied. */
  hold?(found: Present): Promise<boolean>;
  /** After every file. */
  hardLink(name: BytePath, first: BytePath): Promise<void>;
  /** After all that there is: what is not there any more, what was in a folder before the folder. */
  removed(name: BytePath): Promise<void>;
}

export interface PassOptions {
  home: string;
  excluded: readonly FolderIdentity[];
  leaveOut: PathFilter;
  isRebuildable: PathFilter;
  records: Records;
  /** Of this pass; each has another. */
  number: number;
  /** Whether a file has to be copied though it seems unchanged. */
  isDoubtful(stat: FileStat): boolean;
  /** Whether the daemon runs, so that what it has mapped may change without a trace. */
  isLive: boolean;
  signal?: AbortSignal | undefined;
  /** Gives others a turn, where that is due. */
  breathe(): Promise<void> | undefined;
}

export interface PassResult {
  /** Regular files, each once, and their bytes. */
  files: number;
  bytes: number;
  leftOut: { name: BytePath; reason: string }[];
  vanished: BytePath[];
}

/** Goes through a home and tells `sink` what differs from what the records say. The records then say what was found. */
export async function runPass(options: PassOptions, sink: Sink): Promise<PassResult> {
  const pass = new Pass(options, sink);
  const { home, excluded, leaveOut, signal, breathe } = options;
  const onLeftOut = (name: BytePath) => void pass.result.leftOut.push({ name, reason: "excluded" });
  const isKnown = (name: BytePath, stat: FileStat) => pass.isAsItWas(name, stat);
  for (const found of walkKnownHome(home, excluded, { leaveOut, onLeftOut, isKnown })) {
    signal?.throwIfAborted();
    const turn = breathe();
    if (turn !== undefined) await turn;
    if (found === null) continue;
    if (found.gone) pass.result.vanished.push(found.name);
    else await pass.look(found);
  }
  await pass.finish();
  return pass.result;
}

class Pass {
  readonly result: PassResult = { files: 0, bytes: 0, leftOut: [], vanished: [] };
  readonly #options: PassOptions;
  readonly #sink: Sink;
  /** Of files with several names: the first one that was found, by device and inode; undefined where it has no copy. */
  readonly #firsts = new Map<string, { name: BytePath; object: number }>();
  readonly #hardLinks: { name: BytePath; first: BytePath }[] = [];

  constructor(options: PassOptions, sink: Sink) {
    this.#options = options;
    this.#sink = sink;
  }

  /** Of a file. What has a record was copied, so it is nothing that is to be held instead. */
  isAsItWas(name: BytePath, stat: FileStat): boolean {
    const { records, number, isDoubtful } = this.#options;
    const slot = records.find(name);
    if (slot === undefined || stat.hasSeveralNames || records.kind(slot) !== "file") return false;
    if (!records.isUnchanged(slot, stat) || isDoubtful(stat)) return false;
    records.see(slot, number);
    this.result.files += 1;
    this.result.bytes += stat.byteCount;
    return true;
  }

  async look(found: Present): Promise<void> {
    const { records, number } = this.#options;
    const { name, kind } = found;
    let slot = records.find(name);
    if (slot !== undefined && records.kind(slot) !== kind) {
      await this.#sink.replaced(name);
      for (const inner of records.within(name)) records.delete(inner);
      records.delete(name);
      slot = undefined;
    }
    if (slot !== undefined) records.see(slot, number);
    if (kind === "folder") await this.#lookAtFolder(found, slot);
    else if (kind === "file" || kind === "symbolic link") await this.#lookAtFile(found, slot);
    else this.result.leftOut.push({ name, reason: kind });
  }

  async finish(): Promise<void> {
    const { records, number, breathe } = this.#options;
    for (const { name, first } of this.#hardLinks) {
      await breathe();
      await this.#sink.hardLink(name, first);
    }
    for (const name of records.unseen(number)) {
      await breathe();
      await this.#sink.removed(name);
      records.delete(name);
    }
  }

  async #lookAtFolder(found: Present, slot: number | undefined): Promise<void> {
    await this.#sink.folder(found, slot === undefined);
    this.#put(found, { stat: found.stat, object: 0, settled: false });
  }

  async #lookAtFile(found: Present, slot: number | undefined): Promise<void> {
    const { records, isRebuildable, isDoubtful, isLive } = this.#options;
    const { name, kind, stat } = found;
    const isLink = kind === "symbolic link";
    if (!isLink && isRebuildable(name)) {
      if (this.#sink.hold === undefined) return;
      if (isLive && isDoubtful(stat)) {
        this.result.leftOut.push({ name, reason: "mapped by the node, which runs and can rebuild it" });
        return;
      }
      if (await this.#sink.hold(found)) return;
    }
    const identity = stat.hasSeveralNames ? `${stat.dev}:${stat.ino}` : undefined;
    const first = identity === undefined ? undefined : this.#firsts.get(identity);
    if (first !== undefined) {
      if (slot === undefined || records.object(slot) !== first.object) {
        this.#hardLinks.push({ name, first: first.name });
      }
      this.#put(found, { stat, object: first.object, settled: false });
      return;
    }
    let object: number | undefined;
    if (slot !== undefined && records.isUnchanged(slot, stat) && !isDoubtful(stat)) {
      object = records.object(slot);
    } else {
      const copied = isLink ? await this.#copyLink(found) : await this.#sink.file(found, slot);
      if (copied === undefined) {
        this.#lost(name, slot);
        return;
      }
      this.#put(found, copied);
      // Another file may have taken the name just before it was opened; the other names are none of its.
      if (copied.stat.dev === stat.dev && copied.stat.ino === stat.ino) object = copied.object;
    }
    if (!isLink) {
      this.result.files += 1;
      this.result.bytes += stat.byteCount;
    }
    if (identity !== undefined && object !== undefined) this.#firsts.set(identity, { name, object });
  }

  async #copyLink(found: Present): Promise<CopiedFile | undefined> {
    const { path, stat } = found;
    let target: string;
    try {
      target = readlinkSync(bytesOf(path), { encoding: "latin1" });
    } catch (error) {
      // EINVAL: something else has taken the name.
      if (["ENOENT", "ENOTDIR", "EINVAL"].includes(errorCode(error) ?? "")) return undefined;
      throw cannotRead(path, error);
    }
    // Never settled: to make it again costs less than to know whether that is needed.
    return { stat, settled: false, object: await this.#sink.link(found, asBytePath(target)) };
  }

  /** It went while it was looked at; whatever has its name by now is for the next pass. */
  #lost(name: BytePath, slot: number | undefined): void {
    this.result.vanished.push(name);
    if (slot !== undefined) this.#options.records.unsettle(slot);
  }

  #put({ name, kind }: Present, copied: CopiedFile): void {
    // Others do not come here.
    this.#options.records.put(name, { kind: kind as CopiedKind, ...copied, pass: this.#options.number });
  }
}
