import { basename, join } from "node:path";
import { z } from "zod";
import { instantSchema } from "../model/documents.ts";
import type { Duration } from "../model/duration.ts";
import { errorCode } from "../model/errors.ts";
import type { Instant } from "../model/instant.ts";
import type { Layout } from "../model/paths.ts";
import { disk } from "../system/disk.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { removeFileDurably } from "../system/durable.ts";
import type { ArchiveOrder } from "./archive/archive-order.ts";
import { manifestHead } from "./archive/manifest.ts";
import { readFinishedCopy } from "./copy/finished-copy.ts";

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
});

type Order = z.infer<typeof orderSchema>;

const orderPath = (copy: string) => join(copy, "archive.json");

/** Durable when it returns. */
export function noteArchiveOrder(copy: string, order: Order): void {
  writeDocument(orderSchema, orderPath(copy), order, { mode: 0o600 });
}

/** The copy is no backup of anything: its upgrade never came to the switch. Durable when it returns. */
export function disownCopy(copy: string): void {
  removeFileDurably(orderPath(copy));
}

export interface PendingArchive {
  copy: string;
  name: string;
  order: Omit<ArchiveOrder, "parent">;
}

/** The copies that wait for their archives, the oldest first. */
export function pendingArchives(layout: Layout): PendingArchive[] {
  return copyFolders(layout)
    .flatMap((copy): PendingArchive[] => {
      const found = readDocument(orderSchema, orderPath(copy));
      if (found.state !== "found" || readFinishedCopy(copy) === undefined) return [];
      const { daemon, home, backups } = layout;
      const { name, from, at } = found.value;
      const head = manifestHead({ daemon, upgrade: name, from, taken: "stopped", note: "" }, home, at);
      return [
        { copy, name, order: { source: { copy }, head, backups, folder: name, kind: "preupgrade", at, exclude: [] } },
      ];
    })
    .toSorted((a, b) => (a.order.at < b.order.at ? -1 : 1));
}

/** A person's own backup may be under way: the copy for it is left alone for a day. */
const MANUAL_LIMIT: Duration = 86_400_000_000_000n;

/**
 * Copies that nobody will finish, and that are no backup of anything.
 * @param inUse the copy of the upgrade that is under way, if there is one.
 */
export function leftCopies(layout: Layout, inUse: string | null, now: Instant): string[] {
  return copyFolders(layout).filter((copy) => {
    if (copy === inUse) return false;
    if (basename(copy).startsWith("manual-")) {
      return now - disk.statSync(copy, { bigint: true }).mtimeNs > MANUAL_LIMIT;
    }
    const order = readDocument(orderSchema, orderPath(copy));
    return order.state === "missing" || readFinishedCopy(copy) === undefined;
  });
}

function copyFolders({ copies }: Layout): string[] {
  try {
    return disk.readdirSync(copies).map((name) => join(copies, name));
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
