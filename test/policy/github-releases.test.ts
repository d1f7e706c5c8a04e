import { describe, expect, test } from "bun:test";
import { parseInstant } from "../../src/model/instant.ts";
import type { KeptAsset, KeptHashes, KeptRelease, ReleaseList } from "../../src/model/release-list.ts";
import { binaryNames } from "../../src/policy/asset-names.ts";
import { releasesOf } from "../../src/policy/github-releases.ts";
import { noteSeenBytes } from "../../src/policy/seen-bytes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON } from "../support/upgrades.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const TAG = "nym-binaries-v2025.13-emmental";

function asset(more: Partial<KeptAsset> = {}): KeptAsset {
  const url = "https://github.com/nym-node";
  return { id: 1, name: "nym-node", state: "uploaded", size: 10, digest: `sha256:${A}`, url, createdAt: NOON, ...more };
}

function release(more: Partial<KeptRelease> = {}): KeptRelease {
  const { assets = [asset()] } = more;
  return {
    tag: TAG,
    prerelease: false,
    createdAt: NOON,
    publishedAt: NOON,
    page: null,
    assetCount: assets.length,
    leftOut: [],
    ...more,
    assets,
  };
}

function list(releases: KeptRelease[], more: Partial<ReleaseList> = {}): ReleaseList {
  return {
    format: 1,
    of: {
      apiUrl: "https://api.github.com",
      repository: "nymtech/nym",
      tagPrefix: "nym-binaries-v",
      daemon: "nym-node",
    },
    askedAt: NOON,
    answeredAt: NOON,
    waitUntil: null,
    pages: [{ url: "https://api.github.com/1", etag: null, next: null, releases, leftOut: [] }],
    hashes: [],
    seen: [],
    ...more,
  };
}

function read(kept: ReleaseList, architecture = "x86_64") {
  return releasesOf(kept, { daemon: "nym-node", architecture });
}

/** What becomes of one release. */
function readOne(listed: KeptRelease, more: Partial<ReleaseList> = {}) {
  const { releases, warnings } = read(list([listed], more));
  const [only] = releases;
  if (only === undefined || releases.length > 1) throw new Error(`there are ${releases.length} releases`);
  return { ...only, warnings };
}

describe("the binary for a machine", () => {
  const gnu = "nym-node-x86_64-unknown-linux-gnu";
  const named = [
    ["x86_64", ["nym-node"], "nym-node"],
    ["x64", ["nym-node"], "nym-node"],
    ["x86_64", [gnu, "nym-node"], "nym-node"],
    ["x86_64", ["nym-node-linux-amd64", gnu], gnu],
    ["x86_64", ["nym-node-linux-x64"], "nym-node-linux-x64"],
    ["x86_64", ["nym-node-x86_64-unknown-linux-musl"], "nym-node-x86_64-unknown-linux-musl"],
    ["aarch64", ["nym-node", "nym-node-linux-arm64"], "nym-node-linux-arm64"],
    ["arm64", ["nym-node-aarch64-unknown-linux-gnu"], "nym-node-aarch64-unknown-linux-gnu"],
    ["aarch64", ["nym-node-arm64-unknown-linux-musl"], "nym-node-arm64-unknown-linux-musl"],
    ["riscv64", ["nym-node-linux-riscv64"], "nym-node-linux-riscv64"],
  ] as const;
  test.each(named)("of %s among %j is %s", (architecture, names, chosen) => {
    const assets = names.map((name, id) => asset({ id, name, url: `https://github.com/${name}` }));
    const [only] = read(list([release({ assets })]), architecture).releases;
    expect(only?.binary).toMatchObject({ url: `https://github.com/${chosen}` });
  });

  test("is never the bare one for another machine", () => {
    const [only] = read(list([release()]), "aarch64").releases;
    expect(only?.binary).toEqual({ missing: "it has no nym-node for aarch64, only for x86_64" });
  });

  test.each([
    [{ assets: [], assetCount: 0 }, "it has no files yet"],
    [{ assets: [], assetCount: 3 }, "it has no nym-node for x86_64"],
    [{ assets: [asset({ state: "starter" })] }, "its nym-node has not arrived yet"],
    [{ assets: [asset({ size: 0 })] }, "its nym-node is empty (0 bytes)"],
    [
      { assets: [], assetCount: 1, leftOut: ["its nym-node is left out: id: …"] },
      "it has no nym-node for x86_64: its nym-node is left out: id: …",
    ],
  ])("is missing, and it is said why: %#", (more, missing) => {
    expect(readOne(release(more)).binary).toEqual({ missing });
  });

  test("is another one where the first has not arrived", () => {
    const assets = [asset({ state: "new" }), asset({ id: 2, name: gnu, url: "https://github.com/gnu" })];
    expect(readOne(release({ assets })).binary).toMatchObject({ url: "https://github.com/gnu" });
  });

  test("has no name that another machine's has", () => {
    const names = [...binaryNames("nym-node", "x86_64"), ...binaryNames("nym-node", "aarch64")];
    expect(new Set(names).size).toBe(names.length);
  });

  test("that is listed twice is one, unless the two differ", () => {
    expect(readOne(release({ assets: [asset(), asset()] })).objection).toBeNull();
    expect(readOne(release({ assets: [asset(), asset({ digest: `sha256:${B}` })] })).objection).toBe(
      "different files are listed as its nym-node",
    );
  });
});

