import { reasonOf } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { HASHES_ASSET, type KeptAsset, type KeptHashes, type KeptRelease } from "../../model/release-list.ts";
import { HttpError, type HttpPhase } from "../http-error.ts";
import type { GithubClient } from "./client.ts";
import { keptHashes } from "./read-hashes.ts";

/** The promised limits of one go; what is left is got at the next. */
const MOST_FILES = 100;
const AT_ONCE = 4;
/** After this long no other file is begun: the answer itself is there and waited for. */
const LONGEST_GO_MS = 60_000;

/** The promised limit of one file; real ones have some dozens of kibibytes. */
const LONGEST_HASHES = 1 << 20;
const FILE_LIMIT_MS = 30_000;

/** Failures that are the file's own: it is not asked for again. Any other is of the way there, and may be over soon. */
const FINAL: ReadonlySet<HttpPhase> = new Set(["size", "content"]);

export interface FoundHashes {
  /** What was read in this go. */
  read: KeptHashes[];
  /** Why others could not be got. */
  warnings: string[];
}

interface Wanted {
  tag: string;
  asset: KeptAsset;
}

/**
 * Gets each hashes.json of these releases that is not kept yet, in their order.
 * @throws the signal's reason.
 */
export async function readMissingHashes(
  client: GithubClient,
  releases: readonly KeptRelease[],
  kept: readonly KeptHashes[],
  daemon: string,
): Promise<FoundHashes> {
  const known = new Set(kept.map(({ asset }) => asset));
  const missing = releases.flatMap(hashesAssets).filter(({ asset }) => !known.has(asset.id));
  const queue = [...new Map(missing.map((wanted) => [wanted.asset.id, wanted])).values()].slice(0, MOST_FILES);
  const found: FoundHashes = { read: [], warnings: [] };
  const end = performance.now() + LONGEST_GO_MS;
  const work = async () => {
    for (let next = queue.shift(); next !== undefined && performance.now() < end; next = queue.shift()) {
      const result = await readOne(client, next, daemon);
      if (typeof result === "string") found.warnings.push(result);
      else found.read.push(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

/** Those that {@link readMissingHashes} looks for; GitHub has one in a release. */
export function hashesAssets({ tag, assets }: KeptRelease): Wanted[] {
  return assets
    .filter(({ name, state }) => name === HASHES_ASSET && state === "uploaded")
    .map((asset) => ({ tag, asset }));
}

/** @returns why it could not be got, as a string. @throws the signal's reason. */
async function readOne(client: GithubClient, { tag, asset }: Wanted, daemon: string): Promise<KeptHashes | string> {
  try {
    const value = await client.document(asset.url, { maxBytes: LONGEST_HASHES, deadline: FILE_LIMIT_MS });
    return keptHashes(asset.id, value, tag, daemon);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (FINAL.has(error.phase)) return { asset: asset.id, state: "unreadable", reason: error.why ?? error.what };
    return `${printable(tag)}: its ${HASHES_ASSET} counts as not there until it can be got: ${reasonOf(error)}`;
  }
}
