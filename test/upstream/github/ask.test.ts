import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ReleaseList } from "../../../src/model/release-list.ts";
import { releasesOf } from "../../../src/policy/github-releases.ts";
import { type AskGithubOptions, askGithub, type GithubAnswer } from "../../../src/upstream/github/ask.ts";
import { githubFixture } from "../../support/github-fixture.ts";
import { type GithubRelease, hashesJson, sha256Of } from "../../support/github-model.ts";
import { githubQuestion, keptList } from "../../support/github-question.ts";
import { type GithubServer, startGithubServer } from "../../support/github-server.ts";
import { answerWith, neverAnswer } from "../../support/responders.ts";
import { NOON } from "../../support/upgrades.ts";

const NODE = { daemon: "nym-node", architecture: "x86_64" };
const SECOND = 1_000_000_000n;

let server: GithubServer;

beforeEach(async () => {
  server = await startGithubServer({ now: () => Number(NOON / 1_000_000n) });
});

afterEach(() => server.close());

function ask(more: Partial<AskGithubOptions> = {}): Promise<GithubAnswer> {
  return askGithub(githubQuestion(server.url, more));
}

/** The list of a question that must be answered. */
async function answered(more: Partial<AskGithubOptions> = {}): Promise<ReleaseList> {
  const answer = await ask(more);
  if (answer.outcome === "failed") throw answer.failure;
  return answer.list;
}

function release(tag: string, date: string, ...files: string[]): GithubRelease {
  const assets = files.map((name) => ({ name, content: new TextEncoder().encode(`${name} of ${tag}`) }));
  return { tag: `nym-binaries-v${tag}`, createdAt: date, assets };
}

function tagsOf(list: ReleaseList): string[] {
  return releasesOf(list, NODE).releases.map(({ name }) => name);
}

