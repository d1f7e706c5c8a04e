import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { releasesOf } from "../../../src/policy/github-releases.ts";
import { type AskGithubOptions, askGithub, type GithubAnswer } from "../../../src/upstream/github/ask.ts";
import { testCertificate } from "../../support/certificate.ts";
import { startForwardProxy } from "../../support/forward-proxy.ts";
import { githubFixture } from "../../support/github-fixture.ts";
import { type GithubAsset, type GithubRelease, hashesJson } from "../../support/github-model.ts";
import { githubQuestion } from "../../support/github-question.ts";
import { type GithubServer, startGithubServer } from "../../support/github-server.ts";
import type { Responder } from "../../support/release-server.ts";
import {
  answerDripping,
  answerEndlessly,
  answerGzipBomb,
  answerWith,
  neverAnswer,
  redirectTo,
} from "../../support/responders.ts";

const NODE = { daemon: "nym-node", architecture: "x86_64" };

let server: GithubServer;

beforeEach(async () => {
  server = await startGithubServer();
});

afterEach(() => server.close());

function ask(more: Partial<AskGithubOptions> = {}): Promise<GithubAnswer> {
  return askGithub(githubQuestion(server.url, more));
}

function release(tag: string, more: Partial<GithubRelease> = {}): GithubRelease {
  const content = new TextEncoder().encode(`nym-node of ${tag}`);
  return { tag, createdAt: "2026-01-01T00:00:00Z", assets: [{ name: "nym-node", content }], ...more };
}

const GOOD = "nym-binaries-v2026.1-good";

describe("an answer that is no list", () => {
  const lists: [string, Responder, RegExp][] = [
    ["a web page", answerWith(200, "<!doctype html><html></html>"), /it is a web page \(HTML\) and not JSON/],
    ["nothing", answerWith(200, ""), /the answer is empty/],
    ["no JSON", answerWith(200, "[{"), /it is not JSON/],
    ["an empty list", answerWith(200, "[]"), /it is an empty list/],
    ["an object", answerWith(200, '{"message":"Not\\nFound"}'), /it is no list of releases; it says "Not\\nFound"/],
    ["null", answerWith(200, "null"), /it is no list of releases/],
    ["endless", answerEndlessly({ type: "application/json" }), /it is longer than 16 MiB|it is longer than 16\.0 MiB/],
    ["a gzip bomb", answerGzipBomb(64 << 20), /it is longer than 16/],
    ["deeper than any", answerWith(200, "[".repeat(100) + "]".repeat(100)), /nested more than/],
    ["an unasked 304", answerWith(304), /status 304/],
    ["denied without a word", answerWith(403), /denies access/],
    ["a redirect to nowhere", redirectTo("http://"), /is not a URL/],
    ["a redirect to itself", redirectTo("/repos/nymtech/nym/releases?per_page=100"), /more than 5 times/],
  ];
  test.each(lists)("(%s) leaves what is kept, and says why", async (_, responder, reason) => {
    server.releases = githubFixture();
    const { list: kept } = await ask();
    server.answerPage = () => responder;
    const answer = await ask({ kept: { ...kept, pages: kept.pages.map((page) => ({ ...page, etag: null })) } });
    if (answer.outcome !== "failed") throw new Error(`it is ${answer.outcome}`);
    expect(answer.failure.message).toMatch(reason);
    expect(releasesOf(answer.list, NODE).releases).toHaveLength(51);
    expect(answer.list.answeredAt).toBe(kept.answeredAt);
  });

  test("in time is given up", async () => {
    server.answerPage = () => neverAnswer;
    expect(await ask({ limits: { firstByte: 50 } })).toMatchObject({
      outcome: "failed",
      failure: { phase: "first-byte" },
    });
  });

  test("because nobody is there says so", async () => {
    const gone = await startGithubServer();
    gone.close();
    expect(await askGithub(githubQuestion(gone.url))).toMatchObject({
      outcome: "failed",
      failure: { phase: "connect" },
    });
  });
});

