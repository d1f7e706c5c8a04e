import { z } from "zod";
import { buildInfoSchema } from "../model/build-info.ts";
import { instantSchema, upgradeInfoSchema } from "../model/documents.ts";
import type { Layout } from "../model/paths.ts";
import { type Found, readDocument, writeDocument } from "../system/documents.ts";
import { removeFileDurably } from "../system/durable.ts";
import { trialSchema } from "./probation-note.ts";

/**
 * The journal of an upgrade: one small document of the instance, there only while an upgrade is under way. Each state is
 * noted durably before it is acted on. The move of `current` decides: before it the old build runs again, after it the
 * new one, and the journal holds all that the other documents are then written from.
 */

/** In the order in which they are passed through. */
export const JOURNAL_STATES = ["copying", "stopping", "backing-up", "switching", "recording"] as const;

const journalSchema = z.object({
  state: z.enum(JOURNAL_STATES),
  /** "forward": `current` was moved by another node; only this home is brought after it. */
  kind: z.enum(["upgrade", "forward"]),
  /** Name of the build that ran before. */
  from: z.string(),
  to: upgradeInfoSchema,
  build: buildInfoSchema,
  /** Folder of the copy, from before it is begun; null where none is made. */
  copy: z.string().nullable().default(null),
  /** How the new version is going to be tried; null: nobody knows what the home was on before, so it is not. */
  trial: trialSchema.nullable().default(null),
  /** Path of the finished copy or archive; null before there is one, or where none is made. */
  backup: z.string().nullable(),
  startedAt: instantSchema,
  /** The moment that the documents name; fixed before the switch, so that writing them again writes the same. */
  performedAt: instantSchema.nullable(),
});

export type Journal = z.infer<typeof journalSchema>;

export const readJournal = (layout: Layout): Found<Journal> => readDocument(journalSchema, layout.journal);

/** Durable when it returns. */
export function writeJournal(layout: Layout, journal: Journal): void {
  writeDocument(journalSchema, layout.journal, journal, { mode: 0o600 });
}

export function removeJournal(layout: Layout): void {
  removeFileDurably(layout.journal);
}
