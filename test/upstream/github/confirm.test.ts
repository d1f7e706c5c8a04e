import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ReleaseList } from "../../../src/model/release-list.ts";
import { releasesOf } from "../../../src/policy/github-releases.ts";
import { askGithub } from "../../../src/upstream/github/ask.ts";
import { confirmGithub } from "../../../src/upstream/github/confirm.ts";
import { githubFixture } from "../../support/github-fixture.ts";
import { type GithubRelease, hashesJson } from "../../support/github-model.ts";
import { githubQuestion, keptList } from "../../support/github-question.ts";
import { type GithubServer, startGithubServer } from "../../support/github-server.ts";
import { answerWith, neverAnswer } from "../../support/responders.ts";
import { NOON } from "../../support/upgrades.ts";

const NODE = { daemon: "nym-node", architecture: "x86_64" };
const NAME = "nym-binaries-v2025.18-jarlsberg";
const SECOND = 1_000_000_000n;

let server: GithubServer;
let kept: ReleaseList;

beforeEach(async () => {
  server = await startGithubServer({ now: () => Number(NOON / 1_000_000n) });
  server.releases = githubFixture();
  server.mostOnPage = 20;
  kept = keptList((await askGithub(githubQuestion(server.url))).list);
});

afterEach(() => server.close());

/** The answer, and how many questions it took. */
async function confirm(more: { name?: string; kept?: ReleaseList; signal?: AbortSignal } = {}) {
  const before = server.questions.length;
  const question = githubQuestion(server.url, { now: NOON + SECOND });
  const answer = await confirmGithub({ ...question, kept, name: NAME, ...more });
  return { answer, questions: server.questions.slice(before).map(({ page, status }) => [page, status]) };
}

function listed(): GithubRelease {
  const release = server.releases.find(({ tag }) => tag === NAME);
  if (release === undefined) throw new Error(`${NAME} is not in the fixture`);
  return release;
}

function releaseOf(list: ReleaseList, name = NAME) {
  return releasesOf(list, NODE).releases.find((release) => release.name === name);
}

describe("a release that is confirmed", () => {
  test("costs one conditional question for its own page", async () => {
    expect(await confirm()).toMatchObject({ answer: { outcome: "unchanged" }, questions: [[1, 304]] });
    const { questions } = await confirm({ name: "nym-binaries-v2024.4-nutella" });
    expect(questions).toEqual([[3, 304]]);
  });

  test("is unchanged when another one of its page has changed", async () => {
    server.releases = server.releases.filter(({ tag }) => tag !== "nym-binaries-v2025.17-isabirra");
    const { answer, questions } = await confirm();
    expect(answer).toMatchObject({ outcome: "unchanged", list: kept });
    expect(questions).toEqual([[1, 200]]);
  });

  test("has changed when its bytes have, and its age begins anew", async () => {
    const binary = listed().assets.findIndex(({ name }) => name === "nym-node");
    const content = new TextEncoder().encode("other bytes");
    listed().assets = [...listed().assets.toSpliced(binary, 1), { name: "nym-node", content }].filter(
      ({ name }) => name !== "hashes.json",
    );
    const { answer } = await confirm();
    expect(answer.outcome).toBe("changed");
    expect(releaseOf(answer.list)?.binary).toMatchObject({ changedAt: NOON + SECOND });
  });

  test("has changed when it is a prerelease now", async () => {
    listed().prerelease = true;
    const { answer } = await confirm();
    expect(answer.outcome).toBe("changed");
    expect(releaseOf(answer.list)?.prerelease).toBe(true);
    expect(releasesOf(answer.list, NODE).releases).toHaveLength(51);
  });

  test.each([
    ["withdrawn", () => server.releases.splice(server.releases.indexOf(listed()), 1)],
    ["a draft again", () => Object.assign(listed(), { draft: true })],
  ])("is gone when it is %s, and only it", async (_, change) => {
    change();
    const { answer } = await confirm();
    expect(answer.outcome).toBe("changed");
    expect(releaseOf(answer.list)).toBeUndefined();
    expect(releasesOf(answer.list, NODE).releases).toHaveLength(50);
  });

  test("is read whole with its page by the next listing", async () => {
    listed().prerelease = true;
    const { answer } = await confirm();
    const again = await askGithub(githubQuestion(server.url, { kept: answer.list }));
    expect(server.questions.slice(-4).map(({ status }) => status)).toEqual([200, 304, 304, 304]);
    expect(releaseOf(again.list)?.prerelease).toBe(true);
  });

  test("is what it was again when the change is taken back", async () => {
    listed().prerelease = true;
    const { answer } = await confirm();
    listed().prerelease = false;
    const again = await askGithub(githubQuestion(server.url, { kept: answer.list }));
    expect(releaseOf(again.list)?.prerelease).toBe(false);
  });

  test("keeps its checksum when only its hashes.json is uploaded again", async () => {
    const node = listed().assets.find(({ name }) => name === "nym-node");
    if (node !== undefined) node.digest = null;
    const { list } = await askGithub(githubQuestion(server.url, { kept }));
    const files = listed().assets.filter(({ name }) => name !== "hashes.json");
    listed().assets = files;
    listed().assets = [...files, hashesJson(listed(), {})];
    const { answer } = await confirm({ kept: list });
    expect(releaseOf(answer.list)?.binary).toMatchObject({
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      changedAt: null,
    });
  });
});

describe("no answer", () => {
  test.each([
    ["a refusal", answerWith(502), /\(502\)/],
    ["a web page", answerWith(200, "<html>"), /HTML/],
    ["an empty list", answerWith(200, "[]"), /empty list/],
  ])("is %s, with the reason", async (_, responder, reason) => {
    server.answerPage = () => responder;
    const { answer } = await confirm();
    expect(answer).toMatchObject({ outcome: "no-answer", list: kept, reason: expect.stringMatching(reason) });
  });

  test("is a page that may have been cut before the release", async () => {
    // The last of the train on the first page: newer releases push it to the second.
    const last = kept.pages[0]?.releases.at(-1)?.tag ?? "";
    for (let day = 10; day < 30; day += 1) {
      server.releases.push({ tag: `other-v${day}`, createdAt: `2026-03-${day}T00:00:00Z`, assets: [] });
    }
    const { answer } = await confirm({ name: last });
    expect(answer).toMatchObject({ outcome: "no-answer", list: kept });
  });

  test("comes while GitHub wants to be left alone, and nothing is sent", async () => {
    const waiting = { ...kept, waitUntil: NOON + 60n * SECOND };
    expect(await confirm({ kept: waiting })).toMatchObject({ answer: { outcome: "no-answer" }, questions: [] });
  });

  test("that is a limit is noted for the next question", async () => {
    server.retryAfter = "120";
    const { answer } = await confirm();
    expect(answer).toMatchObject({
      outcome: "no-answer",
      list: { waitUntil: NOON + 121n * SECOND, pages: kept.pages },
    });
  });

  test("is there of a release that is not kept", async () => {
    expect(await confirm({ name: "nym-binaries-v0" })).toMatchObject({
      answer: { outcome: "no-answer" },
      questions: [],
    });
  });

  test("in time ends with the signal", async () => {
    server.answerPage = () => neverAnswer;
    const reason = new Error("enough");
    await expect(confirm({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
