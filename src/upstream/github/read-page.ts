import { z } from "zod";
import { describeIssues, instantSchema } from "../../model/documents.ts";
import type { Instant } from "../../model/instant.ts";
import { printable } from "../../model/names.ts";
import { HASHES_ASSET, type KeptAsset, type KeptRelease } from "../../model/release-list.ts";
import { knownBinaryNames } from "../../policy/asset-names.ts";

/**
 * A page of GitHub's list of releases (docs.github.com/en/rest/releases/releases), reduced to what is kept. One element
 * that is not as it should be hides no other.
 */

const LONGEST_TAG = 1000;
const LONGEST_URL = 2000;
/** Pages are asked for with a hundred releases, and a release has some dozens of files. */
const MOST_ELEMENTS = 1000;
/** Of the names that matter; GitHub has one file of a name in a release. */
const MOST_KEPT_ASSETS = 40;
/** More are not worth keeping, nor reading. */
const MOST_REASONS = 20;

const tagSchema = z.looseObject({ tag_name: z.string().max(LONGEST_TAG) });

const releaseSchema = z.looseObject({
  draft: z.boolean(),
  prerelease: z.boolean(),
  created_at: instantSchema.nullish(),
  published_at: instantSchema,
  html_url: z.string().max(LONGEST_URL).nullish().catch(null),
  assets: z.array(z.unknown()),
});

const assetSchema = z.looseObject({
  id: z.int(),
  name: z.string(),
  state: z.string().max(100),
  size: z.int().nonnegative(),
  digest: z.string().max(1000).nullish(),
  browser_download_url: z.string().max(LONGEST_URL),
  created_at: instantSchema,
});

export interface PageContent {
  releases: KeptRelease[];
  leftOut: string[];
  /** The earliest date of a commit on the page, of any train; the listing is ordered by it. */
  oldest: Instant | null;
}

export interface PageReader {
  tagPrefix: string;
  daemon: string;
  /** Whether files may be at addresses of plain http. */
  allowHttp: boolean;
}

/** @returns why it is no page of releases, as a string. */
export function readPage(value: unknown, reader: PageReader): PageContent | string {
  if (!Array.isArray(value)) return `it is no list of releases${messageOf(value)}`;
  if (value.length === 0) return "it is an empty list";
  const content: PageContent = { releases: [], leftOut: [], oldest: null };
  if (value.length > MOST_ELEMENTS) content.leftOut.push(`all but ${MOST_ELEMENTS} of ${value.length} on one page`);
  for (const element of value.slice(0, MOST_ELEMENTS)) readElement(element, reader, content);
  content.leftOut = limited(content.leftOut);
  return content;
}

function readElement(element: unknown, reader: PageReader, content: PageContent): void {
  const date = z.looseObject({ created_at: instantSchema }).safeParse(element).data?.created_at ?? null;
  if (date !== null && (content.oldest === null || date < content.oldest)) content.oldest = date;
  const tag = tagSchema.safeParse(element);
  if (!tag.success) {
    content.leftOut.push(`a listed release is left out: ${describeIssues(tag.error)}`);
    return;
  }
  const { tag_name } = tag.data;
  // Other trains of the same repository are none of our business, whatever they look like.
  if (!tag_name.startsWith(reader.tagPrefix)) return;
  const release = releaseSchema.safeParse(element);
  if (!release.success) {
    // A draft has no date of publication.
    const isDraft = tag.data.draft === true;
    if (!isDraft) content.leftOut.push(`${printable(tag_name)} is left out: ${describeIssues(release.error)}`);
    return;
  }
  const { draft, prerelease, created_at, published_at, html_url, assets } = release.data;
  if (draft) return;
  content.releases.push({
    tag: tag_name,
    prerelease,
    createdAt: created_at ?? null,
    publishedAt: published_at,
    page: html_url ?? null,
    assetCount: assets.length,
    ...readAssets(assets.slice(0, MOST_ELEMENTS), reader),
  });
}

function readAssets(elements: readonly unknown[], reader: PageReader): Pick<KeptRelease, "assets" | "leftOut"> {
  const wanted = new Set([HASHES_ASSET, ...[...knownBinaryNames(reader.daemon).values()].flat()]);
  const assets: KeptAsset[] = [];
  const leftOut: string[] = [];
  for (const element of elements) {
    const name = z.looseObject({ name: z.string() }).safeParse(element).data?.name;
    if (name === undefined) leftOut.push("a file without a name is left out");
    else if (wanted.has(name)) {
      const asset = readAsset(element, reader);
      if (typeof asset === "string") leftOut.push(`its ${printable(name)} is left out: ${asset}`);
      else if (assets.length < MOST_KEPT_ASSETS) assets.push(asset);
    }
  }
  return { assets, leftOut: limited(leftOut) };
}

function readAsset(element: unknown, { allowHttp }: PageReader): KeptAsset | string {
  const parsed = assetSchema.safeParse(element);
  if (!parsed.success) return describeIssues(parsed.error);
  const { id, name, state, size, digest, browser_download_url, created_at } = parsed.data;
  const url = URL.parse(browser_download_url);
  if (url === null || !/^https?:$/.test(url.protocol)) return "its address is no URL of https";
  if (url.protocol === "http:" && !allowHttp) return "its address is plain http, which anybody on the way can change";
  return { id, name, state, size, digest: digest ?? null, url: url.href, createdAt: created_at };
}

function limited(reasons: string[]): string[] {
  const more = reasons.length - MOST_REASONS;
  return more <= 0 ? reasons : [...reasons.slice(0, MOST_REASONS), `and ${more} more are left out`];
}

/** What GitHub says in place of what was asked for. */
function messageOf(value: unknown): string {
  const message = z.looseObject({ message: z.string() }).safeParse(value).data?.message;
  return message === undefined ? "" : `; it says "${printable(message)}"`;
}