describe("a listing", () => {
  test("brings the whole train and nothing else, page by page", async () => {
    server.releases = githubFixture();
    server.mostOnPage = 20;
    const answer = await ask();
    expect(answer).toMatchObject({ outcome: "answered", warnings: [], tokenRefused: false });
    expect(answer.list.pages.map(({ next }) => next)).toEqual(
      [2, 3, 4].map((page) => pageUrl(page)).concat([null as never]),
    );
    const tags = tagsOf(answer.list);
    expect(tags).toHaveLength(51);
    expect(tags.every((tag) => tag.startsWith("nym-binaries-v"))).toBe(true);
    expect(answer.list).toMatchObject({ askedAt: NOON, answeredAt: NOON, waitUntil: null });
  });

  function pageUrl(page: number): string {
    return `${server.url}${server.listPath}?per_page=100&page=${page}`;
  }

  test("says who asks, and which form of the API is meant", async () => {
    server.releases = [release("1", "2026-01-01T00:00:00Z")];
    await ask();
    const { headers } = (await server.nextQuestion()).request;
    expect(headers).toMatchObject({
      accept: "application/vnd.github+json",
      "x-github-api-version": "2022-11-28",
      "accept-encoding": "gzip",
    });
    expect(headers["user-agent"]).toMatch(/^nymvisor\//);
    expect(headers).not.toHaveProperty("authorization");
  });

  test("follows a repository to its new name", async () => {
    server.releases = [release("1", "2026-01-01T00:00:00Z")];
    server.formerName = "nymtech/nym-before";
    expect(tagsOf(await answered({ repository: "nymtech/nym-before" }))).toEqual(["nym-binaries-v1"]);
  });

  test("puts a path of the API's address before its own", async () => {
    server.answerPage = () => answerWith(200, "[]");
    const answer = await ask({ apiUrl: `${server.url}/api/v3/` });
    expect(answer).toMatchObject({
      outcome: "failed",
      failure: { message: expect.stringContaining("/api/v3/repos/nymtech/nym/releases") },
    });
  });

  test("is asked with conditions after a restart, and reads as before where nothing has changed", async () => {
    server.releases = githubFixture();
    server.mostOnPage = 30;
    const list = await answered();
    const files = server.downloads.length;
    const again = await ask({ kept: keptList(list), now: NOON + SECOND });
    expect(again.outcome).toBe("not-modified");
    expect(again.list).toEqual({ ...list, askedAt: NOON + SECOND, answeredAt: NOON + SECOND });
    expect(server.questions.map(({ status }) => status)).toEqual([200, 200, 200, 304, 304, 304]);
    expect(server.downloads).toHaveLength(files);
  });

  test("sees what is new, changed and withdrawn", async () => {
    server.releases = [
      release("1", "2026-01-01T00:00:00Z", "nym-node"),
      release("2", "2026-01-02T00:00:00Z", "nym-node"),
    ];
    const kept = await answered();
    server.releases = [
      { ...release("1", "2026-01-01T00:00:00Z", "nym-node"), prerelease: true },
      release("3", "2026-01-03T00:00:00Z", "nym-node"),
    ];
    const answer = await ask({ kept });
    expect(answer.outcome).toBe("answered");
    expect(releasesOf(answer.list, NODE).releases).toMatchObject([
      { name: "nym-binaries-v3", prerelease: false },
      { name: "nym-binaries-v1", prerelease: true },
    ]);
  });

  test("of which a page fails leaves the list as it was, and tells when it was tried", async () => {
    server.releases = githubFixture();
    server.mostOnPage = 30;
    const kept = await answered();
    server.releases.push(release("9999", "2099-01-01T00:00:00Z"));
    server.answerPage = (page) => (page === 2 ? answerWith(502, "<html>") : undefined);
    const answer = await ask({ kept, now: NOON + SECOND });
    expect(answer).toMatchObject({ outcome: "failed", failure: { status: 502 } });
    expect(answer.list).toEqual({ ...kept, askedAt: NOON + SECOND });
    server.answerPage = null;
    expect(tagsOf(await answered({ kept: answer.list }))[0]).toBe("nym-binaries-v9999");
  });

  test("of something else than was kept begins anew", async () => {
    server.releases = githubFixture();
    const kept = await answered();
    const list = await answered({ kept, tagPrefix: "nym-wallet-v" });
    expect(server.questions.map(({ status }) => status)).toEqual([200, 200]);
    expect(tagsOf(list)).toHaveLength(3);
  });

  test("ends with the signal, at once", async () => {
    server.answerPage = () => neverAnswer;
    const controller = new AbortController();
    const attempt = ask({ signal: controller.signal });
    await server.nextQuestion();
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });
});

describe("the token", () => {
  beforeEach(() => {
    server.releases = [release("1", "2026-01-01T00:00:00Z", "nym-node")];
    const [first] = server.releases;
    if (first !== undefined) first.assets.push(hashesJson(first, {}));
    server.tokens.add("ghp_secret");
  });

  test("goes to the API and to no file, and is written nowhere", async () => {
    const answer = await ask({ token: "ghp_secret" });
    expect(answer.tokenRefused).toBe(false);
    expect((await server.nextQuestion()).request.headers.authorization).toBe("Bearer ghp_secret");
    expect(server.downloads).toHaveLength(2);
    for (const { headers } of server.downloads) expect(headers).not.toHaveProperty("authorization");
    expect(JSON.stringify(answer.list, (_, value) => (typeof value === "bigint" ? 0 : value))).not.toContain("secret");
  });

  test("that is refused is told once, and left away", async () => {
    const answer = await ask({ token: "ghp_expired" });
    expect(answer).toMatchObject({
      outcome: "answered",
      tokenRefused: true,
      warnings: ["the GitHub token is of no use, and GitHub is asked without one: GitHub refuses it (401)"],
    });
    expect(server.questions.map(({ status }) => status)).toEqual([401, 200]);
  });

  test.each(["", "two words", "line\r\nX-Other: 1", "tökén"])("%j is sent nowhere, and not shown", async (token) => {
    const answer = await ask({ token });
    expect(answer).toMatchObject({ outcome: "answered", tokenRefused: true });
    expect(server.questions.map(({ request }) => request.headers.authorization)).toEqual([undefined]);
    if (token !== "") expect(answer.warnings.join()).not.toContain(token);
  });

  test("does not follow a redirect to another origin", async () => {
    const other = await startGithubServer();
    other.releases = server.releases;
    server.answerPage =
      () =>
      async ({ connection }) => {
        await connection.write(
          `HTTP/1.1 301 Moved\r\nLocation: ${other.url}${other.listPath}\r\nContent-Length: 0\r\n\r\n`,
        );
      };
    expect((await ask({ token: "ghp_secret" })).outcome).toBe("answered");
    expect((await other.nextQuestion()).request.headers).not.toHaveProperty("authorization");
    other.close();
  });

  test("spares the limit, as an unchanged page is free then", async () => {
    server.limit = { remaining: 3, reset: Number(NOON / SECOND) + 600 };
    let kept = await answered({ token: "ghp_secret" });
    for (let times = 0; times < 5; times += 1) kept = await answered({ kept, token: "ghp_secret" });
    expect(server.limit.remaining).toBe(2);
  });
});

describe("a limit", () => {
  beforeEach(() => {
    server.releases = githubFixture();
    server.mostOnPage = 30;
  });

  test("that is reached is waited for until it begins anew, and nothing is sent before", async () => {
    const kept = await answered();
    server.limit = { remaining: 0, reset: Number(NOON / SECOND) + 600 };
    const answer = await ask({ kept, now: NOON });
    const until = NOON + 600n * SECOND;
    expect(answer).toMatchObject({ outcome: "failed", list: { waitUntil: until, answeredAt: NOON } });
    if (answer.outcome !== "failed") throw new Error("it did not fail");
    expect(answer.failure.what).toBe("GitHub is not asked again before 2026-11-21T12:10:00Z");
    expect(answer.failure.next).toContain("NYMVISOR_GITHUB_TOKEN");
    const sent = server.questions.length;
    const waiting = await ask({ kept: keptList(answer.list), now: until - 1n });
    expect(waiting).toMatchObject({ outcome: "waiting", list: answer.list, warnings: [] });
    expect(server.questions).toHaveLength(sent);
    server.limit = null;
    expect(await ask({ kept: answer.list, now: until })).toMatchObject({
      outcome: "not-modified",
      list: { waitUntil: null },
    });
  });

  test("that the last answer has used up keeps the next page from being asked", async () => {
    server.limit = { remaining: 2, reset: Number(NOON / SECOND) + 600 };
    const answer = await ask();
    expect(answer).toMatchObject({ outcome: "failed", list: { waitUntil: NOON + 600n * SECOND, pages: [] } });
    expect(server.questions).toHaveLength(2);
  });

  test("that the last page has used up holds for the next listing", async () => {
    server.limit = { remaining: 3, reset: Number(NOON / SECOND) + 600 };
    const answer = await ask();
    expect(answer).toMatchObject({ outcome: "answered", list: { waitUntil: NOON + 600n * SECOND } });
  });

  test.each([
    ["30", 30n],
    ["Sat, 21 Nov 2026 12:01:30 GMT", 90n],
    ["999999999", 86_400n],
  ])("named by Retry-After: %s is obeyed, for a day at most", async (retryAfter, seconds) => {
    server.retryAfter = retryAfter;
    expect((await ask()).list.waitUntil).toBe(NOON + seconds * SECOND);
  });

  test("of the same API holds for another repository there", async () => {
    server.retryAfter = "60";
    const { list } = await ask();
    expect((await ask({ kept: list, repository: "someone/else" })).outcome).toBe("waiting");
    expect(server.questions).toHaveLength(1);
  });

  test("is no longer believed when the clock has been set back", async () => {
    server.retryAfter = "60";
    const { list } = await ask();
    server.retryAfter = null;
    expect((await ask({ kept: list, now: NOON - 7n * 86_400n * SECOND })).outcome).toBe("answered");
  });
});

describe("each hashes.json", () => {
  test("is got once, and again only under another id", async () => {
    const first = release("1", "2026-01-01T00:00:00Z", "nym-node");
    first.assets.push(hashesJson(first, {}));
    server.releases = [first];
    let kept = await answered();
    kept = await answered({ kept: keptList(kept) });
    expect(server.downloads).toHaveLength(2);
    first.assets[1] = hashesJson(first, {});
    kept = await answered({ kept });
    expect(server.downloads).toHaveLength(4);
    expect(kept.hashes).toHaveLength(1);
  });

  test("that could not be got is tried again, and meanwhile told", async () => {
    const first = release("1", "2026-01-01T00:00:00Z", "nym-node");
    first.assets.push(hashesJson(first, {}));
    server.releases = [first];
    server.files.set("hashes.json", answerWith(503));
    const answer = await ask();
    expect(answer.outcome).toBe("answered");
    expect(answer.warnings).toEqual([
      expect.stringMatching(/^nym-binaries-v1: its hashes\.json counts as not there until it can be got: .*\(503\)/),
    ]);
    server.files.clear();
    const later = await ask({ kept: answer.list });
    expect(later).toMatchObject({ outcome: "answered", warnings: [], list: { hashes: [{ state: "read" }] } });
  });

  test.each([
    ["a web page", "<html>", "it is a web page (HTML) and not JSON"],
    ["half of it", '{"assets": {', "it is not JSON"],
    ["too long", `"${"x".repeat((1 << 20) - 1)}"`, "it is longer than 1.0 MiB"],
    ["something else", "[1, 2]", "it is neither a component nor a list of them"],
  ])("that is %s counts as not there, with the reason, and is not got again", async (_, text, reason) => {
    const first = release("1", "2026-01-01T00:00:00Z", "nym-node");
    first.assets.push({ name: "hashes.json", content: new TextEncoder().encode(text) });
    server.releases = [first];
    const kept = await answered();
    const { releases, warnings } = releasesOf(kept, NODE);
    expect(warnings).toEqual([
      expect.stringContaining(`nym-binaries-v1: its hashes.json counts as not there: ${reason}`),
    ]);
    expect(releases).toMatchObject([
      { objection: null, binary: { sha256: sha256Of(first.assets[0]?.content ?? new Uint8Array()) } },
    ]);
    await answered({ kept });
    expect(server.downloads).toHaveLength(2);
  });

  test("of the newest releases comes first, and no more than a hundred in one go", async () => {
    for (let day = 0; day < 130; day += 1) {
      const next = release(`${day}`, new Date(Date.UTC(2026, 0, 1 + day)).toISOString(), "nym-node");
      next.assets.push(hashesJson(next, {}));
      server.releases.push(next);
    }
    const first = await answered();
    expect(first.hashes).toHaveLength(100);
    const read = new Set(first.hashes.map(({ asset }) => asset));
    const newest = first.pages.flatMap((page) => page.releases).slice(0, 100);
    expect(newest.every(({ assets }) => assets.some(({ id }) => read.has(id)))).toBe(true);
    expect((await answered({ kept: first })).hashes).toHaveLength(130);
  });

  test("is asked for four at a time", async () => {
    server.releases = githubFixture();
    let open = 0;
    let most = 0;
    server.files.set("hashes.json", async (exchange) => {
      open += 1;
      most = Math.max(most, open);
      await Bun.sleep(1);
      open -= 1;
      await answerWith(200, "{}")(exchange);
    });
    await answered();
    expect(most).toBe(4);
  });
});

describe("bytes", () => {
  test("that change under a tag are noted with the time, and the time stays", async () => {
    const first = release("1", "2026-01-01T00:00:00Z", "nym-node");
    server.releases = [first];
    let kept = await answered();
    const changedAt = () => releasesOf(kept, NODE).releases[0]?.binary;
    expect(changedAt()).toMatchObject({ changedAt: null });
    first.assets = [{ name: "nym-node", content: new TextEncoder().encode("other bytes") }];
    kept = await answered({ kept: keptList(kept), now: NOON + SECOND });
    expect(changedAt()).toMatchObject({ changedAt: NOON + SECOND });
    kept = await answered({ kept: keptList(kept), now: NOON + 2n * SECOND });
    expect(changedAt()).toMatchObject({ changedAt: NOON + SECOND });
  });

  test("are the same when only a hashes.json is added", async () => {
    const first = release("1", "2026-01-01T00:00:00Z", "nym-node");
    server.releases = [first];
    let kept = await answered();
    first.assets.push(hashesJson(first, {}));
    kept = await answered({ kept, now: NOON + SECOND });
    expect(releasesOf(kept, NODE).releases[0]?.binary).toMatchObject({ changedAt: null });
  });

  test("that were seen before the release was away for a while are remembered", async () => {
    const first = release("1", "2026-01-01T00:00:00Z", "nym-node");
    const other = release("2", "2026-01-02T00:00:00Z", "nym-node");
    server.releases = [first, other];
    let kept = await answered();
    server.releases = [other];
    kept = await answered({ kept });
    first.assets = [{ name: "nym-node", content: new TextEncoder().encode("other bytes") }];
    server.releases = [first, other];
    kept = await answered({ kept, now: NOON + SECOND });
    expect(releasesOf(kept, NODE).releases[1]?.binary).toMatchObject({ changedAt: NOON + SECOND });
  });
});
