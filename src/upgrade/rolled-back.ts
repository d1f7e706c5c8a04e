import { dirname, join } from "node:path";
import { z } from "zod";
import { instantSchema } from "../model/documents.ts";
import { errorCode } from "../model/errors.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import type { Outcome } from "../model/outcomes.ts";
import type { Layout } from "../model/paths.ts";
import { homesToForget } from "../policy/prune-rolled-back.ts";
import { bulkDisk } from "../system/bulk-disk.ts";
import { disk } from "../system/disk.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { removeFileDurably, syncFolder } from "../system/durable.ts";

/**
 * What a version had made of the home that was gone back from, with the last lines that it printed. The note is written
 * last and removed first, so that a folder with one is whole.
 */

/** What lies in the folder of one. */
export function rolledBackPaths(folder: string) {
  return {
    /** The home, without nymvisor's own folder in it. */
    home: join(folder, "home"),
    /** The last lines that the daemon printed; not there where they could not be had. */
    output: join(folder, "output.log"),
    note: join(folder, "note.json"),
  };
}

const noteSchema = z.looseObject({
  /** Of the build that was gone back from. */
  name: z.string(),
  version: z.string(),
  /** The build that the home went back to. */
  to: z.string(),
  /** When its daemon had stopped, so that the home is as it was then. */
  at: instantSchema,
  why: z.string(),
  byHand: z.boolean(),
});

export type RolledBackNote = z.infer<typeof noteSchema>;

export interface RolledBackHome extends RolledBackNote {
  folder: string;
}

/** A folder for it that is not there yet. */
export function freeRolledBackFolder({ rolledBack }: Layout, name: string, at: Instant): string {
  const path = join(rolledBack, `${name}-${formatStamp(at)}`);
  for (let attempt = 0; ; attempt += 1) {
    const folder = attempt === 0 ? path : `${path}-${attempt}`;
    if (disk.lstatSync(folder, { throwIfNoEntry: false }) === undefined) return folder;
  }
}

/** Makes it complete. Durable when it returns. */
export function writeRolledBackNote(folder: string, note: RolledBackNote): void {
  writeDocument(noteSchema, rolledBackPaths(folder).note, note, { mode: 0o600 });
}

/** Those that are whole, the oldest first. A note that cannot be used hides its folder; nothing is removed for it. */
export function findRolledBack(layout: Layout): RolledBackHome[] {
  return rolledBackFolders(layout)
    .flatMap((folder): RolledBackHome[] => {
      const found = readDocument(noteSchema, rolledBackPaths(folder).note);
      return found.state === "found" ? [{ ...found.value, folder }] : [];
    })
    .toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** What is kept of ways back that nobody needs any more, and folders that are left of a removal or of their use. */
function prunableRolledBack(layout: Layout, outcomes: readonly Outcome[]): string[] {
  if (disk.existsSync(layout.wayBack)) return [];
  const whole = findRolledBack(layout);
  const noted = new Set(whole.map(({ folder }) => folder));
  const left = rolledBackFolders(layout).filter((folder) => !noted.has(folder) && isUnnoted(folder));
  return [...left, ...homesToForget(whole, outcomes, layout.home).map(({ folder }) => folder)];
}

/** One whose note cannot be used is left for a person to look at. */
function isUnnoted(folder: string): boolean {
  return !disk.existsSync(rolledBackPaths(folder).note);
}

/**
 * Removes what the second good upgrade since lets go; see {@link homesToForget}. Nothing while a way back is under way.
 * @param needed folders that a way back is about to use.
 * @returns the folders, the oldest first. Durable when it returns.
 */
export async function pruneRolledBack(
  layout: Layout,
  outcomes: readonly Outcome[],
  needed: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const folders = prunableRolledBack(layout, outcomes).filter((folder) => !needed.has(folder));
  await removeRolledBack(layout, folders);
  return folders;
}

/** Everything in there, whole or not, but what a way back that is under way or ordered is about to use. */
export function allRolledBack(layout: Layout, needed: ReadonlySet<string>): string[] {
  if (disk.existsSync(layout.wayBack)) return [];
  return rolledBackFolders(layout).filter((folder) => !needed.has(folder));
}

/** Durable when it returns; interrupted, it leaves nothing that could be taken for a whole one. */
export async function removeRolledBack({ rolledBack }: Layout, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    removeFileDurably(rolledBackPaths(folder).note);
    await bulkDisk.rm(folder, { force: true, recursive: true });
  }
  if (folders.length === 0) return;
  syncFolder(rolledBack);
  if (disk.readdirSync(rolledBack).length > 0) return;
  disk.rmdirSync(rolledBack);
  syncFolder(dirname(rolledBack));
}

/** Removes what is left of those whose home a later way back has taken. The caller knows that none is under way. */
export async function sweepEmptied(layout: Layout): Promise<void> {
  for (const folder of rolledBackFolders(layout)) {
    const { home, note } = rolledBackPaths(folder);
    const isTaken = !disk.existsSync(note) && (!disk.existsSync(home) || disk.readdirSync(home).length === 0);
    if (isTaken) await removeRolledBack(layout, [folder]);
  }
}

/** A folder for each way back, whole or not, in the order of their names. */
export function rolledBackFolders({ rolledBack }: Layout): string[] {
  try {
    return disk
      .readdirSync(rolledBack, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(rolledBack, name))
      .toSorted();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
