import { dirname, join } from "node:path";
import { NymvisorError } from "../../model/errors.ts";
import { formatStamp, type Instant } from "../../model/instant.ts";
import { isWithin, type Layout } from "../../model/paths.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { disk } from "../../system/disk.ts";
import { makeFolderDurably, syncFolder } from "../../system/durable.ts";
import { encodePath } from "../archive/byte-path.ts";
import type { PathFilter } from "../archive/path-patterns.ts";
import type { ReadOptions } from "../archive/read-archive.ts";
import { exchange, partialExchange, wholeExchange } from "./exchange.ts";
import { type Extracted, extractArchive } from "./extract.ts";
import {
  type RestoreJournal,
  readRestoreJournal,
  removeRestoreJournal,
  writeRestoreJournal,
} from "./restore-journal.ts";

/** The copies hold the node's keys (invariant 10). */
const PRIVATE = 0o700;

export interface RestoreRequest extends ReadOptions {
  layout: Layout;
  /** Path of the archive. */
  archive: string;
  /** Becomes the name of the folder for what was there. */
  at: Instant;
  /** What is put back, with all that lies in it; without it everything is. */
  only?: PathFilter | undefined;
}

export interface Restored extends Extracted {
  /** Where what was in the home lies now. */
  replaced: string;
}

/**
 * Puts a backup back into the home: it is unpacked beside it and proven, then exchanged by renames for what is there,
 * which is kept. The caller holds the locks of the instance, and no daemon runs.
 *
 * Durable when it returns. When it throws, the home is as it was, or {@link settleRestore} finishes.
 * @throws {NymvisorError} if the backup is damaged, or something cannot be written; and the signal's reason.
 */
export async function restoreHome(request: RestoreRequest): Promise<Restored> {
  const { layout, archive, at, only, signal, onProgress } = request;
  const home = disk.realpathSync(layout.home);
  requireExchangeable(layout, home);
  const stamp = formatStamp(at);
  const unpacked = join(layout.restoring, stamp);
  const replaced = freeName(join(layout.replaced, stamp));
  const journal: RestoreJournal = {
    state: "unpacking",
    backup: archive,
    home,
    unpacked,
    replaced,
    names: [],
    stays: staysOf(layout, home),
  };
  writeRestoreJournal(layout, journal);
  let exchanging = false;
  try {
    for (const folder of [unpacked, replaced]) makeFolderDurably(folder, { mode: PRIVATE });
    const extracted = await extractArchive({ archive, into: unpacked, only, signal, onProgress });
    if (extracted.restored === 0) throw nothingWanted();
    signal?.throwIfAborted();
    const names = only === undefined ? wholeExchange(home, unpacked) : partialExchange(home, unpacked, only);
    const decided: RestoreJournal = { ...journal, state: "exchanging", names };
    writeRestoreJournal(layout, decided);
    exchanging = true;
    await exchange(decided);
    await finish(layout, decided);
    return { ...extracted, replaced };
  } catch (error) {
    if (!exchanging) await undo(layout, journal);
    throw error;
  }
}

/**
 * What an interrupted restore left: one that had not begun to exchange is undone, any other is finished. The caller holds
 * the locks of the instance, and no daemon runs.
 * @throws {NymvisorError} if the journal cannot be used, or something is in the way.
 */
export async function settleRestore(layout: Layout): Promise<"none" | "undone" | "finished"> {
  const found = readRestoreJournal(layout);
  if (found.state === "missing") return "none";
  if (found.state === "unusable") {
    throw new NymvisorError({
      what: `${layout.restoreJournal} is not what nymvisor wrote there`,
      why: found.reason,
      next: `see what lies in ${layout.restoring} and ${layout.replaced}, then move the file away`,
    });
  }
  if (found.value.state === "unpacking") {
    await undo(layout, found.value);
    return "undone";
  }
  await exchange(found.value);
  await finish(layout, found.value);
  return "finished";
}

/** Removes what restored backups have taken the place of, with the upgrade after them. @returns the folder, if there was one. */
export async function dropReplaced(layout: Layout): Promise<string | undefined> {
  if (!disk.existsSync(layout.replaced)) return undefined;
  await bulkDisk.rm(layout.replaced, { force: true, recursive: true });
  syncFolder(dirname(layout.replaced));
  return layout.replaced;
}

async function finish(layout: Layout, { unpacked }: RestoreJournal): Promise<void> {
  await bulkDisk.rm(unpacked, { force: true, recursive: true });
  removeRestoreJournal(layout);
}

async function undo(layout: Layout, { unpacked, replaced }: RestoreJournal): Promise<void> {
  for (const folder of [unpacked, replaced]) await bulkDisk.rm(folder, { force: true, recursive: true });
  removeRestoreJournal(layout);
}

/** A second restore within a millisecond of the first, or one with the clock set back, keeps both. */
function freeName(path: string): string {
  for (let attempt = 0; ; attempt += 1) {
    const name = attempt === 0 ? path : `${path}-${attempt}`;
    if (disk.lstatSync(name, { throwIfNoEntry: false }) === undefined) return name;
  }
}

/** The backups, where they lie in the home and not in nymvisor's own folder. */
export function staysOf(layout: Layout, home: string): RestoreJournal["stays"] {
  if (disk.statSync(layout.backups, { throwIfNoEntry: false }) === undefined) return [];
  const backups = disk.realpathSync(layout.backups);
  if (!isWithin(backups, home) || isWithin(backups, join(home, "nymvisor"))) return [];
  return [encodePath(backups.slice(home.length + 1))];
}

/** @throws {NymvisorError} if the home cannot be exchanged by renames, or what is needed meanwhile lies in it. */
export function requireExchangeable(layout: Layout, home: string): void {
  const own = join(home, "nymvisor");
  const refuse = (why: string) =>
    new NymvisorError({
      what: `a backup cannot be put back into ${layout.home} by itself`,
      why,
      next: "unpack it elsewhere, and move what you need: nymvisor backup restore NAME --to DIR",
    });
  for (const path of [layout.instanceData, layout.upgradeData]) {
    if (isWithin(path, home) && !isWithin(path, own)) throw refuse(`${path}, which nymvisor needs, lies in it`);
  }
  if (disk.lstatSync(own).dev !== disk.statSync(home).dev) throw refuse(`${own} is on another file system`);
  for (const point of mountPoints()) {
    if (point !== home && isWithin(point, home) && !isWithin(point, own)) {
      throw refuse(`another file system is mounted at ${point}`);
    }
  }
}

/** proc_pid_mountinfo(5): the fifth field, where space, tab, newline and backslash are written as octal numbers. */
function mountPoints(): string[] {
  const lines = disk.readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.flatMap((line) => {
    const point = line.split(" ")[4];
    if (point === undefined) return [];
    return [point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))];
  });
}

function nothingWanted(): NymvisorError {
  return new NymvisorError({
    what: "the backup holds nothing that the pattern asks for",
    next: "see what it holds: tar -tzf with the path that nymvisor backup list -o json shows",
  });
}
