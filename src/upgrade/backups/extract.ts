import { constants, statfsSync } from "node:fs";
import { join } from "node:path";
import { formatBytes } from "../../model/bytes.ts";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { explanation, syncFolder } from "../../system/durable.ts";
import { asBytePath, type BytePath, bytesOf, decodePath, encodePath, joinPath } from "../archive/byte-path.ts";
import { DamagedArchive } from "../archive/damaged.ts";
import type { PathFilter } from "../archive/path-patterns.ts";
import { type FileSink, type ReadArchive, type ReadOptions, readArchive } from "../archive/read-archive.ts";
import type { TarEntry } from "../archive/tar-header.ts";
import type { ReadEntry } from "../archive/tar-reader.ts";
import { FileWriter } from "./file-writer.ts";
import { type Kept, keepMetadata } from "./keep-metadata.ts";

export interface ExtractRequest extends ReadOptions {
  archive: string;
  /** An empty folder that nobody else writes to. */
  into: string;
  /** What is wanted, with all that it lies in; without it everything is. */
  only?: PathFilter | undefined;
}

export interface Extracted extends ReadArchive {
  /** Entries that were put there. */
  restored: number;
  /** What could not be put there as it was: attributes that only root may set, devices, sockets. */
  notKept: readonly Kept[];
}

/** Only its maker gets into a folder before all is in it, and its modes are not yet those of the archive. */
const PRIVATE = 0o700;

/** Bytes that stay free on the disk: an archive that is larger than it says must not stop what else runs on it. */
const RESERVE = 64 << 20;

/** How many bytes are written between two looks at the room. */
const LOOK_EVERY = 32 << 20;

/**
 * Unpacks an archive, and proves it by its manifest on the way. Nothing is written outside of `into`, whatever stands in
 * the archive: names that lead out are refused, links are made last, and nothing is ever opened through one.
 *
 * All of it is durable when this returns. When it throws, `into` holds any part of it.
 * @throws {NymvisorError} if the archive is damaged, or something cannot be written; and the signal's reason.
 */
export async function extractArchive(request: ExtractRequest): Promise<Extracted> {
  const extractor = new Extractor(request);
  const read = await readArchive(request.archive, (entry) => extractor.visit(entry), request);
  extractor.finish();
  return { ...read, restored: extractor.restored, notKept: extractor.notKept };
}

class Extractor {
  restored = 0;
  readonly notKept: Kept[] = [];
  readonly #into: BytePath;
  readonly #only: PathFilter | undefined;
  /** Folders that are there, with what the archive says of them; null: only something in them was wanted. */
  readonly #folders = new Map<BytePath, TarEntry | null>();
  /** What the archive said of folders that were not wanted by themselves. */
  readonly #unwanted = new Map<BytePath, TarEntry>();
  readonly #links: TarEntry[] = [];
  #sinceLook = 0;

  constructor({ into, only }: ExtractRequest) {
    this.#into = encodePath(into);
    this.#only = only;
  }

  visit(entry: ReadEntry): FileSink | undefined {
    const { name } = entry;
    requireInside(name);
    if (name === "" || name === ".") return undefined;
    const wanted = this.#only === undefined || this.#only(name);
    if (entry.kind === "folder" && !wanted) this.#unwanted.set(name, entry);
    if (!wanted) return undefined;
    this.restored += 1;
    switch (entry.kind) {
      case "device":
        this.restored -= 1;
        this.notKept.push({ name, why: "it is a device or a pipe" });
        return undefined;
      case "folder":
        this.#makeFolder(name, entry);
        return undefined;
      case "symbolic link":
        this.#makeFolder(folderOf(name), null);
        this.#links.push(entry);
        return undefined;
      case "hard link":
        this.#makeFolder(folderOf(name), null);
        this.#link(entry);
        return undefined;
      case "file":
        this.#makeFolder(folderOf(name), null);
        return this.#file(entry);
    }
  }

