import { NymvisorError } from "../../model/errors.ts";
import type { KeptPage, ReleaseListSubject } from "../../model/release-list.ts";
import { displayUrl } from "../http-error.ts";
import type { GithubClient } from "./client.ts";
import { nextPage } from "./link.ts";
import { readPage } from "./read-page.ts";

/** The promised limit: a thousand releases of all trains. */
const MOST_PAGES = 10;

export interface Listing {
  pages: KeptPage[];
  /** Whether any page reads otherwise than the kept one. */
  modified: boolean;
  warnings: string[];
}

/**
 * Asks for all pages of the list, each only if it has changed. Where one leads to is no reason to distrust the others, but
 * one that has no valid answer makes the whole listing none: it would look as if releases had been withdrawn.
 * @throws {NymvisorError} what is wrong with the first page that was not answered. @throws the signal's reason.
 */
export async function askForListing(
  client: GithubClient,
  kept: readonly KeptPage[],
  { tagPrefix, daemon, apiUrl }: ReleaseListSubject,
): Promise<Listing> {
  const known = new Map(kept.map((page) => [page.url, page]));
  const reader = { tagPrefix, daemon, allowHttp: client.allowHttp };
  const pages: KeptPage[] = [];
  let modified = false;
  for (let url: string | null = client.firstPage; url !== null; ) {
    const page = await askForPage(client, url, known.get(url), reader);
    modified ||= page !== known.get(url);
    pages.push(page);
    const stop = page.next === null ? undefined : objectionToNext(page.next, pages, apiUrl);
    if (stop !== undefined) {
      // What it leads to is no part of its ETag: asked conditionally it would lead there for as long as it is the same.
      pages.splice(-1, 1, { ...page, etag: null });
      return { pages, modified, warnings: [`the list of releases ends early: ${stop}`] };
    }
    url = page.next;
  }
  return { pages, modified: modified || pages.length !== known.size, warnings: [] };
}

/** A page as it is now: the kept one itself if it has not changed. @throws {NymvisorError} */
async function askForPage(
  client: GithubClient,
  url: string,
  known: KeptPage | undefined,
  reader: Parameters<typeof readPage>[1],
): Promise<KeptPage> {
  const answer = await client.page(url, known?.etag ?? null);
  if (!answer.modified && known !== undefined) return known;
  const content = answer.modified ? readPage(answer.value, reader) : "it has not changed (304), which was not asked";
  if (typeof content === "string") {
    throw new NymvisorError({
      what: `${displayUrl(url)} is not a page of GitHub's list of releases`,
      why: content,
      next: "check github.api_url and github.repository in the configuration",
    });
  }
  const { releases, leftOut } = content;
  // RFC 9110 section 8.8.3; what is none would only make the next question fail.
  const [etag] = /^(?:W\/)?"[\x21\x23-\x7e]*"$/.exec(answer.headers.get("etag") ?? "") ?? [null];
  return { url, etag, next: nextPage(answer.headers.get("link"), url), releases, leftOut };
}

function objectionToNext(next: string, pages: readonly KeptPage[], apiUrl: string): string | undefined {
  const page = `page ${pages.length}`;
  if (URL.parse(next)?.origin !== URL.parse(apiUrl)?.origin) {
    return `${page} leads to another place than ${displayUrl(apiUrl)}: ${displayUrl(next)}`;
  }
  if (pages.some(({ url }) => url === next)) return `${page} leads back to one that was read before`;
  if (pages.length === MOST_PAGES) return `it goes on after ${MOST_PAGES} pages, the most that are read`;
  return undefined;
}
