import { lstatSync } from "node:fs";
import { printable } from "../../model/names.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { bootId } from "../../system/process-table.ts";
import { type BytePath, bytesOf, decodePath, encodePath, joinPath } from "../archive/byte-path.ts";
import { changeSince } from "../archive/held-file.ts";
import type { FinishedCopy } from "../copy/finished-copy.ts";

/**
 * Removes from the tree of a settled copy the files that it holds by a further name only, and that cannot be proven to be
 * as they were at the stop: a daemon makes one anew that is missing, and does not start with half of one.
 * @returns their names, for people. The removal itself is made durable with the exchange that follows.
 */
export function dropUnproven({ tree, held, bootId: boot }: FinishedCopy): string[] {
  const root = encodePath(tree);
  const unproven = held.filter(({ name, file }) => {
    const now = lstatSync(pathOf(root, name), { bigint: true, throwIfNoEntry: false });
    // Its bytes may not have been durable when the power went.
    return now !== undefined && (boot !== bootId() || changeSince(file, now) !== undefined);
  });
  for (const { name } of unproven) bulkDisk.unlinkSync(pathOf(root, name));
  return unproven.map(({ name }) => printable(decodePath(name)));
}

function pathOf(root: BytePath, name: BytePath): Buffer {
  return bytesOf(joinPath(root, name));
}
