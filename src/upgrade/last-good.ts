import { basename, join } from "node:path";
import { type DocumentSchema, historySchema, planSchema, versionRecordSchema } from "../model/documents.ts";
import { operatorSchema } from "../model/operator.ts";
import { outcomesSchema } from "../model/outcomes.ts";
import type { Layout } from "../model/paths.ts";
import { sourceRecordsSchema } from "../model/source-records.ts";
import { disk } from "../system/disk.ts";
import { type Found, readDocument } from "../system/documents.ts";
import { makeFolderDurably, writeFileDurably } from "../system/durable.ts";

/**
 * A copy of each document that nymvisor decides by, as it last was when it could be used. nymvisor's own writes are whole
 * or absent; these copies are for what a failing disk, another program or a person's editor makes of the originals.
 */

/** The copies are this instance's own: what it last saw. */
function copyOf(layout: Layout, path: string): string {
  return join(layout.lastGood, basename(path));
}

/** Copies what can be used and differs from its copy. Nothing waits for it: an older copy is still a good one. */
export function keepLastGood(layout: Layout): void {
  const documents: readonly (readonly [string, DocumentSchema<unknown>])[] = [
    [layout.plan, planSchema],
    [layout.history, historySchema],
    [layout.versionRecord, versionRecordSchema],
    [layout.operator, operatorSchema],
    [layout.sources, sourceRecordsSchema],
    [layout.outcomes, outcomesSchema],
  ];
  for (const [path, schema] of documents) {
    if (readDocument(schema, path).state !== "found") continue;
    const bytes = disk.readFileSync(path);
    const copy = copyOf(layout, path);
    if (disk.existsSync(copy) && disk.readFileSync(copy).equals(bytes)) continue;
    makeFolderDurably(layout.lastGood);
    writeFileDurably(copy, bytes);
  }
}

/** The copy of the document at `path`, and where it lies. */
export function readLastGood<T>(
  layout: Layout,
  path: string,
  schema: DocumentSchema<T>,
): { found: Found<T>; copy: string } {
  const copy = copyOf(layout, path);
  return { found: readDocument(schema, copy), copy };
}
