import { z } from "zod";
import { buildInfoSchema } from "./build-info.ts";
import { instantSchema } from "./documents.ts";

/**
 * What GitHub answered last, as it is kept across restarts (`release-list.json`): reduced to what one daemon's releases
 * are decided by, with all that a polite next question needs. Nothing in it is a secret.
 */

/** The name of the asset that lists the checksums of a release's other assets. */
export const HASHES_ASSET = "hashes.json";

/** A file of a release: one that may be the daemon's binary, or {@link HASHES_ASSET}. */
const keptAssetSchema = z.object({
  id: z.int(),
  name: z.string(),
  /** Only `uploaded` counts; anything else has not arrived yet, or never will. */
  state: z.string(),
  /** Bytes. */
  size: z.int().nonnegative(),
  /** As it was given; judged where it is used. */
  digest: z.string().nullable(),
  url: z.string(),
  createdAt: instantSchema,
});

const keptReleaseSchema = z.object({
  /** As it was given: not yet fit to be a name. */
  tag: z.string(),
  prerelease: z.boolean(),
  /** The date of its commit, which is what the listing is ordered by; not always given. */
  createdAt: instantSchema.nullable(),
  publishedAt: instantSchema,
  /** Where a person can read about it. */
  page: z.string().nullable(),
  /** How many assets it has, those that are not kept included. */
  assetCount: z.int().nonnegative(),
  assets: z.array(keptAssetSchema),
  /** Why assets are missing here that are listed. */
  leftOut: z.array(z.string()),
});

const keptPageSchema = z.object({
  url: z.string(),
  /** What makes the next question for this page conditional. */
  etag: z.string().nullable(),
  /** Where the next page is; null on the last one. */
  next: z.string().nullable(),
  /** Of the train only, drafts left out, in the order of the listing. */
  releases: z.array(keptReleaseSchema),
  /** Why elements of this page are missing here. */
  leftOut: z.array(z.string()),
});

/** What a release's hashes.json says, by the id of that asset: GitHub never changes the content of an id. */
const keptHashesSchema = z.discriminatedUnion("state", [
  z.object({
    asset: z.int(),
    state: z.literal("read"),
    binaries: z.array(z.object({ name: z.string(), sha256: z.string(), details: buildInfoSchema.nullable() })),
  }),
  z.object({ asset: z.int(), state: z.literal("unreadable"), reason: z.string() }),
  /** It names several checksums for one binary. */
  z.object({ asset: z.int(), state: z.literal("contradictory"), reason: z.string() }),
]);

const seenBytesSchema = z.object({
  tag: z.string(),
  /** Of the binary that was listed last. */
  sha256: z.string(),
  /** When other bytes were first seen under this tag than had been seen before; null: never. */
  changedAt: instantSchema.nullable(),
});

/** What a kept list is a list of. One of something else is of no use. */
const subjectSchema = z.object({
  apiUrl: z.string(),
  /** `owner/name`. */
  repository: z.string(),
  tagPrefix: z.string(),
  daemon: z.string(),
});

export const releaseListSchema = z.object({
  /** Another one whenever the same answer would be kept in another form: an unchanged page is not sent again. */
  format: z.literal(1),
  of: subjectSchema,
  /** When GitHub was asked last for a listing, whatever came of it. */
  askedAt: instantSchema,
  /** When all pages of a listing were answered last; null: never. */
  answeredAt: instantSchema.nullable(),
  /** Until when GitHub wants to be left alone; null: it does not mind. */
  waitUntil: instantSchema.nullable(),
  /** Of the last listing whose pages were all answered. */
  pages: z.array(keptPageSchema),
  hashes: z.array(keptHashesSchema),
  seen: z.array(seenBytesSchema),
});

export type ReleaseList = z.infer<typeof releaseListSchema>;
export type ReleaseListSubject = z.infer<typeof subjectSchema>;
export type KeptPage = z.infer<typeof keptPageSchema>;
export type KeptRelease = z.infer<typeof keptReleaseSchema>;
export type KeptAsset = z.infer<typeof keptAssetSchema>;
export type KeptHashes = z.infer<typeof keptHashesSchema>;
export type SeenBytes = z.infer<typeof seenBytesSchema>;

export function isListOf(list: ReleaseList, subject: ReleaseListSubject): boolean {
  return (
    list.of.apiUrl === subject.apiUrl &&
    list.of.repository === subject.repository &&
    list.of.tagPrefix === subject.tagPrefix &&
    list.of.daemon === subject.daemon
  );
}
