import { z } from "zod";
import type { Layout } from "../../model/paths.ts";
import { type Found, readDocument, writeDocument } from "../../system/documents.ts";
import { makeFolderDurably, removeFileDurably } from "../../system/durable.ts";
import { asBytePath, type BytePath } from "../archive/byte-path.ts";

/** Names are bytes, one a character; JSON keeps them. */
const bytePath = z.codec(z.string(), z.custom<BytePath>(), { decode: asBytePath, encode: (path) => path as string });

/** What an exchange of a home for another by renames needs to know, to be made and to be gone on with. */
export const exchangeSchema = z.object({
  /** The home's own path, without links. */
  home: z.string(),
  /** Where what comes into the home lies, and where what it takes the place of goes. */
  unpacked: z.string(),
  replaced: z.string(),
  /** Names in the home, relative to it, that are exchanged one by one: for what is in `unpacked`, or else for nothing. */
  names: z.array(z.object({ name: bytePath, isNew: z.boolean() })),
  /** Where the backups lie in the home: they stay, whatever the rest is exchanged for. */
  stays: z.array(bytePath),
});

export type Exchange = z.infer<typeof exchangeSchema>;
export type ExchangedName = Exchange["names"][number];

/**
 * The journal of a restore: there only while one is under way. Until "exchanging" the home is as it was, and whoever
 * finds the journal undoes what there is; from then on all that is needed lies in the two folders, and whoever finds it
 * finishes.
 */
const restoreJournalSchema = exchangeSchema.extend({
  state: z.enum(["unpacking", "exchanging"]),
  /** Path of the backup, for people. */
  backup: z.string(),
});

export type RestoreJournal = z.infer<typeof restoreJournalSchema>;

export const readRestoreJournal = (layout: Layout): Found<RestoreJournal> =>
  readDocument(restoreJournalSchema, layout.restoreJournal);

/** Durable when it returns. */
export function writeRestoreJournal(layout: Layout, journal: RestoreJournal): void {
  makeFolderDurably(layout.instanceData);
  writeDocument(restoreJournalSchema, layout.restoreJournal, journal, { mode: 0o600 });
}

export function removeRestoreJournal(layout: Layout): void {
  removeFileDurably(layout.restoreJournal);
}
