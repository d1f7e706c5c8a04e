import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PINNED_BUN, requirePinnedBun } from "../../build/pinned-bun.ts";
import { definesOf, readStamp } from "../../build/stamp.ts";
import { TARGETS } from "../../build/targets.ts";
import packageJson from "../../package.json";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

const git = Bun.which("git");
if (git === null) console.warn("SKIPPED: no git to be stamped by");

function makeClone(home: TemporaryHome): string {
  const env = {
    ...home.env,
    GIT_COMMITTER_DATE: "2026-05-16T06:27:52+02:00",
    ...Object.fromEntries(
      ["AUTHOR", "COMMITTER"].flatMap((who) => [
        [`GIT_${who}_NAME`, "a"],
        [`GIT_${who}_EMAIL`, "a@b.c"],
      ]),
    ),
  };
  const run = (...args: string[]) =>
    Bun.spawnSync([git ?? "", ...args], { cwd: home.path, env })
      .stdout.toString()
      .trim();
  run("init", "--initial-branch=develop");
  run("commit", "--allow-empty", "--message=first");
  return run("rev-parse", "HEAD");
}

describe("a stamp", () => {
  test.skipIf(git === null)("names commit, branch and the commit's time as Nym's binaries write them", () => {
    using home = temporaryHome();
    const sha = makeClone(home);
    expect(readStamp("release", home.path)).toMatchObject({
      version: packageJson.version,
      commitSha: sha,
      commitBranch: "develop",
      commitTimestamp: "2026-05-16T06:27:52.000000000+02:00",
      profile: "release",
    });
  });

  test("says unknown outside of a clone", () => {
    using home = temporaryHome();
    const unknown = { commitSha: "unknown", commitBranch: "unknown", commitTimestamp: "unknown" };
    expect(readStamp("debug", home.path)).toMatchObject(unknown);
  });

  test.skipIf(git === null)("says unknown for sources that were unpacked inside another repository", () => {
    using home = temporaryHome();
    makeClone(home);
    mkdirSync(home.at("sources"));
    expect(readStamp("release", home.at("sources")).commitSha).toBe("unknown");
  });

  test("takes its time from SOURCE_DATE_EPOCH, and refuses one that is no time", () => {
    using home = temporaryHome();
    expect(readStamp("release", home.path, "1763726400").buildTimestamp).toBe("2025-11-21T12:00:00.000Z");
    for (const epoch of ["tomorrow", "-1", "1e99", "99999999999999999999"]) {
      expect(() => readStamp("release", home.path, epoch)).toThrow("SOURCE_DATE_EPOCH");
    }
  });

  test("becomes constants of the executable, the target's triple among them", () => {
    using home = temporaryHome();
    const [x64] = TARGETS;
    if (x64 === undefined) throw new Error("no targets");
    expect(definesOf(readStamp("release", home.path), x64)).toMatchObject({
      NYMVISOR_VERSION: packageJson.version,
      NYMVISOR_TARGET: "x86_64-unknown-linux-gnu",
      NYMVISOR_BUILD_PROFILE: "release",
    });
  });
});

describe("the Bun that builds", () => {
  test("is the one that package.json pins", () => {
    expect(() => requirePinnedBun("bun run build")).not.toThrow();
    expect(PINNED_BUN).toBe(packageJson.engines.bun);
  });

  test.each([".ci/run", "README.md", "CONTRIBUTING.md"])("is the one that %s names", (file) => {
    const text = readFileSync(join(import.meta.dir, "../..", file), "utf8");
    const named = Array.from(text.matchAll(/\bbun@(\d[\w.-]*\w)/g), (match) => match[1]);
    expect(new Set(named)).toEqual(new Set([PINNED_BUN]));
  });

  test("is refused when it is another, with the command to type", () => {
    const attempt = () => requirePinnedBun("bun run build --all", "1.3.0");
    expect(attempt).toThrow("this is Bun 1.3.0");
    expect(attempt).toThrow(expect.objectContaining({ next: `npx --yes bun@${PINNED_BUN} run build --all` }));
  });
});