  /** Links, and the folders' own metadata, which everything that was put into them has changed. */
  finish(): void {
    for (const entry of this.#links) {
      this.#change(entry.name, (path) => bulkDisk.symlinkSync(bytesOf(entry.target ?? asBytePath("")), path));
      this.#keep(entry);
    }
    for (const [name, entry] of [...this.#folders].reverse()) {
      const known = entry ?? this.#unwanted.get(name);
      if (known !== undefined) this.#keep(known);
    }
    const into = bytesOf(this.#into).toString();
    const folder = bulkDisk.openSync(into, constants.O_RDONLY | constants.O_DIRECTORY, 0);
    try {
      bulkDisk.syncFileSystem(folder);
    } finally {
      bulkDisk.closeSync(folder);
    }
    syncFolder(into);
  }

  #file(entry: TarEntry): FileSink {
    const path = this.#at(entry.name);
    const writer = this.#change(entry.name, () => new FileWriter(path, entry.size));
    const guarded = <T>(act: () => T): T => this.#change(entry.name, act);
    return {
      write: (part) => {
        this.#lookAtRoom(part.length);
        guarded(() => writer.write(part));
      },
      close: () => {
        guarded(() => writer.close());
        this.#keep(entry);
      },
      abandon: () => writer.abandon(),
    };
  }

  #link(entry: TarEntry): void {
    const target = entry.target ?? asBytePath("");
    requireInside(target);
    try {
      bulkDisk.linkSync(bytesOf(this.#at(target)), bytesOf(this.#at(entry.name)));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw this.#explain(entry.name, error);
      const shown = `${show(entry.name)} is a second name of ${show(target)}`;
      if (this.#only === undefined) throw new DamagedArchive(`${shown}, which does not stand before it`, error);
      throw new NymvisorError({ what: `${shown}, which the pattern leaves out`, next: "widen the pattern of --only" });
    }
  }

  #makeFolder(name: BytePath, entry: TarEntry | null): void {
    if (name === "") return;
    if (!this.#folders.has(name)) {
      this.#makeFolder(folderOf(name), null);
      this.#change(name, (path) => bulkDisk.mkdirSync(path, PRIVATE));
      this.#folders.set(name, entry);
    } else if (entry !== null) {
      this.#folders.set(name, entry);
    }
  }

  #keep(entry: TarEntry): void {
    this.#change(entry.name, () => this.notKept.push(...keepMetadata(this.#at(entry.name), entry)));
  }

  #lookAtRoom(count: number): void {
    this.#sinceLook += count;
    if (this.#sinceLook < LOOK_EVERY) return;
    this.#sinceLook = 0;
    const folder = decodePath(this.#into);
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize >= RESERVE) return;
    throw new NymvisorError({
      what: "there is no room for what the archive holds",
      why: `only ${formatBytes(bavail * bsize)} are left in ${folder}`,
      next: `make room there: df -h '${folder}'`,
    });
  }

  #at(name: BytePath): BytePath {
    return joinPath(this.#into, name);
  }

  #change<T>(name: BytePath, act: (path: Buffer) => T): T {
    try {
      return act(bytesOf(this.#at(name)));
    } catch (error) {
      throw this.#explain(name, error);
    }
  }

  #explain(name: BytePath, error: unknown): unknown {
    if (error instanceof NymvisorError) return error;
    const code = errorCode(error);
    if (code === undefined) return error;
    if (code === "EEXIST") return new DamagedArchive(`it holds ${show(name)} more than once`, error);
    return new NymvisorError({
      what: `${join(decodePath(this.#into), show(name))} cannot be restored`,
      why: explanation(error),
      cause: error,
    });
  }
}

/** @throws {DamagedArchive} for a name that leads out of the folder that it is to be put into. */
function requireInside(name: BytePath): void {
  const parts = name.split("/");
  const leadsOut = name.startsWith("/") || parts.includes("..") || name.includes("\0");
  if (!leadsOut) return;
  throw new DamagedArchive(`the name ${show(name)} leads out of the archive; nothing was written outside`);
}

function folderOf(name: BytePath): BytePath {
  return asBytePath(name.slice(0, Math.max(0, name.lastIndexOf("/"))));
}

function show(name: BytePath): string {
  return printable(decodePath(name));
}
