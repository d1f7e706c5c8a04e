import { NymvisorError, reasonOf } from "../../model/errors.ts";
import type { KeptPage, KeptRelease, ReleaseList } from "../../model/release-list.ts";
import type { Release } from "../../model/releases.ts";
import { releasesOf } from "../../policy/github-releases.ts";
import { noteSeenBytes } from "../../policy/seen-bytes.ts";
import { type AskGithubOptions, aboutToken, startingPoint } from "./ask.ts";
import { GithubClient } from "./client.ts";
import { readMissingHashes } from "./hashes.ts";
import { isWaiting } from "./rate-limit.ts";
import { type PageContent, readPage } from "./read-page.ts";

export interface ConfirmGithubOptions extends AskGithubOptions {
  kept: ReleaseList;
  /** The tag of the release. */
  name: string;
}

/** Whether a release still is what it was when the list was asked for. The list is to be kept, whatever the outcome. */
export type GithubConfirmation = { list: ReleaseList; warnings: string[]; tokenRefused: boolean } & (
  | { outcome: "unchanged" }
  /** It is another one now, or gone: to be decided anew, by the list. */
  | { outcome: "changed" }
  | { outcome: "no-answer"; reason: string }
);

/**
 * One conditional question, just before a release is performed: whether it is still listed, and as it was. Only that
 * release is brought up to date; its page is read whole by the next listing.
 * @throws the signal's reason, and nothing else.
 */
export async function confirmGithub(options: ConfirmGithubOptions): Promise<GithubConfirmation> {
  const { name, now, daemon, architecture } = options;
  const before = startingPoint(options);
  const client = new GithubClient({ ...options, subject: before.of });
  const told = (list: ReleaseList, warnings: string[] = []) => ({ list, ...aboutToken(client, warnings) });
  const noAnswer = (list: ReleaseList, reason: string) => ({ outcome: "no-answer" as const, reason, ...told(list) });
  const page = before.pages.find(({ releases }) => releases.some(({ tag }) => tag === name));
  if (page === undefined) return noAnswer(before, "it is on no page of the list that is kept");
  if (isWaiting(before.waitUntil, now)) return noAnswer(before, "GitHub wants to be left alone for the time being");
  try {
    const answer = await client.page(page.url, page.etag);
    const asked = { ...before, waitUntil: client.waitUntil };
    if (!answer.modified) return { outcome: "unchanged", ...told(asked) };
    const content = readPage(answer.value, { ...before.of, allowHttp: client.allowHttp });
    if (typeof content === "string") return noAnswer(asked, content);
    const listed = content.releases.filter(({ tag }) => tag === name);
    if (listed.length === 0 && mayHaveMoved(page, content, name)) {
      return noAnswer(asked, "newer releases may have moved it to another page");
    }
    const pages = before.pages.map((other) => (other === page ? replaceRelease(page, name, listed) : other));
    const found = await readMissingHashes(client, listed, before.hashes, daemon);
    const list = { ...asked, pages, hashes: [...before.hashes, ...found.read] };
    const machine = { daemon, architecture };
    const { releases } = releasesOf(list, machine);
    const isNamed = (release: Release) => release.name === name;
    if (Bun.deepEquals(releasesOf(before, machine).releases.find(isNamed), releases.find(isNamed), true)) {
      return { outcome: "unchanged", ...told(asked, found.warnings) };
    }
    return {
      outcome: "changed",
      ...told({ ...list, seen: noteSeenBytes(before.seen, releases, now) }, found.warnings),
    };
  } catch (error) {
    if (options.signal.aborted || !(error instanceof NymvisorError)) throw error;
    return noAnswer({ ...before, waitUntil: client.waitUntil }, reasonOf(error));
  }
}

/** Whether the page may have been cut before it: the list is ordered by the dates of commits, the newest first. */
function mayHaveMoved(page: KeptPage, content: PageContent, name: string): boolean {
  const date = page.releases.find(({ tag }) => tag === name)?.createdAt ?? null;
  return page.next !== null && (date === null || content.oldest === null || date <= content.oldest);
}

/** The page with that release as it is now; without an ETag, as it is neither the old page nor the new one. */
function replaceRelease(page: KeptPage, name: string, listed: readonly KeptRelease[]): KeptPage {
  const at = page.releases.findIndex(({ tag }) => tag === name);
  const others = page.releases.filter(({ tag }) => tag !== name);
  return { ...page, etag: null, releases: others.toSpliced(at, 0, ...listed) };
}
