import { join } from "node:path";
import { z } from "zod";
import { instantSchema } from "../model/documents.ts";
import { errorCode } from "../model/errors.ts";
import type { Layout } from "../model/paths.ts";
import { disk } from "../system/disk.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { removeFileDurably } from "../system/durable.ts";
import type { ArchiveOrder } from "./archive/archive-order.ts";
import { manifestHead } from "./archive/manifest.ts";
import { readFinishedCopy } from "./copy/finished-copy.ts";
import { isManualCopy } from "./manual-copies.ts";

/**
 * Copies of homes that are complete and not archived yet. What becomes of one stands in it, so that it can still be
 * archived after a crash; until its archive is whole, the copy is the backup. No place stands there: a home may be moved.
 */
const orderSchema = z.object({
  /** Of the upgrade. */
  name: z.string(),
  /** The version that the home belonged to. */
  from: z.string().nullable(),
  /** When the home was stopped. */
  at: instantSchema,
  /** Its archive is whole: the copy is kept for a way back only. */
  archived: z.boolean().default(false),
});

type Order = z.infer<typeof orderSchema>;

const orderPath = (copy: string) => join(copy, "archive.json");

/** Durable when it returns. */
export function noteArchiveOrder(copy: string, order: Omit<Order, "archived">): void {
  writeDocument(orderSchema, orderPath(copy), { ...order, archived: false }, { mode: 0o600 });
}

/** The archive of a copy is whole and durable. Durable when it returns. */
export function noteArchived(copy: string): void {
  const found = readDocument(orderSchema, orderPath(copy));
  if (found.state === "found")
    writeDocument(orderSchema, orderPath(copy), { ...found.value, archived: true }, { mode: 0o600 });
}

/** The copy is no backup of anything: its upgrade never came to the switch. Durable when it returns. */
export function disownCopy(copy: string): void {
  removeFileDurably(orderPath(copy));
}

export interface PendingArchive {
  copy: string;
  name: string;
  order: Omit<ArchiveOrder, "parent">;
  /** Its archive is whole. */
  archived: boolean;
}

/** The copies that wait for their archives, the oldest first. */
export function pendingArchives(layout: Layout): PendingArchive[] {
  return upgradeCopies(layout).filter(({ archived }) => !archived);
}

/** All complete copies that upgrades have made, archived or not, the oldest first. */
export function upgradeCopies(layout: Layout): PendingArchive[] {
  return copyFolders(layout)
    .flatMap((copy): PendingArchive[] => {
      const found = readDocument(orderSchema, orderPath(copy));
      if (found.state !== "found" || readFinishedCopy(copy) === undefined) return [];
      const { daemon, home, backups } = layout;
      const { name, from, at, archived } = found.value;
      const head = manifestHead({ daemon, upgrade: name, from, taken: "stopped", note: "" }, home, at);
      return [
        {
          copy,
          name,
          archived,
          order: { source: { copy }, head, backups, folder: name, kind: "preupgrade", at, exclude: [] },
        },
      ];
    })
    .toSorted((a, b) => (a.order.at < b.order.at ? -1 : 1));
}

/**
 * Copies of upgrades that nobody will finish, that are no backup of anything, or that have their archive.
 * @param needed what an upgrade or a way back is at work on, or would need.
 */
export function leftCopies(layout: Layout, needed: readonly (string | null)[]): string[] {
  return copyFolders(layout).filter((copy) => {
    if (needed.includes(copy) || isManualCopy(copy)) return false;
    const order = readDocument(orderSchema, orderPath(copy));
    if (order.state === "found" && order.value.archived) return true;
    return order.state === "missing" || readFinishedCopy(copy) === undefined;
  });
}

/** A folder for each copy, whole or not. */
export function copyFolders({ copies }: Layout): string[] {
  try {
    return disk.readdirSync(copies).map((name) => join(copies, name));
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
