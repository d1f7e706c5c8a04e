import { isUtf8 } from "node:buffer";
import { z } from "zod";
import { instantSchema } from "../../model/documents.ts";
import { asBytePath, type BytePath, bytesOf, encodePath } from "./byte-path.ts";
import { decimalSeconds, type TarEntry } from "./tar-header.ts";

/**
 * What an archive says about itself: who took it, when and why (the head, also in the comment of the gzip header, where it
 * is read without unpacking anything), and what each of its entries was when it was taken. The manifest is the archive's
 * last entry: JSON, with one line for each entry in the order of the archive, so that an archive of any size is compared
 * with it line by line.
 */

const FORMAT = 1;

/** "stopped": no daemon ran. "paused": it was held by SIGSTOP. "live": it ran, and files may be of different moments. */
const TAKEN = ["stopped", "paused", "live"] as const;

export const manifestHeadSchema = z.object({
  format: z.literal(FORMAT),
  daemon: z.string().nullable(),
  /** Path of the home, by which several nodes with one folder for backups know their own. */
  home: z.string(),
  /** The upgrade that it was made for; null: a person asked for it. */
  upgrade: z.string().nullable(),
  /** Version of the build that the home belonged to. */
  from: z.string().nullable(),
  takenAt: instantSchema,
  taken: z.enum(TAKEN),
  note: z.string(),
});

export type ManifestHead = z.infer<typeof manifestHeadSchema>;

/** What whoever asks for a backup says about it. */
export type BackupFacts = Omit<ManifestHead, "format" | "home" | "takenAt">;

export function manifestHead(facts: BackupFacts, home: string, takenAt: bigint): ManifestHead {
  return { format: FORMAT, ...facts, home, takenAt };
}

/** ASCII, on one line. */
export function encodeHead(head: ManifestHead): string {
  return JSON.stringify(z.encode(manifestHeadSchema, head)).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Undefined for what is no such head, or one of a later nymvisor. */
export function decodeHead(text: string): ManifestHead | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = manifestHeadSchema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}

/** An entry of the archive, and what its contents hash to if it has any. */
export type ManifestEntry = TarEntry & { sha256?: string | undefined };

/** The same line for the same entry, whether it is written or was read. */
export function manifestLine({ name, kind, size, mode, uid, gid, mtime, target, attributes, sha256 }: ManifestEntry) {
  return JSON.stringify({
    ...encodeName("name", name),
    kind,
    ...(kind === "file" ? { size } : {}),
    mode: (mode & 0o7777).toString(8).padStart(4, "0"),
    uid,
    gid,
    mtime: decimalSeconds(mtime),
    ...(target === undefined ? {} : encodeName("target", target)),
    ...(attributes === undefined || attributes.length === 0
      ? {}
      : { attributes: attributes.map(({ name, value }) => [name, Buffer.from(value).toString("base64")]) }),
    ...(sha256 === undefined ? {} : { sha256 }),
  });
}

/** Something of the home that the archive does not hold. */
export interface LeftOutEntry {
  name: BytePath;
  /** "socket", "excluded", "changed while it was read", … */
  reason: string;
}

export function leftOutLine({ name, reason }: LeftOutEntry): string {
  return JSON.stringify({ ...encodeName("name", name), reason });
}

export const OPENING = '"entries":[';
export const BETWEEN = '],"leftOut":[';
export const CLOSING = "]}";

/** The first line; {@link OPENING}, the entries, {@link BETWEEN}, what was left out and {@link CLOSING} follow it. */
export function headLine(head: ManifestHead): string {
  return `{"head":${encodeHead(head)},`;
}

/** Text where the bytes are UTF-8, else base64 under another key. */
function encodeName(key: string, path: BytePath): Record<string, string> {
  const bytes = bytesOf(path);
  return isUtf8(bytes) ? { [key]: bytes.toString("utf8") } : { [`${key}Base64`]: bytes.toString("base64") };
}

const namedSchema = z.union([z.object({ name: z.string() }), z.object({ nameBase64: z.string() })]);

/** The name in a line of the manifest. @throws {SyntaxError | z.ZodError} for what is no such line. */
export function nameIn(line: string): BytePath {
  const named = namedSchema.parse(JSON.parse(line));
  return "name" in named
    ? encodePath(named.name)
    : asBytePath(Buffer.from(named.nameBase64, "base64").toString("latin1"));
}

const leftOutSchema = z.object({ reason: z.string() });

/** @throws {SyntaxError | z.ZodError} for what is no such line. */
export function parseLeftOut(line: string): LeftOutEntry {
  return { name: nameIn(line), reason: leftOutSchema.parse(JSON.parse(line)).reason };
}