describe("pages", () => {
  beforeEach(() => {
    server.releases = githubFixture();
    server.mostOnPage = 20;
  });

  test("that lead in a loop are read once each", async () => {
    server.nextPage = (page) => `${server.url}${server.listPath}?per_page=100&page=${page === 3 ? 2 : page + 1}`;
    const answer = await ask();
    expect(answer.outcome).toBe("answered");
    expect(answer.warnings).toEqual(["the list of releases ends early: page 3 leads back to one that was read before"]);
    expect(server.questions.map(({ page }) => page)).toEqual([1, 2, 3]);
  });

  test("that lead to another origin are left there", async () => {
    const other = await startGithubServer();
    server.nextPage = () => `${other.url}${other.listPath}?page=2`;
    const answer = await ask({ token: "ghp_secret" });
    expect(answer.outcome).toBe("answered");
    expect(answer.warnings.at(-1)).toStartWith("the list of releases ends early: page 1 leads to another place than ");
    expect(other.questions).toEqual([]);
    other.close();
  });

  test("without an end are read as far as ten", async () => {
    server.mostOnPage = 5;
    const answer = await ask();
    expect(answer.outcome).toBe("answered");
    expect(answer.warnings).toEqual([
      "the list of releases ends early: it goes on after 10 pages, the most that are read",
    ]);
    expect(server.questions).toHaveLength(10);
  });

  test("of which one is empty are no whole listing", async () => {
    server.answerPage = (page) => (page === 4 ? answerWith(200, "[]") : undefined);
    expect(await ask()).toMatchObject({ outcome: "failed", list: { pages: [] } });
  });
});

describe("a release that is not as it should be", () => {
  const elements: [string, Record<string, unknown>, string][] = [
    ["without a tag", { tag_name: undefined }, "a listed release is left out: tag_name: "],
    ["with null for a tag", { tag_name: null }, "a listed release is left out: tag_name: "],
    [
      "with a tag of megabytes",
      { tag_name: `nym-binaries-v${"x".repeat(1 << 20)}` },
      "a listed release is left out: tag_name: ",
    ],
    ["without a date", { published_at: undefined }, `${GOOD} is left out: published_at: `],
    ["with null for a date", { published_at: null }, `${GOOD} is left out: published_at: `],
    ["with a date that is none", { published_at: "yesterday" }, `${GOOD} is left out: published_at: `],
    ["that may be a prerelease or not", { prerelease: null }, `${GOOD} is left out: prerelease: `],
    ["that may be a draft or not", { draft: undefined }, `${GOOD} is left out: draft: `],
    ["without a list of files", { assets: null }, `${GOOD} is left out: assets: `],
  ];
  test.each(elements)("(%s) is left out with its reason, and hides no other", async (_, json, reason) => {
    server.releases = [release(GOOD, { json }), release("nym-binaries-v2026.2-other")];
    const { releases, warnings } = releasesOf((await ask()).list, NODE);
    expect(releases.map(({ name }) => name)).toEqual(["nym-binaries-v2026.2-other"]);
    expect(warnings).toEqual([expect.stringContaining(reason)]);
  });

  test("but has all that matters is taken", async () => {
    server.releases = [release(GOOD, { json: { name: null, body: null, html_url: null, created_at: null, id: null } })];
    const { releases, warnings } = releasesOf((await ask()).list, NODE);
    expect(releases).toMatchObject([{ name: GOOD, page: null, objection: null }]);
    expect(warnings).toEqual([]);
  });

  test.each([
    ["nym-binaries-v1/../../etc", "it holds a slash"],
    ["nym-binaries-v1\nforged: line", "it holds a control character"],
    [`nym-binaries-v${"1".repeat(300)}`, "it is longer than 128 bytes"],
  ])("(called %j) is refused, under a name that can be printed", async (tag, reason) => {
    server.releases = [release(tag), release(GOOD)];
    const { releases } = releasesOf((await ask()).list, NODE);
    const [refused] = releases.filter(({ objection }) => objection !== null);
    expect(refused?.objection).toBe(`its name cannot be used: ${reason}`);
    expect(refused?.name).toMatch(/^[\x20-\x7e…]{1,170}$/);
    expect(releases).toHaveLength(2);
  });

  test("is none that hides in a page of thousands", async () => {
    const many = Array.from({ length: 2000 }, () => ({ tag_name: 1 }));
    server.answerPage = () => answerWith(200, JSON.stringify(many));
    const { list } = await ask();
    expect(list.pages[0]?.leftOut).toHaveLength(21);
    expect(list.pages[0]?.leftOut[0]).toBe("all but 1000 of 2000 on one page");
    expect(list.pages[0]?.leftOut[20]).toBe("and 981 more are left out");
  });
});

