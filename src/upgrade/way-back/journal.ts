import { basename, join } from "node:path";
import { z } from "zod";
import { buildInfoSchema } from "../../model/build-info.ts";
import { instantSchema, upgradeInfoSchema } from "../../model/documents.ts";
import type { Layout } from "../../model/paths.ts";
import { type Found, readDocument, requireUsable, writeDocument } from "../../system/documents.ts";
import { makeFolderDurably, removeFileDurably } from "../../system/durable.ts";
import { exchangeSchema } from "../backups/restore-journal.ts";

/**
 * The journal of a way back: one small document of the instance, there only while one is under way.
 *
 * | state      | on disk                                             | interrupted here: the next run           |
 * |------------|-----------------------------------------------------|------------------------------------------|
 * | preparing  | perhaps part of an unpacked archive                 | forgets it; the new version runs on      |
 * | exchanging | the saved home and the other, in either's place     | finishes: exchange, `current`, documents |
 *
 * So the moment at which "exchanging" is durable decides.
 */
const WAY_BACK_STATES = ["preparing", "exchanging"] as const;

const wayBackSchema = z.object({
  state: z.enum(WAY_BACK_STATES),
  /** What is gone back from. */
  from: z.object({ name: z.string(), version: z.string() }),
  /** What is gone back to. */
  to: upgradeInfoSchema,
  build: buildInfoSchema,
  /** `current` goes back too; otherwise other nodes stay where it points, and only this home leaves. */
  movesCurrent: z.boolean(),
  /** What the home is put back from; null: it stays as it is. */
  saved: z.object({ kind: z.enum(["copy", "archive", "kept"]), path: z.string() }).nullable(),
  /** Folder for what the new version has made of the home; null: nothing is put there. */
  kept: z.string().nullable(),
  exchange: exchangeSchema.nullable(),
  why: z.string(),
  byHand: z.boolean(),
  startedAt: instantSchema,
});

export type WayBackJournal = z.infer<typeof wayBackSchema>;

export const readWayBackJournal = (layout: Layout): Found<WayBackJournal> =>
  readDocument(wayBackSchema, layout.wayBack);

/**
 * The copy that a way back has taken the home from, or is about to, until all of it is written down: part of it may have
 * become the home, so that it is no backup of anything. Null: there is none.
 * @throws {NymvisorError} if the journal cannot be used.
 */
export function copyOnWayBack(layout: Layout): string | null {
  const journal = requireUsable(readWayBackJournal(layout), layout.wayBack, "start nymvisor run, which says more");
  if (journal?.saved?.kind !== "copy") return null;
  return join(layout.copies, basename(journal.saved.path));
}

/** Durable when it returns. */
export function writeWayBackJournal(layout: Layout, journal: WayBackJournal): void {
  makeFolderDurably(layout.instanceData);
  writeDocument(wayBackSchema, layout.wayBack, journal, { mode: 0o600 });
}

export function removeWayBackJournal(layout: Layout): void {
  removeFileDurably(layout.wayBack);
}
