import { z } from "zod";
import { instantSchema } from "../../model/documents.ts";
import { asBytePath, type BytePath } from "./byte-path.ts";
import { manifestHeadSchema } from "./manifest.ts";

/** What the process that archives in the background is told, as one line on its stdin, and what it tells on its stdout. */

/** Names are bytes, one a character; JSON keeps them. */
const bytePath = z.codec(z.string(), z.custom<BytePath>(), { decode: asBytePath, encode: (path) => path as string });

const big = z.codec(z.string(), z.bigint(), { decode: BigInt, encode: String });

const heldSchema = z.object({
  name: bytePath,
  dev: big,
  ino: big,
  size: big,
  mode: big,
  uid: big,
  gid: big,
  nlink: big,
  mtimeNs: big,
  ctimeNs: big,
});

export const archiveOrderSchema = z.object({
  /** Who waits for it. */
  parent: z.number().int(),
  /** The folder whose contents are archived: that of a finished copy, or a home that is stopped. */
  tree: z.string(),
  head: manifestHeadSchema,
  /** Where backups lie, the folder in there, and what the archive's name is made of. */
  backups: z.string(),
  folder: z.string(),
  kind: z.enum(["preupgrade", "manual"]),
  at: instantSchema,
  /** Patterns of `[backup] exclude`. */
  exclude: z.array(z.string()),
  /** Files that are links to those of the home. */
  held: z.array(heldSchema),
  /** What the tree does not have and the home had. */
  leftOut: z.array(z.object({ name: bytePath, reason: z.string() })),
  /** Nothing may change the tree while it is read: then a disturbed file is a failure, and not only told. */
  still: z.boolean(),
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
