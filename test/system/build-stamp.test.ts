import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInfoSchema, renderBuildInfo } from "../../src/model/build-info.ts";
import { buildInformation, VERSION } from "../../src/system/build-stamp.ts";
import { describeGolden, readGolden } from "../support/golden.ts";

const TEN = [
  "binary_name",
  "build_timestamp",
  "build_version",
  "commit_sha",
  "commit_timestamp",
  "commit_branch",
  "rustc_version",
  "rustc_channel",
  "cargo_profile",
  "cargo_triple",
];

describe("nymvisor's own build information", () => {
  test("has the ten fields of every Nym binary, then the runtime", () => {
    expect(Object.keys(buildInformation())).toEqual([...TEN, "runtime", "runtime_version"]);
    expect(buildInfoSchema.parse(buildInformation())).toEqual(buildInformation());
  });

  test("says what is true of a build without rustc", () => {
    expect(buildInformation()).toMatchObject({ rustc_version: `n/a (bun ${Bun.version})`, rustc_channel: "n/a" });
  });

  test("does not claim a version when it runs from its sources", () => {
    expect(VERSION).toBe("0.0.0-dev");
    expect(buildInformation()).toMatchObject({ build_version: VERSION, commit_sha: "unknown", cargo_profile: "debug" });
  });

  test("is what the build stamped in, when it was built", async () => {
    const stamps = { VERSION: "1.2.3", COMMIT_SHA: "abc", COMMIT_BRANCH: "b", BUILD_PROFILE: "release", TARGET: "t" };
    const source = fileURLToPath(new URL("../../src/system/build-stamp.ts", import.meta.url));
    const define = Object.fromEntries(
      Object.entries(stamps).map(([key, value]) => [`NYMVISOR_${key}`, JSON.stringify(value)]),
    );
    const folder = mkdtempSync(join(tmpdir(), "nymvisor-stamp-"));
    try {
      await Bun.build({ entrypoints: [source], target: "bun", define, outdir: folder });
      const built = await import(join(folder, "build-stamp.js"));
      expect(built.buildInformation()).toMatchObject({
        build_version: "1.2.3",
        commit_sha: "abc",
        commit_branch: "b",
        cargo_profile: "release",
        cargo_triple: "t",
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describeGolden("nymvisor's own build information", () => {
  test("has the fields in the order that the Rust program prints", () => {
    expect(TEN).toEqual(Object.keys(JSON.parse(readGolden("build-info.json"))));
  });

  test("is byte for byte the Rust program's block, but for the values", () => {
    const labels = (text: string) => text.replace(/^(.{20}).+$/gm, "$1");
    expect(labels(renderBuildInfo(buildInformation()))).toBe(labels(readGolden("build-info.txt")));
  });
});
