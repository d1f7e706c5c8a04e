import { describe, expect, test } from "bun:test";
import { readHashes } from "../../../src/upstream/github/read-hashes.ts";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";

const TAG = "nym-binaries-v2025.13-emmental";
const A = "a".repeat(64);
const B = "b".repeat(64);
const info = sampleBuildInfo({ version: "1.15.0" });

function component(assets: unknown, more: object = {}) {
  return {
    id: 1,
    name: TAG,
    tag_name: TAG,
    componentName: "nym-binaries",
    componentVersion: "v2025.13",
    assets,
    ...more,
  };
}

function read(value: unknown) {
  return readHashes(value, TAG, "nym-node");
}

const binary = { name: "nym-node", sha256: A, details: null };

describe("the forms of a hashes.json", () => {
  const one = component({ "nym-node": { sha256: A, downloadUrl: "https://h/nym-node" } });
  const other = component({ "nym-wallet.dmg": { sha256: B } }, { componentName: "nym-wallet" });
  test.each([
    ["a component", one],
    ["a list of them", [other, one]],
    ["a map of them", { "nym-wallet": other, "nym-binaries": one }],
    ["with something else among them", [null, 5, "text", [], one]],
    ["without the tag", component({ "nym-node": { sha256: A } }, { tag_name: undefined })],
    ["with its component twice", [one, one]],
  ])("(%s) are all read", (_, value) => {
    expect(read(value)).toEqual({ state: "read", binaries: [binary] });
  });

  test("are read with what the file says of its build", () => {
    const details = { ...info, cargo_features: "more" };
    expect(read(component({ "nym-node": { sha256: A.toUpperCase(), details } }))).toEqual({
      state: "read",
      binaries: [{ ...binary, details: info }],
    });
  });

  test.each([
    ["not there", undefined],
    ["null", null],
    ["half there", { build_version: "1.15.0" }],
    ["of kilobytes", { ...info, commit_branch: "x".repeat(2000) }],
  ])("are read without it where that is %s", (_, details) => {
    expect(read(component({ "nym-node": { sha256: A, details } }))).toEqual({ state: "read", binaries: [binary] });
  });

  test("name the binaries of all machines, and nothing else is kept", () => {
    const assets = {
      "nym-node-aarch64-unknown-linux-gnu": { sha256: B },
      "nym-node": { sha256: A },
      "nym-api": { sha256: B },
    };
    expect(read(component(assets))).toMatchObject({
      binaries: [{ name: "nym-node" }, { name: "nym-node-aarch64-unknown-linux-gnu" }],
    });
  });
});

test.each([
  ["short", "abc"],
  ["long", `${A}a`],
  ["no hex", "g".repeat(64)],
  ["null", null],
  ["a number", 5],
  ["not there", undefined],
])("a checksum that is %s is none", (_, sha256) => {
  expect(read(component({ "nym-node": { sha256, signature: "s" } }))).toEqual({ state: "read", binaries: [] });
});

test.each([[null], [5], ["text"], [[]], [{}], [[1, 2]], [{ assets: null }], [{ "nym-node": { sha256: A } }]])(
  "%j is unreadable",
  (value) => {
    expect(read(value)).toMatchObject({ state: "unreadable", reason: "it is neither a component nor a list of them" });
  },
);

test("one of another release is unreadable, whatever it names", () => {
  const value = [component({ "nym-node": { sha256: A } }, { tag_name: "nym-binaries-v2025.14-feta" })];
  expect(read(value)).toEqual({
    state: "unreadable",
    reason: "it is of another release (nym-binaries-v2025.14-feta)",
  });
});

test("components of other releases beside its own are passed over", () => {
  const other = component({ "nym-node": { sha256: B } }, { tag_name: "nym-binaries-v2025.14-feta" });
  expect(read([other, component({ "nym-node": { sha256: A } })])).toEqual({ state: "read", binaries: [binary] });
});

test("two checksums for one binary contradict each other", () => {
  const value = [component({ "nym-node": { sha256: A } }), component({ "nym-node": { sha256: B } })];
  expect(read(value)).toEqual({ state: "contradictory", reason: `it names ${A} and ${B} for nym-node` });
});

test("a file called like a part of every object is none", () => {
  expect(readHashes(component({}), TAG, "constructor")).toEqual({ state: "read", binaries: [] });
});
