import { z } from "zod";
import { instantSchema } from "../../model/documents.ts";
import { manifestHeadSchema } from "./manifest.ts";

/** What the process that archives in the background is told, as one line on its stdin, and what it tells on its stdout. */

export const archiveOrderSchema = z.object({
  /** Who waits for it. */
  parent: z.number().int(),
  /** A finished copy's folder, or a home where nothing runs. */
  source: z.union([z.object({ copy: z.string() }), z.object({ home: z.string() })]),
  head: manifestHeadSchema,
  /** Where backups lie, the folder in there, and what the archive's name is made of. */
  backups: z.string(),
  folder: z.string(),
  kind: z.enum(["preupgrade", "manual"]),
  at: instantSchema,
  /** Patterns of `[backup] exclude`; a copy is without them already. */
  exclude: z.array(z.string()),
});

export type ArchiveOrder = z.infer<typeof archiveOrderSchema>;

const leftOutSchema = z.object({ path: z.string(), kind: z.string(), why: z.string().optional() });
const disturbedSchema = z.object({ path: z.string(), how: z.string() });

/** The archive, whole, durable, and read back. */
export const archiveResultSchema = z.object({
  path: z.string(),
  bytes: z.number(),
  files: z.number(),
  sourceBytes: z.number(),
  leftOut: z.array(leftOutSchema),
  disturbed: z.array(disturbedSchema),
});

export type ArchiveResult = z.infer<typeof archiveResultSchema>;

export const archiveWordSchema = z.union([
  z.object({ progress: z.object({ step: z.enum(["write", "compare"]), done: z.number() }) }),
  z.object({ done: archiveResultSchema }),
  z.object({ failed: z.object({ what: z.string(), why: z.string().optional(), next: z.string().optional() }) }),
]);

export type ArchiveWord = z.infer<typeof archiveWordSchema>;
