import { describe, expect, test } from "bun:test";
import type { UpgradeInfo, VersionRecord } from "../../src/model/documents.ts";
import { judgeAgreement } from "../../src/policy/agreement.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

interface Situation {
  /** Name of what `current` points to, and its binary's version. */
  current?: readonly [name: string, version: string];
  info?: Partial<UpgradeInfo>;
  record?: readonly [name: string, version: string, commit?: string] | undefined;
  history?: readonly string[];
}

function judge({ current: [name, version] = ["1.1.0", "1.1.0"], info, record, history = [] }: Situation) {
  const versionRecord = ([recorded, itsVersion, commit]: NonNullable<Situation["record"]>): VersionRecord => ({
    name: recorded,
    version: itsVersion,
    upgradeTime: NOON,
    binaryDetails: sampleBuildInfo({ version: itsVersion, ...(commit === undefined ? {} : { commit }) }),
  });
  return judgeAgreement({
    current: { name, info: upgradeInfo({ name, version, ...info }), build: sampleBuildInfo({ version }) },
    record: record === undefined ? undefined : versionRecord(record),
    history: history.map((upgrade, index) => ({
      performedAt: NOON + BigInt(index),
      info: upgradeInfo({ name: upgrade, version: upgrade }),
    })),
  });
}

describe("a home whose record names current", () => {
  test("and the same build may start", () => {
    expect(judge({ record: ["1.1.0", "1.1.0"] })).toEqual({ state: "agreed" });
  });

  test("but another build may not, and both sides are shown", () => {
    const sha = sampleBuildInfo({ version: "1.1.0" }).commit_sha;
    expect(judge({ record: ["1.1.0", "1.1.0", "f".repeat(40)] })).toEqual({
      state: "disagreed",
      other: "record",
      what: "the binary of 1.1.0 is not the one that this home was last run with",
      sides: `binary | current-version-info.json: commit_sha: ${sha} | ${"f".repeat(40)}`,
    });
  });
});

describe("a binary that its upgrade-info.json contradicts", () => {
  test("in its version may not start", () => {
    expect(judge({ info: { version: "1.2.0" }, record: ["1.1.0", "1.1.0"] })).toEqual({
      state: "disagreed",
      other: "announcement",
      what: "the binary of 1.1.0 is not the one that its upgrade-info.json describes",
      sides: "binary | upgrade-info.json: build_version: 1.1.0 | 1.2.0",
    });
  });

  test("in its build may not start, although the version is right", () => {
    const binaryDetails = sampleBuildInfo({ version: "1.1.0", commit: "f".repeat(40) });
    expect(judge({ info: { binaryDetails }, record: ["1.1.0", "1.1.0"] })).toMatchObject({ state: "disagreed" });
  });

  test("may not start in a home without a record either", () => {
    expect(judge({ info: { version: "1.2.0" }, record: undefined })).toMatchObject({ state: "disagreed" });
  });
});

describe("a home that is behind current is brought forward", () => {
  test.each([
    ["it has no record", undefined, []],
    ["it is on genesis, and the history names current", ["genesis", "1.0.0"], ["1.1.0"]],
    ["it is on genesis, and the history is lost", ["genesis", "1.0.0"], []],
    ["the history has both, its own first", ["1.0.5", "1.0.5"], ["1.0.5", "1.1.0"]],
    ["the history is lost, and its version is lower", ["1.0.5", "1.0.5"], []],
    ["its build was never in the history, and its version is lower", ["other", "1.0.5"], ["1.1.0"]],
  ] as const)("when %s", (_, record, history) => {
    expect(judge({ record, history })).toEqual({ state: "behind" });
  });

  test("when the history has its own first, whatever the versions say", () => {
    const history = ["9.0.0", "1.1.0"];
    expect(judge({ record: ["9.0.0", "9.0.0"], history })).toEqual({ state: "behind" });
  });

  test("when its build came again after current, and current after that", () => {
    const history = ["1.1.0", "1.0.5", "1.1.0"];
    expect(judge({ record: ["1.0.5", "1.0.5"], history })).toEqual({ state: "behind" });
  });
});

describe("a home that is ahead of current may not start", () => {
  test.each([
    ["the history has both, current first", ["1.2.0", "1.2.0"], ["1.1.0", "1.2.0"]],
    ["the history has both, current first, whatever the versions say", ["1.0.9", "1.0.9"], ["1.1.0", "1.0.9"]],
    ["the history is lost, and its version is higher", ["1.2.0", "1.2.0"], []],
    ["the versions are the same", ["1.1.0-patch", "1.1.0"], []],
    ["the versions have no order", ["platypus", "platypus"], []],
  ] as const)("when %s", (_, record, history) => {
    expect(judge({ record, history })).toMatchObject({
      state: "disagreed",
      what: `this home was last run with ${record[0]} (${record[1]}), and current is 1.1.0 (1.1.0)`,
    });
  });

  test("when current was put back to genesis by hand", () => {
    expect(judge({ current: ["genesis", "1.0.0"], record: ["1.1.0", "1.1.0"], history: ["1.1.0"] })).toMatchObject({
      state: "disagreed",
    });
  });
});

test("what is shown drives no terminal", () => {
  expect(judge({ record: ["1.2\u001b[2J", "1.2.0"] })).toMatchObject({
    what: "this home was last run with 1.2\\u001b[2J (1.2.0), and current is 1.1.0 (1.1.0)",
  });
});
