import { expect, test } from "bun:test";
import { encodeDocument } from "../../src/model/documents.ts";
import { isListOf, type ReleaseList, releaseListSchema } from "../../src/model/release-list.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON } from "../support/upgrades.ts";

const list: ReleaseList = {
  format: 1,
  of: { apiUrl: "https://api.github.com", repository: "nymtech/nym", tagPrefix: "nym-binaries-v", daemon: "nym-node" },
  askedAt: NOON + 1n,
  answeredAt: NOON,
  waitUntil: null,
  pages: [
    {
      url: "https://api.github.com/repos/nymtech/nym/releases?per_page=100",
      etag: 'W/"abc"',
      next: null,
      leftOut: ["a listed release is left out: tag_name: …"],
      releases: [
        {
          tag: "nym-binaries-v1",
          prerelease: false,
          createdAt: null,
          publishedAt: NOON,
          page: null,
          assetCount: 1,
          assets: [
            {
              id: 1,
              name: "nym-node",
              state: "uploaded",
              size: 1,
              digest: null,
              url: "https://h/nym-node",
              createdAt: NOON,
            },
          ],
          leftOut: [],
        },
      ],
    },
  ],
  hashes: [
    {
      asset: 2,
      state: "read",
      binaries: [{ name: "nym-node", sha256: "a".repeat(64), details: sampleBuildInfo({ version: "1.0.0" }) }],
    },
    { asset: 3, state: "unreadable", reason: "it is empty" },
    { asset: 4, state: "contradictory", reason: "it names two" },
  ],
  seen: [{ tag: "__proto__", sha256: "a".repeat(64), changedAt: NOON }],
};

test("a kept list is read as it was written", () => {
  expect(releaseListSchema.parse(JSON.parse(encodeDocument(releaseListSchema, list)))).toEqual(list);
});

test("one of another form is none", () => {
  const document = JSON.parse(encodeDocument(releaseListSchema, list));
  expect(releaseListSchema.safeParse({ ...document, format: 2 }).success).toBe(false);
});

test.each(["apiUrl", "repository", "tagPrefix", "daemon"] as const)(
  "one with another %s is of something else",
  (key) => {
    expect(isListOf(list, { ...list.of })).toBe(true);
    expect(isListOf(list, { ...list.of, [key]: "another" })).toBe(false);
  },
);
