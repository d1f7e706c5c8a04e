import { NymvisorError, reasonOf } from "../../model/errors.ts";
import { formatInstant, type Instant } from "../../model/instant.ts";
import { isListOf, type KeptRelease, type ReleaseList, type ReleaseListSubject } from "../../model/release-list.ts";
import { releasesOf } from "../../policy/github-releases.ts";
import { noteSeenBytes } from "../../policy/seen-bytes.ts";
import { GithubClient, type GithubOptions } from "./client.ts";
import { hashesAssets, readMissingHashes } from "./hashes.ts";
import { askForListing } from "./listing.ts";
import { isWaiting } from "./rate-limit.ts";

export interface AskGithubOptions extends Omit<GithubOptions, "subject">, ReleaseListSubject {
  /** What was kept; one of another subject is not used. Null: nothing. */
  kept: ReleaseList | null;
  /** Of this machine, as Rust or the runtime calls it: whose bytes are watched for changes. */
  architecture: string;
}

/**
 * What came of a question. The list is to be kept whatever the outcome: it also holds when GitHub was asked, and when it
 * may be asked again.
 */
export type GithubAnswer = {
  list: ReleaseList;
  /** To be said once each. What is wrong with releases of the list is for `releasesOf` to say. */
  warnings: string[];
  /** Whether the token was refused, and had better not be given again. */
  tokenRefused: boolean;
} & (
  | { outcome: "answered" | "not-modified" }
  /** Nothing was sent: GitHub wants to be left alone until `list.waitUntil`. */
  | { outcome: "waiting" }
  /** No whole and valid listing came; the one in the list is that of before, if there was one. */
  | { outcome: "failed"; failure: NymvisorError }
);

/**
 * Asks GitHub for the list of releases, each page only if it has changed, and gets each new hashes.json.
 * @throws the signal's reason, and nothing else.
 */
export async function askGithub(options: AskGithubOptions): Promise<GithubAnswer> {
  const { now, daemon, architecture } = options;
  const before = startingPoint(options);
  const client = new GithubClient({ ...options, subject: before.of });
  const told = (list: ReleaseList, warnings: string[]) => ({ list, ...aboutToken(client, warnings) });
  if (isWaiting(before.waitUntil, now)) return { outcome: "waiting", ...told(before, []) };
  const asked = { ...before, askedAt: now };
  try {
    const { pages, modified, warnings } = await askForListing(client, before.pages, before.of);
    const releases = newestFirst(pages.flatMap((page) => page.releases));
    const found = await readMissingHashes(client, releases, before.hashes, daemon);
    const listed = new Set(releases.flatMap(hashesAssets).map(({ asset }) => asset.id));
    const hashes = [...before.hashes, ...found.read].filter(({ asset }) => listed.has(asset));
    const list = { ...asked, answeredAt: now, waitUntil: client.waitUntil, pages, hashes };
    const seen = noteSeenBytes(before.seen, releasesOf(list, { daemon, architecture }).releases, now);
    const outcome = modified || found.read.length > 0 ? "answered" : "not-modified";
    return { outcome, ...told({ ...list, seen }, [...warnings, ...found.warnings]) };
  } catch (error) {
    if (options.signal.aborted || !(error instanceof NymvisorError)) throw error;
    const list = { ...asked, waitUntil: client.waitUntil };
    return { outcome: "failed", failure: explain(error, list, now, options.token !== null), ...told(list, []) };
  }
}

/** What is known before anything is asked. */
export function startingPoint({ kept, now, apiUrl, repository, tagPrefix, daemon }: AskGithubOptions): ReleaseList {
  const of = { apiUrl, repository, tagPrefix, daemon };
  if (kept !== null && isListOf(kept, of)) return kept;
  // The wait is the API's, whatever is asked of it.
  const waitUntil = kept?.of.apiUrl === apiUrl ? kept.waitUntil : null;
  return { format: 1, of, askedAt: now, answeredAt: null, waitUntil, pages: [], hashes: [], seen: [] };
}

/** What there is to say about the token. */
export function aboutToken(client: GithubClient, warnings: string[]) {
  const { tokenObjection } = client;
  if (tokenObjection === null) return { warnings, tokenRefused: false };
  const warning = `the GitHub token is of no use, and GitHub is asked without one: ${tokenObjection}`;
  return { warnings: [warning, ...warnings], tokenRefused: true };
}

function explain(error: NymvisorError, list: ReleaseList, now: Instant, hasToken: boolean): NymvisorError {
  if (!isWaiting(list.waitUntil, now)) return error;
  return new NymvisorError({
    what: `GitHub is not asked again before ${formatInstant(list.waitUntil)}`,
    why: `it has been asked too often, by this node or others at its address: ${reasonOf(error)}`,
    ...(hasToken ? {} : { next: "a token raises the limit: NYMVISOR_GITHUB_TOKEN, or github.token_file" }),
    cause: error,
  });
}

function newestFirst(releases: readonly KeptRelease[]): KeptRelease[] {
  return releases.toSorted((left, right) => Number(right.publishedAt - left.publishedAt));
}