describe("a file that is not as it should be", () => {
  const assets: [string, Partial<GithubAsset>, string][] = [
    ["of size 0", { content: new Uint8Array() }, "its nym-node is empty (0 bytes)"],
    ["that has not arrived", { state: "starter" }, "its nym-node has not arrived yet"],
    ["of no size", { json: { size: null } }, "its nym-node is left out: size: "],
    ["of a size below 0", { json: { size: -1 } }, "its nym-node is left out: size: "],
    ["without an id", { json: { id: undefined } }, "its nym-node is left out: id: "],
    [
      "without an address",
      { json: { browser_download_url: null } },
      "its nym-node is left out: browser_download_url: ",
    ],
    [
      "at no address",
      { json: { browser_download_url: "nym-node" } },
      "its nym-node is left out: its address is no URL",
    ],
    ["on this machine", { json: { browser_download_url: "file:///bin/sh" } }, "its address is no URL of https"],
    ["without a date", { json: { created_at: null } }, "its nym-node is left out: created_at: "],
    ["without a name", { json: { name: null } }, "a file without a name is left out"],
  ];
  test.each(assets)("(%s) is no binary, and the reason can be read", async (_, asset, reason) => {
    const content = new TextEncoder().encode("nym-node");
    server.releases = [
      release(GOOD, { assets: [{ name: "nym-node", content, ...asset }] }),
      release("nym-binaries-v1"),
    ];
    const { releases } = releasesOf((await ask()).list, NODE);
    expect(releases.find(({ name }) => name === GOOD)?.binary).toEqual({ missing: expect.stringContaining(reason) });
    expect(releases.find(({ name }) => name !== GOOD)?.binary).toHaveProperty("sha256");
  });
});

describe("where files are", () => {
  test("is https where the API is", async () => {
    const secure = await startGithubServer({ certificate: testCertificate });
    const json = { browser_download_url: `${server.url}/nym-node` };
    const content = new TextEncoder().encode("nym-node");
    secure.releases = [release(GOOD, { assets: [{ name: "nym-node", content, json }] })];
    const answer = await askGithub(githubQuestion(secure.url, { certificateAuthority: testCertificate.cert }));
    expect(releasesOf(answer.list, NODE).releases[0]?.binary).toEqual({
      missing: expect.stringContaining("its address is plain http"),
    });
    secure.close();
  });

  test("cannot become http by a redirect", async () => {
    const secure = await startGithubServer({ certificate: testCertificate });
    const listed = release(GOOD);
    listed.assets.push(hashesJson(listed, {}));
    secure.releases = [listed];
    secure.redirectFilesTo = server.filesUrl;
    const answer = await askGithub(githubQuestion(secure.url, { certificateAuthority: testCertificate.cert }));
    expect(answer.warnings).toEqual([expect.stringContaining("the address it is redirected to is plain http")]);
    expect(server.downloads).toEqual([]);
    secure.close();
  });

  test("cannot be inside a private network when the API is not", async () => {
    const proxy = startForwardProxy();
    const listed = release(GOOD);
    listed.assets.push(hashesJson(listed, {}));
    server.releases = [listed];
    const apiUrl = server.url.replace("127.0.0.1", "api.example.org");
    const answer = await askGithub(githubQuestion(apiUrl, { environment: { http_proxy: proxy.url } }));
    expect(answer.outcome).toBe("answered");
    expect(answer.warnings).toEqual([expect.stringContaining("is inside a private network (127.0.0.1)")]);
    expect(server.downloads).toEqual([]);
    proxy.close();
  });
});

test("a hashes.json that drips in ends with the signal", async () => {
  const listed = release(GOOD);
  listed.assets.push(hashesJson(listed, {}));
  server.releases = [listed];
  const controller = new AbortController();
  const arrived = Promise.withResolvers<void>();
  server.files.set("hashes.json", (exchange) => {
    arrived.resolve();
    return answerDripping(1)(exchange);
  });
  const attempt = ask({ signal: controller.signal });
  await arrived.promise;
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(attempt).rejects.toBe(reason);
});
