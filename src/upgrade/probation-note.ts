import { basename, join } from "node:path";
import { z } from "zod";
import { buildInfoSchema } from "../model/build-info.ts";
import { durationSchema, instantSchema } from "../model/documents.ts";
import { healthCheckSchema } from "../model/health.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { disk } from "../system/disk.ts";
import { type Found, readDocument, writeDocument } from "../system/documents.ts";
import { makeFolderDurably, removeFileDurably } from "../system/durable.ts";

/**
 * `probation.json` of the instance: the version that the node was switched to, how it is judged, how far it has come, and
 * what it would be gone back from with. It is there until there is a verdict.
 */

/** What is found out about a trial before the switch, while the old version still runs. */
export const trialSchema = z.object({
  /** Of the binary that is tried, in hex; null where nobody knows. */
  sha256: z.string().nullable(),
  /** The build that the home was on, and its version. */
  from: z.string(),
  fromVersion: z.string().nullable(),
  /** Those that a person has set, and those that the old version has answered. */
  checks: z.array(healthCheckSchema),
});

export type Trial = z.infer<typeof trialSchema>;

const probationSchema = trialSchema.extend({
  kind: z.enum(["upgrade", "forward"]),
  name: z.string(),
  version: z.string(),
  /** What its binary says of itself, so that its answers can be compared. */
  build: buildInfoSchema,
  /** The copy or the archive of the home as it was; null: it was not saved. */
  saved: z.string().nullable(),
  performedAt: instantSchema,
  progress: z.object({
    spent: durationSchema,
    proven: durationSchema,
    deaths: z.number(),
    quits: z.number(),
    failed: z.string().nullable(),
  }),
});

export type ProbationNote = z.infer<typeof probationSchema>;

export const readProbation = (layout: Layout): Found<ProbationNote> => readDocument(probationSchema, layout.probation);

/** Durable when it returns. */
export function writeProbation(layout: Layout, note: ProbationNote): void {
  makeFolderDurably(layout.instanceData);
  writeDocument(probationSchema, layout.probation, note, { mode: 0o600 });
}

export function removeProbation(layout: Layout): void {
  removeFileDurably(layout.probation);
}

/** Why there is no way back from the version that is tried, as far as that can be told beforehand; null: there is one. */
export function whyNoWayBack(
  layout: Layout,
  { rollback }: Pick<Configuration, "rollback">,
  { saved, from }: Pick<ProbationNote, "saved" | "from">,
): string | null {
  if (saved === null && !rollback.without_data) {
    return "no backup of the home was made, and [rollback] without_data is off";
  }
  const { binary } = buildLayout(layout, from);
  return disk.existsSync(binary) ? null : `the binary of the version before is gone: ${binary}`;
}

/** The copy that a way back would need, where it lies by now: the home may have been moved. Null: there is none. */
export function copyOnProbation(layout: Layout, note: ProbationNote | undefined): string | null {
  if (note === undefined || note.saved === null) return null;
  const copy = join(layout.copies, basename(note.saved));
  return disk.existsSync(copy) ? copy : null;
}
