import { join } from "node:path";
import { z } from "zod";
import { instantSchema } from "../../model/documents.ts";
import { NymvisorError } from "../../model/errors.ts";
import { readDocument, writeDocument } from "../../system/documents.ts";
import { asBytePath, type BytePath } from "../archive/byte-path.ts";

/** The files of a copy, all in its folder. */
export function copyPaths(path: string) {
  return {
    /** The tree. */
    tree: join(path, "home"),
    note: join(path, "copy.json"),
    /** What changed before the stop, until the tree has been brought up to it. */
    log: join(path, "changes"),
    /** Files that the log names. */
    stored: join(path, "stored"),
  };
}

const bytePath = z.codec(z.string(), z.custom<BytePath>(), { decode: asBytePath, encode: (path) => path });

/** A decimal in the document, because JSON's numbers are not exact above 2^53. */
const number = z.codec(z.string().regex(/^-?\d+$/), z.bigint(), { decode: BigInt, encode: String });

const heldSchema = z.object({
  dev: number,
  ino: number,
  size: number,
  mode: number,
  uid: number,
  gid: number,
  nlink: number,
  mtimeNs: number,
  ctimeNs: number,
});

const noteSchema = z.object({
  format: z.literal(1),
  home: z.string(),
  finishedAt: instantSchema,
  /** Files that are held say nothing after another boot: their bytes were not made durable. */
  bootId: z.string(),
  /** Regular files, each once however many names it has, and their bytes. */
  files: z.number(),
  bytes: z.number(),
  /** What had to be copied after the stop. */
  atStop: z.object({ files: z.number(), bytes: z.number() }),
  /** Sockets, fifos, devices, and what was to be left out ("excluded"). */
  leftOut: z.array(z.object({ name: bytePath, reason: z.string() })),
  /** Files that were touched after the stop, while they were copied. */
  disturbed: z.array(z.object({ name: bytePath, how: z.enum(["vanished", "was written"]) })),
  /** What this user may not give to a file: an owner, an attribute. Added when the copy is settled. */
  notKept: z.array(z.object({ name: bytePath, what: z.string() })),
  /** Files of the tree that are further names of the home's own files, which the daemon can rebuild. */
  held: z.array(z.object({ name: bytePath, file: heldSchema })),
  /** Size of the log; null: the tree is as the home was, and there is no log any more. */
  changes: z.number().nullable(),
});

export type CopyNote = z.infer<typeof noteSchema>;

/**
 * A complete and durable copy of a home as it was at the stop. Its tree is used after `settleCopy` only: until then part
 * of it is in the log.
 */
export interface FinishedCopy extends Omit<CopyNote, "format"> {
  /** The copy's folder. */
  path: string;
  /** The folder in it that is what the home was. */
  tree: string;
}

/**
 * The copy in the folder `path`; undefined if there is none, or none that is complete.
 * @throws {NymvisorError} if its note cannot be read, or is none.
 */
export function readFinishedCopy(path: string): FinishedCopy | undefined {
  const { note, tree } = copyPaths(path);
  const found = readDocument(noteSchema, note);
  if (found.state === "missing") return undefined;
  if (found.state === "found") {
    const { format, ...rest } = found.value;
    return { ...rest, path, tree };
  }
  throw new NymvisorError({
    what: "the copy of the home cannot be used",
    why: `${note} is not what nymvisor wrote there: ${found.reason}`,
    next: `look at it: ls -l '${path}'`,
  });
}

/** Durable when it returns: this makes the copy complete. */
export function writeNote({ path, tree, ...note }: FinishedCopy): FinishedCopy {
  writeDocument(noteSchema, copyPaths(path).note, { format: 1, ...note }, { mode: 0o600 });
  return { path, tree, ...note };
}
