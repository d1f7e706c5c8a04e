import { describe, expect, test } from "bun:test";
import type { Release, RunningBuild } from "../../src/model/releases.ts";
import { findRunning } from "../../src/policy/find-running.ts";
import type { Known } from "../../src/policy/release-policy.ts";
import { build, bytes, day, release, running } from "./train.ts";

/** `name by`, or `unknown`. */
function found(releases: readonly Release[], runs: RunningBuild, builds: Known["builds"] = new Map()): string {
  const result = findRunning(releases, { running: runs, builds });
  return "unknown" in result ? "unknown" : `${result.name} by ${result.by}`;
}

const COMMIT = { commit_sha: "c0ffee" };
const OWN = running("genesis", { sha256: bytes("my own"), build: build("1.2.0", COMMIT) });

describe("what runs is found", () => {
  test("by its bytes before anything else", () => {
    const releases = [
      release("same commit", { on: 2, details: build("1.2.0", COMMIT) }),
      release("same bytes", { on: 1, bytes: "my own", version: "1.3.0" }),
    ];
    expect(found(releases, OWN)).toBe("same bytes by bytes");
  });

  test("by its commit before its version", () => {
    const releases = [
      release("same version", { on: 2, version: "1.2.0" }),
      release("same commit", { on: 1, details: build("1.2.0", COMMIT) }),
    ];
    expect(found(releases, OWN)).toBe("same commit by commit");
  });

  test("by its version before the record", () => {
    const releases = [
      release("genesis", { on: 2, version: "1.1.0" }),
      release("same version", { on: 1, version: "1.2.0" }),
    ];
    expect(found(releases, OWN)).toBe("same version by version");
  });

  test("by what a binary said of itself, though its source says nothing", () => {
    const releases = [release("asked", { on: 1, version: null, bytes: "asked" })];
    expect(found(releases, OWN, new Map([[bytes("asked"), build("1.2.0")]]))).toBe("asked by version");
  });

  test.each(["", "unknown"])("not by a commit that is %p", (commit_sha) => {
    const runs = { ...OWN, build: build("1.2.0", { commit_sha }) };
    expect(found([release("r", { on: 1, details: build("1.3.0", { commit_sha }) })], runs)).toBe("unknown");
  });

  test("not by bytes that nobody has read", () => {
    const releases = [release("r", { on: 1, bytes: null, version: "1.3.0" })];
    expect(found(releases, { ...OWN, sha256: null })).toBe("unknown");
  });

  test("as the newest of several", () => {
    const twice = ["new", "old"].map((name, index) =>
      release(name, { on: 2 - index, bytes: "my own", version: "1.3.0" }),
    );
    expect(found(twice, OWN)).toBe("new by bytes");
  });
});

describe("a release of the running version that was built from a later commit", () => {
  const later = build("1.2.0", { commit_timestamp: "2026-02-01T00:00:00+01:00" });

  test("is not what runs", () => {
    const releases = [release("later", { on: 2, details: later }), release("same", { on: 1, version: "1.2.0" })];
    expect(found(releases, OWN)).toBe("same by version");
  });

  test("has what runs just before it, where nothing else tells what runs", () => {
    const releases = [release("later", { on: 2, details: later }), release("first", { on: 1, details: later })];
    expect(findRunning(releases, { running: OWN, builds: new Map() })).toEqual({
      name: "genesis",
      by: "version",
      publishedAt: day(1) - 1n,
      release: null,
    });
  });

  test("does not outweigh the record", () => {
    const runs = { ...OWN, publishedAt: day(3) };
    expect(found([release("later", { on: 2, details: later })], runs)).toBe("genesis by record");
  });

  test("is taken for what runs where a date cannot be read", () => {
    const runs = { ...OWN, build: build("1.2.0", { ...COMMIT, commit_timestamp: "last week" }) };
    expect(found([release("later", { on: 2, details: later })], runs)).toBe("later by version");
  });
});

describe("by the record", () => {
  test("what runs is no earlier in the train than it says, unless the bytes are known", () => {
    const runs = { ...OWN, publishedAt: day(5) };
    const rebuilt = release("rebuilt", { on: 2, version: "1.2.0" });
    expect(findRunning([rebuilt], { running: runs, builds: new Map() })).toMatchObject({
      by: "version",
      publishedAt: day(5),
    });
    const same = release("same", { on: 2, bytes: "my own" });
    expect(findRunning([same], { running: runs, builds: new Map() })).toMatchObject({
      by: "bytes",
      publishedAt: day(2),
    });
  });

  test("the date counts, though the release has left the list", () => {
    const result = findRunning([release("r", { on: 1 })], {
      running: { ...OWN, publishedAt: day(5) },
      builds: new Map(),
    });
    expect(result).toEqual({ name: "genesis", by: "record", publishedAt: day(5), release: null });
  });

  test("a release of that name counts where there is no date", () => {
    const named = release("genesis", { on: 4, version: "1.1.0" });
    expect(findRunning([named], { running: OWN, builds: new Map() })).toEqual({
      name: "genesis",
      by: "record",
      publishedAt: day(4),
      release: named,
    });
  });

  test("the date outlasts a publication anew under that name", () => {
    const again = release("genesis", { on: 9, version: "1.1.0" });
    const result = findRunning([again], { running: { ...OWN, publishedAt: day(4) }, builds: new Map() });
    expect(result).toMatchObject({ by: "record", publishedAt: day(4) });
  });
});

test("without any of these it is unknown, and the reason names the version that runs", () => {
  const result = findRunning([release("r", { on: 1, version: "1.3.0" })], { running: OWN, builds: new Map() });
  expect(result).toEqual({ unknown: expect.stringContaining("1.2.0") });
});
