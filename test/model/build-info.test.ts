import { expect, test } from "bun:test";
import { buildInfoSchema, differingFields, renderBuildInfo, sameBuild } from "../../src/model/build-info.ts";
import { describeGolden, readGolden } from "../support/golden.ts";

const info = buildInfoSchema.parse({
  binary_name: "nym-node",
  build_timestamp: "2026-01-02T03:04:05.678901234Z",
  build_version: "1.0.0",
  commit_sha: "0000000000000000000000000000000000000000",
  commit_timestamp: "2026-01-01T00:00:00.000000000Z",
  commit_branch: "HEAD",
  rustc_version: "1.88.0",
  rustc_channel: "stable",
  cargo_profile: "release",
});

test("an old binary, which does not tell its target, is of an unknown one", () => {
  expect(info.cargo_triple).toBe("unknown");
});

test("a field that is missing, or no string, is no build information", () => {
  for (const key of Object.keys(info).filter((key) => key !== "cargo_triple")) {
    expect(buildInfoSchema.safeParse({ ...info, [key]: undefined }).success).toBe(false);
    expect(buildInfoSchema.safeParse({ ...info, [key]: 1 }).success).toBe(false);
  }
});

test("two builds are the same if all ten fields are, and extra ones do not count", () => {
  expect(sameBuild(info, { ...info, extra: "x" })).toBe(true);
  for (const key of Object.keys(info)) {
    const other = { ...info, [key]: "other" };
    expect(sameBuild(info, other)).toBe(false);
    expect(differingFields(info, other)).toEqual([`${key}: ${info[key]} | other`]);
  }
});

describeGolden("the Rust program's build information", () => {
  test("is printed as it prints it", () => {
    const golden = buildInfoSchema.parse(JSON.parse(readGolden("build-info.json")));
    expect(renderBuildInfo(golden)).toBe(readGolden("build-info.txt"));
  });
});
