import { z } from "zod";
import { instantSchema } from "./documents.ts";

/**
 * `sources.json`, beside the plan: when the sources of releases last answered, and which entries of the plan they made.
 * By the latter an entry that a person wrote, moved or removed is told from one that is still its source's to change.
 */
export const sourceRecordsSchema = z.looseObject({
  /** Since when sources have been asked. */
  since: instantSchema.nullable().default(null),
  /** The last valid answer of each source, by its name. */
  answered: z.record(z.string(), instantSchema).default({}),
  queued: z
    .array(
      z.looseObject({
        name: z.string(),
        source: z.string(),
        /** The instance that chose the time. */
        by: z.string(),
        /** What the source wrote there; another one in the plan is a person's. */
        upgradeTime: instantSchema,
        /** `entering` and `leaving` are written before the plan, `queued` after it: a crash in between is no person. */
        state: z.enum(["entering", "queued", "leaving"]),
      }),
    )
    .default([]),
});

export type SourceRecords = z.infer<typeof sourceRecordsSchema>;

export const NO_RECORDS: SourceRecords = sourceRecordsSchema.parse({});