describe("the checksum", () => {
  const hashes = asset({ id: 7, name: "hashes.json", digest: null });
  const details = sampleBuildInfo({ version: "1.15.0" });

  function kept(sha256: string, more: object = {}): KeptHashes {
    return { asset: 7, state: "read", binaries: [{ name: "nym-node", sha256, details, ...more }] };
  }

  function withBoth(digest: string | null, content: KeptHashes[]) {
    return readOne(release({ assets: [asset({ digest }), hashes] }), { hashes: content });
  }

  test("is GitHub's digest", () => {
    expect(readOne(release())).toMatchObject({ binary: { sha256: A }, details: null, objection: null, warnings: [] });
    expect(readOne(release({ assets: [asset({ digest: `SHA256:${A.toUpperCase()}` })] }))).toMatchObject({
      binary: { sha256: A },
    });
  });

  test("is that of the hashes.json where GitHub gives none", () => {
    expect(withBoth(null, [kept(A)])).toMatchObject({ binary: { sha256: A }, details, objection: null, warnings: [] });
  });

  test("is both where both are there and agree", () => {
    expect(withBoth(`sha256:${A}`, [kept(A)])).toMatchObject({ binary: { sha256: A }, details, objection: null });
  });

  test("is refused where they disagree, and nothing of the hashes.json counts", () => {
    expect(withBoth(`sha256:${A}`, [kept(B)])).toMatchObject({
      binary: { sha256: A },
      details: null,
      objection: `GitHub's digest of its nym-node is ${A}, and its hashes.json says ${B}`,
    });
  });

  test("is missing where neither is there", () => {
    const missing = { missing: "neither GitHub nor a hashes.json names a usable sha256 of its nym-node" };
    expect(withBoth(null, [])).toMatchObject({ binary: { sha256: missing }, objection: null, warnings: [] });
  });

  test.each(["", A, `sha256:${A}0`, `sha512:${A}`, `sha256: ${A}`, "sha256:\n"])(
    "is missing where it is %j",
    (digest) => {
      const { binary, warnings } = readOne(release({ assets: [asset({ digest })] }));
      expect(binary).toHaveProperty("sha256.missing");
      expect(warnings).toEqual([
        expect.stringMatching(/^nym-binaries-v2025\.13-emmental: the digest of its nym-node counts as none: "/),
      ]);
    },
  );

  test.each([
    [{ asset: 7, state: "unreadable", reason: "it is empty" } as const, "it is empty"],
    [{ asset: 7, state: "read", binaries: [] } as const, "it names no usable sha256 of nym-node"],
  ])("of a hashes.json that does not say it counts as not there: %#", (content, reason) => {
    const { binary, objection, warnings } = withBoth(`sha256:${A}`, [content as KeptHashes]);
    expect({ binary, objection }).toMatchObject({ binary: { sha256: A }, objection: null });
    expect(warnings).toEqual([`${TAG}: its hashes.json counts as not there: ${reason}`]);
  });

  test("of a hashes.json that contradicts itself is refused", () => {
    const content: KeptHashes = { asset: 7, state: "contradictory", reason: "it names two" };
    expect(withBoth(`sha256:${A}`, [content]).objection).toBe("its hashes.json contradicts itself: it names two");
  });

  test("of a hashes.json that was uploaded again is not that of the former", () => {
    expect(withBoth(null, [{ ...kept(A), asset: 6 }]).binary).toHaveProperty("sha256.missing");
  });

  test("of a hashes.json that has not arrived is none", () => {
    const assets = [asset({ digest: null }), { ...hashes, state: "starter" }];
    expect(readOne(release({ assets }), { hashes: [kept(A)] }).binary).toHaveProperty("sha256.missing");
  });

  test("counts where the build is said to be of another daemon, but the build does not", () => {
    const read = withBoth(null, [kept(A, { details: { ...details, binary_name: "nym-api" } })]);
    expect(read).toMatchObject({ binary: { sha256: A }, details: null, objection: null });
    expect(read.warnings).toEqual([expect.stringContaining("it is of nym-api")]);
  });
});

describe("a list", () => {
  test("is read from the newest to the oldest, by publication and not by commit", () => {
    const dates = { a: "2026-01-02T00:00:00Z", b: "2026-01-03T00:00:00Z", c: "2026-01-01T00:00:00Z" };
    const releases = Object.entries(dates).map(([name, date]) =>
      release({ tag: `nym-binaries-v${name}`, publishedAt: parseInstant(date) }),
    );
    expect(read(list(releases)).releases.map(({ name }) => name)).toEqual([
      "nym-binaries-vb",
      "nym-binaries-va",
      "nym-binaries-vc",
    ]);
  });

  test("has a release that was pushed to the next page once", () => {
    expect(readOne(release()).objection).toBeNull();
    const { releases } = read(list([release(), release()]));
    expect(releases).toMatchObject([{ name: TAG, objection: null }]);
  });

  test("refuses releases of one name that differ", () => {
    const { releases } = read(list([release(), release({ assets: [asset({ id: 2 })] }), release({ tag: "other" })]));
    expect(releases).toMatchObject([
      { name: TAG, objection: "different releases are listed under its name" },
      { name: "other", objection: null },
    ]);
  });

  test("says what was left out of it", () => {
    const kept = list([release({ leftOut: ["its nym-node is left out: size: …"] })]);
    kept.pages[0]?.leftOut.push("a listed release is left out: …");
    expect(read(kept).warnings).toEqual([
      "a listed release is left out: …",
      `${TAG}: its nym-node is left out: size: …`,
    ]);
  });

  test.each(["genesis", "current", ".hidden", "a/b", "a\nb", "", "x".repeat(200)])("refuses the name %j", (tag) => {
    const { objection, name } = readOne(release({ tag }));
    expect(objection).toStartWith("its name cannot be used: ");
    expect(name).not.toContain("\n");
  });
});

describe("bytes that were seen", () => {
  const bytes = (sha256: string | null) => {
    const digest = sha256 === null ? null : `sha256:${sha256}`;
    return read(list([release({ assets: [asset({ digest })] })])).releases;
  };

  test("for the first time are no change", () => {
    expect(noteSeenBytes([], bytes(A), NOON)).toEqual([{ tag: TAG, sha256: A, changedAt: null }]);
  });

  test("before are none either, and what changed before stays", () => {
    const seen = [{ tag: TAG, sha256: A, changedAt: NOON - 5n }];
    expect(noteSeenBytes(seen, bytes(A), NOON)).toEqual(seen);
  });

  test("not before are a change, each time, back and forth", () => {
    const seen = [{ tag: TAG, sha256: B, changedAt: null }];
    const changed = noteSeenBytes(seen, bytes(A), NOON);
    expect(changed).toEqual([{ tag: TAG, sha256: A, changedAt: NOON }]);
    expect(noteSeenBytes(changed, bytes(B), NOON + 1n)).toEqual([{ tag: TAG, sha256: B, changedAt: NOON + 1n }]);
  });

  test("are kept while nothing tells what the bytes are", () => {
    const seen = [{ tag: TAG, sha256: A, changedAt: null }];
    expect(noteSeenBytes(seen, bytes(null), NOON)).toEqual(seen);
    expect(noteSeenBytes(seen, [], NOON)).toEqual(seen);
  });

  test("of releases that are gone do not pile up", () => {
    const gone = Array.from({ length: 1000 }, (_, at) => ({ tag: `${at}`, sha256: A, changedAt: null }));
    const seen = noteSeenBytes(gone, bytes(A), NOON);
    expect(seen).toHaveLength(201);
    expect(noteSeenBytes(seen, bytes(A), NOON)).toEqual(seen);
  });
});
