import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import type { GithubRelease } from "../support/github-model.ts";
import { type Responder, startReleaseServer } from "../support/release-server.ts";
import { answerDripping, answerEndlessly, answerGzipBomb, answerWith, redirectTo } from "../support/responders.ts";
import type { GithubNode } from "./support/github-node.ts";
import { before, decided, linesOf, prepareTrain, publish, sha256Announced, tagOf } from "./support/github-train.ts";

const HOUR = 3_600_000;

describe("a list of releases that is", () => {
  const huge = `[${'{"tag_name":"x"},'.repeat(1_100_000)}{}]`;
  const cases: [string, Responder, RegExp][] = [
    ["a web page", answerWith(200, "<html><body>parked</body></html>"), /it is a web page/],
    ["no JSON", answerWith(200, "soon"), /it is not JSON/],
    ["nothing", answerWith(200, ""), /the answer is empty/],
    ["an empty list", answerWith(200, "[]"), /it is an empty list/],
    ["an object", answerWith(200, '{"message":"Moved"}'), /no list of releases; it says "Moved"/],
    ["huge", answerWith(200, huge), /longer than 16\.0 MiB/],
    ["endless", answerEndlessly({ type: "application/json" }), /longer than 16\.0 MiB/],
    ["a gzip bomb", answerGzipBomb(1 << 30), /longer than 16\.0 MiB/],
    ["nested without end", answerWith(200, "[".repeat(100_000) + "]".repeat(100_000)), /it is not JSON|nested/],
    ["redirected to itself", redirectTo("/repos/nymtech/nym/releases?per_page=100"), /redirected more than 5 times/],
  ];
  test("no such list, is no answer: the node runs on, and hears of the next release when there is one again", async () => {
    await using node = await prepareTrain();
    await using run = await node.run();
    for (const [what, answer, reason] of cases) {
      const after = run.mark;
      node.github.answerPage = () => answer;
      const line = await run.waitForLog(/no answer about releases/, { after });
      expect([what, line]).toEqual([what, expect.stringMatching(reason)]);
      node.github.answerPage = null;
      await run.waitForLog(/github answers again/, { after });
    }
    expect(linesOf(run, /no answer about releases/)).toHaveLength(cases.length);
    expect(node.queue()).toEqual([]);
    publish(node, "1.1.0");
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("paged in a loop, or onto another host, ends there, and what was listed counts", async () => {
    const elsewhere = await startReleaseServer();
    await using node = await prepareTrain();
    for (let day = 40; day < 60; day += 1) {
      const content = new TextEncoder().encode(`of day ${day}`);
      publish(node, "0.9.0", { tag: tagOf(`old-${day}`), published: before(day * 24 * HOUR), content, hashes: false });
    }
    node.github.mostOnPage = 2;
    const page = (number: number) => `${node.github.url}${node.github.listPath}?per_page=100&page=${number}`;
    const ways: [RegExp, (page: number) => string][] = [
      [/page 1 leads to another place/, () => `${elsewhere.url}/repositories/1/releases?page=2`],
      [/page 3 leads back to one that was read before/, (number) => page(number === 3 ? 2 : number + 1)],
      [/it goes on after 10 pages/, (number) => page(number + 1)],
    ];
    await using run = await node.run();
    for (const [index, [warning, next]] of ways.entries()) {
      node.github.nextPage = next;
      publish(node, `1.${index + 1}.0`, { published: before((10 - index) * 60_000) });
      await run.waitForLog(warning);
      await run.waitForEvent("started", { version: `1.${index + 1}.0` });
    }
    expect(linesOf(run, /the list of releases ends early/)).toHaveLength(ways.length);
    expect(elsewhere.requests).toEqual([]);
    expect(Math.max(...node.github.questions.map((question) => question.page))).toBe(10);
    elsewhere.close();
  });

  test("dripping in holds up neither the node nor its stop", async () => {
    await using node = await prepareTrain();
    node.github.answerPage = () => answerDripping(20);
    await using run = await node.run();
    await node.github.nextQuestion();
    await run.waitForEvent("started");
    expect((await run.stop(5_000)).status).toBe(0);
  });
});

describe("a release that is not as it should be", () => {
  test("is passed over with its reason, whatever it is, and the one before it is taken", async () => {
    await using node = await prepareTrain();
    const good = publish(node, "1.1.0", { published: before(50 * HOUR) });
    const cases = badReleases(node);
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    await decided(node);
    expect(node.performed()).toEqual([good.tag]);
    expect(node.queue()).toEqual([]);
    expect(node.events.of("asked").map(({ version }) => version)).not.toContain("9.9.9");
    expect(existsSync(node.home.at("evil"))).toBe(false);
    expect(readdirSync(node.data).filter((name) => !name.endsWith(".lock") && !name.startsWith("."))).toHaveLength(
      FILES.length,
    );
    expect(readdirSync(node.data)).toEqual(expect.arrayContaining(FILES));
    for (const reason of cases) expect(run.stderr).toMatch(reason);
    // Said once each.
    const lines = linesOf(run, /WARN/);
    expect(new Set(lines.map((line) => line.replace(/^\S+/, ""))).size).toBe(lines.length);
  });

  test("does not keep the next one from being taken", async () => {
    await using node = await prepareTrain();
    badReleases(node);
    await using run = await node.run();
    await decided(node);
    publish(node, "10.0.0", { published: before(60_000) });
    await run.waitForEvent("started", { version: "10.0.0" });
    expect(node.performed()).toEqual([tagOf("10.0.0")]);
  });
});

const FILES = [
  "current",
  "genesis",
  "release-list.json",
  "sources.json",
  "upgrade-history.json",
  "upgrade-outcomes.json",
  "upgrade-plan.json",
  "upgrades",
];

/** Publishes them, each newer than all that is good, with a binary that must never run. @returns what is told of them */
function badReleases(node: GithubNode): RegExp[] {
  let minutes = 600;
  const bad = (tag: string, change: (release: GithubRelease) => void = () => {}, options = {}): string => {
    minutes -= 1;
    const release = publish(node, "9.9.9", { tag, published: before(minutes * 60_000), ...options });
    change(release);
    return tag;
  };
  const asset = (release: GithubRelease, json: Record<string, unknown>) => {
    for (const one of release.assets) if (one.name === "nym-node") one.json = json;
  };
  const prefix = "nym-binaries-v2026";
  bad(`${prefix}/../../../../../../evil`);
  bad(`${prefix}-a/b`);
  bad(`${prefix}\nINFO nymvisor: all is well`);
  bad(`${prefix}-${"x".repeat(300)}`);
  bad(`${prefix}-no-assets`, (release) => (release.json = { assets: null }));
  bad(`${prefix}-no-date`, (release) => (release.json = { published_at: "soon" }));
  bad(`${prefix}-no-tag`, (release) => (release.json = { tag_name: null }));
  bad(`${prefix}-empty`, (release) => asset(release, { size: 0 }));
  bad(`${prefix}-without-size`, (release) => asset(release, { size: undefined }));
  bad(`${prefix}-starter`, (release) => asset(release, { state: "starter" }));
  bad(`${prefix}-ftp`, (release) => asset(release, { browser_download_url: "ftp://127.0.0.1/nym-node" }));
  bad(`${prefix}-disagrees`, (release) => asset(release, { digest: `sha256:${"0".repeat(64)}` }));
  bad(`${prefix}-no-checksum`, undefined, { hashes: false, digest: null });
  bad(`${prefix}-md5`, undefined, { hashes: false, digest: `md5:${"0".repeat(32)}` });
  bad(`${prefix}-future`, (release) => (release.json = { published_at: before(-48 * HOUR).toISOString() }));
  bad(`${prefix}-twice`);
  bad(`${prefix}-twice`, undefined, { build: { commit: "b".repeat(40) } });
  bad(`${prefix}-no-json`, (release) => {
    release.assets = release.assets.map((one) => ({ ...one, digest: null }));
    node.github.files.set("never", answerWith(404));
    for (const one of release.assets) if (one.name === "hashes.json") one.content = new TextEncoder().encode("{");
  });
  // What is downloaded is not what was announced.
  bad(`${prefix}-exchanged`, (release) => {
    const digest = `sha256:${sha256Announced(release)}`;
    for (const one of release.assets)
      if (one.name === "nym-node") Object.assign(one, { digest, content: new Uint8Array(9) });
  });
  return [
    new RegExp(`${prefix}-no-assets is left out`),
    new RegExp(`${prefix}-no-date is left out`),
    /a listed release is left out/,
    new RegExp(`${prefix}-md5: the digest of its nym-node counts as none`),
    new RegExp(`${prefix}-no-json: its hashes.json counts as not there: it is not JSON`),
    new RegExp(`${prefix}-exchanged could not be staged`),
    new RegExp(`${prefix}-disagrees.*refused`),
    new RegExp(`${prefix}-no-checksum`),
    new RegExp(`${prefix}-twice.*different releases`),
    new RegExp(`${prefix}-future.*future`),
    /a\/b.*cannot be used/,
  ];
}
