import { describe, expect, test } from "bun:test";
import { fixtureBuildInfo, githubFixture } from "../support/github-fixture.ts";
import { binaryOf, prepareGithubNode } from "./support/github-node.ts";

/** Of the fixture's train, what a node that began with the first of them runs in turn as each is published. */
const A_YEAR = [
  ["nym-binaries-v2024.10-caramello", "1.1.7", "2024-09-11"],
  ["nym-binaries-v2024.10-caramello-patch", "1.1.7", "2024-09-17"],
  ["nym-binaries-v2024.11-wedel", "1.1.8", "2024-09-28"],
  ["nym-binaries-v2024.12-aero", "1.1.9", "2024-10-18"],
  ["nym-binaries-v2024.12.1-aero", "1.1.9-1", "2024-10-25"],
  ["nym-binaries-v2024.13-magura", "1.1.10", "2024-11-19"],
  // Only its binary tells its version.
  ["nym-binaries-v2024.13-magura-drift", "1.1.11", "2024-11-30"],
  ["nym-binaries-v2024.14-crunch-patch", "1.2.1", "2024-12-18"],
  // 2025.3 has no checksum anywhere, so it is never run.
  ["nym-binaries-v2025.2-hu", "1.4.0", "2025-02-20"],
  ["nym-binaries-v2025.4-dorina-nym-node-patch", "1.6.1", "2025-03-12"],
  // 2025.6 is of an earlier commit than 2025.5, and was published before it.
  ["nym-binaries-v2025.6-chuckles", "1.8.0", "2025-04-04"],
  ["nym-binaries-v2025.16-halloumi", "1.18.0", "2025-09-17"],
  ["nym-binaries-v2025.17-isabirra", "1.18.0", "2025-10-01"],
  // Its release candidate is a prerelease.
  ["nym-binaries-v2025.18-jarlsberg", "1.19.0", "2025-10-25"],
  ["nym-binaries-v2025.19-kase", "1.20.0", "2025-10-29"],
] as const;

describe("a node that follows GitHub", () => {
  test("runs each release of a year in turn, and none that it should not", async () => {
    const first = fixtureBuildInfo("nym-binaries-v2024.9-topdeck", "1.1.6", "2024-07-26");
    await using node = await prepareGithubNode((home) => binaryOf(home, first));
    const builds = new Map<string, Uint8Array>();
    const binary: Parameters<typeof githubFixture>[0] = {
      binary: ({ tag, info }) => {
        const known = builds.get(`${tag} ${info.cargo_triple}`) ?? binaryOf(node.home, info);
        builds.set(`${tag} ${info.cargo_triple}`, known);
        return known;
      },
    };
    const all = githubFixture(binary);
    const until = (day: string) =>
      all.filter(({ createdAt, publishedAt }) => (publishedAt ?? createdAt) < day && publishedAt !== null);
    node.github.releases = until("2024-08-01");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.6" });
    let starts = 1;
    for (const [tag, version, day] of A_YEAR) {
      node.github.releases = until(day);
      starts += 1;
      await run.waitForEvent("started", { count: starts, within: 30_000 }).catch((error: unknown) => {
        throw new Error(`${tag}: ${error}`);
      });
      expect(node.events.of("started").at(-1)?.version).toBe(version);
      expect(node.current()).toBe(`upgrades/${tag}`);
    }
    expect(node.events.of("started")).toHaveLength(A_YEAR.length + 1);
    expect(node.performed()).toEqual(A_YEAR.map(([tag]) => tag));
    expect((await run.stop()).status).toBe(0);
  }, 180_000);
});
