import { describe, expect, test } from "bun:test";
import { version } from "../../package.json";
import { describeGolden, readGolden } from "../support/golden.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectSuccess } from "./support/expect.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

const KEYS = [
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

describe("build-info", () => {
  test("answers the ten keys of every Nym binary and the runtime, in one line of JSON", async () => {
    using home = temporaryHome();
    const stdout = expectSuccess(await nymvisor(home, ["build-info", "--output=json"]));
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const info: Record<string, string> = JSON.parse(stdout);
    expect(Object.keys(info)).toEqual([...KEYS, "runtime", "runtime_version"]);
    expect(info).toMatchObject({
      binary_name: "nymvisor",
      build_version: version,
      rustc_version: `n/a (bun ${Bun.version})`,
      runtime: "bun",
      runtime_version: Bun.version,
    });
    for (const value of Object.values(info)) expect(value).toMatch(/\S/);
    expect(info.cargo_triple).toContain(process.arch === "arm64" ? "aarch64" : "x86_64");
  });

  test("tells when it was built and from which commit", async () => {
    using home = temporaryHome();
    const info = JSON.parse(expectSuccess(await nymvisor(home, ["build-info", "-o", "json"])));
    for (const key of ["build_timestamp", "commit_timestamp"]) expect(Date.parse(info[key])).toBeGreaterThan(0);
    expect(info.commit_sha).toMatch(/^[0-9a-f]{40}/);
  });

  test("needs no instance and leaves nothing behind", async () => {
    using home = temporaryHome();
    expectSuccess(await nymvisor(home, ["build-info"]));
    expect(stateOf(home)).toEqual({});
  });
});

describeGolden("build-info as text", () => {
  test("has the labels and the columns of the Rust program", async () => {
    using home = temporaryHome();
    const golden = readGolden("build-info.txt").split("\n");
    const lines = expectSuccess(await nymvisor(home, ["build-info"])).split("\n");
    expect(lines.map((line) => line.slice(0, 20))).toEqual(golden.map((line) => line.slice(0, 20)));
    for (const line of lines.filter((text) => text !== "")) expect(line).toMatch(/^.{18,19} {1,2}\S/);
  });
});
