import { encodeDocument } from "../../src/model/documents.ts";
import { type ReleaseList, releaseListSchema } from "../../src/model/release-list.ts";
import type { AskGithubOptions } from "../../src/upstream/github/ask.ts";
import { NOON } from "./upgrades.ts";

const never = new AbortController().signal;

/** A question at noon for nym-node on x86_64, without a token and with nothing kept. */
export function githubQuestion(apiUrl: string, more: Partial<AskGithubOptions> = {}): AskGithubOptions {
  return {
    kept: null,
    apiUrl,
    repository: "nymtech/nym",
    tagPrefix: "nym-binaries-v",
    daemon: "nym-node",
    architecture: "x86_64",
    token: null,
    now: NOON,
    environment: {},
    signal: never,
    ...more,
  };
}

/** The list as it is after a restart. */
export function keptList(list: ReleaseList): ReleaseList {
  return releaseListSchema.parse(JSON.parse(encodeDocument(releaseListSchema, list)));
}
