import { describe, expect, test } from "bun:test";
import { answerWith, neverAnswer } from "../support/responders.ts";
import { waitFor } from "../support/wait.ts";
import type { GithubNode } from "./support/github-node.ts";
import {
  before,
  decided,
  entryOf,
  fetched,
  linesOf,
  prepareTrain,
  publish,
  sha256Announced,
  tagOf,
  uploadAgain,
  withdraw,
} from "./support/github-train.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What was published half an hour ago waits for half an hour more. */
const WAITING = { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" };
const halfAnHourAgo = () => before(HOUR / 2);

const emptied = (node: GithubNode) =>
  waitFor("an empty plan", () => node.queue().length === 0, { file: node.planPath });

describe("a release that waits in the plan", () => {
  test("and whose bytes change is staged anew, and its age starts again", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: halfAnHourAgo() });
    await using run = await node.run();
    await fetched(node, release.tag, sha256Announced(release));
    const entry = await entryOf(node, release.tag);
    const changed = Date.now();
    const sha256 = uploadAgain(node, release, "1.1.0");
    await fetched(node, release.tag, sha256);
    const { upgradeTime, executeFrom, platforms } = await entryOf(node, release.tag);
    // The question that told of it may have been begun a moment before.
    expect(Date.parse(upgradeTime)).toBeGreaterThanOrEqual(changed + HOUR - MINUTE);
    expect(executeFrom).toBe(upgradeTime);
    expect(Date.parse(entry.upgradeTime)).toBeLessThan(changed + HOUR - MINUTE);
    expect(JSON.stringify(platforms)).toContain(sha256);
    await decided(node);
    expect(linesOf(run, /is changed in the plan/)).toHaveLength(1);
    expect(node.events.of("asked", "1.1.0")).toEqual([]);
    // And after a restart, which knows it from the list that is kept.
    await run.stop();
    await using again = await node.run();
    await again.waitForLog(/due/);
    await decided(node);
    expect((await entryOf(node, release.tag)).upgradeTime).toBe(upgradeTime);
  });

  test("does not begin its age again for a new hashes.json", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: halfAnHourAgo() });
    await using run = await node.run();
    await fetched(node, release.tag, sha256Announced(release));
    const { upgradeTime } = await entryOf(node, release.tag);
    release.assets = release.assets.map((asset) =>
      asset.name === "hashes.json" ? { ...asset, createdAt: new Date().toISOString() } : asset,
    );
    await decided(node);
    expect((await entryOf(node, release.tag)).upgradeTime).toBe(upgradeTime);
    expect(linesOf(run, /is changed in the plan/)).toEqual([]);
  });

  test("leaves it, and is told once, when it is withdrawn, a draft, a prerelease, or without its file", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: halfAnHourAgo() });
    await using run = await node.run();
    await entryOf(node, release.tag);
    const { assets } = release;
    const ways: [RegExp, () => void, () => void][] = [
      [/its source no longer has it/, () => withdraw(node, release), () => node.github.releases.push(release)],
      [/its source no longer has it/, () => (release.draft = true), () => (release.draft = false)],
      [/it is a prerelease/, () => (release.prerelease = true), () => (release.prerelease = false)],
      [/it has no nym-node/, () => (release.assets = assets.slice(1)), () => (release.assets = assets)],
    ];
    for (const [reason, change, undo] of ways) {
      const after = run.mark;
      change();
      expect(await run.waitForLog(/leaves the plan/, { after })).toMatch(reason);
      expect(node.queue()).toEqual([]);
      await decided(node);
      undo();
      await entryOf(node, release.tag);
    }
    expect(linesOf(run, /leaves the plan/)).toHaveLength(ways.length);
    expect(linesOf(run, /skipped/)).toEqual([]);
    expect(node.events.of("asked", "1.1.0")).toEqual([]);
    expect(node.events.of("started")).toHaveLength(1);
  });

  test("leaves it at once, though the next one has to be downloaded before it can be told what it is", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: halfAnHourAgo() });
    await using run = await node.run();
    await entryOf(node, release.tag);
    const unknown = publish(node, "1.0.1", { published: before(2 * HOUR), hashes: false });
    node.github.files.set("nym-node", neverAnswer);
    withdraw(node, release);
    await run.waitForLog(/leaves the plan: its source no longer has it/);
    await emptied(node);
    node.github.files.clear();
    expect(linesOf(run, /could not be staged/)).toEqual([]);
    expect(node.events.of("asked", "1.0.1")).toEqual([]);
    expect(unknown.assets).toHaveLength(1);
  });

  test("stays while a listing is not whole, or empty", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: halfAnHourAgo() });
    // The older one is on the second page.
    node.github.mostOnPage = 1;
    await using run = await node.run();
    await entryOf(node, release.tag);
    withdraw(node, release);
    publish(node, "1.0.0", { tag: tagOf("other"), published: before(40 * 24 * HOUR) });
    for (const answer of [answerWith(500), answerWith(200, "[]"), answerWith(200, "<html></html>"), answerWith(404)]) {
      const after = run.mark;
      node.github.answerPage = (page) => (page === 2 ? answer : undefined);
      await run.waitForLog(/no answer about releases/, { after });
      await decided(node);
      expect(node.queue()).toEqual([release.tag]);
    }
    node.github.answerPage = null;
    await run.waitForLog(/leaves the plan/);
    await emptied(node);
  });
});

describe("a listing that is cut short", () => {
  test("takes nothing out of the plan, because what it lacks may stand behind its end", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: halfAnHourAgo() });
    await using run = await node.run();
    await entryOf(node, release.tag);
    // It is on the second page now, and the first one leads to another place.
    node.github.mostOnPage = 1;
    node.github.nextPage = () => "http://127.0.0.2:1/elsewhere";
    publish(node, "1.2.0", { published: before(60_000), content: new Uint8Array() });
    await run.waitForLog(/ends early/);
    await decided(node);
    expect(node.queue()).toEqual([release.tag]);
    node.github.nextPage = null;
    withdraw(node, release);
    await run.waitForLog(/leaves the plan/);
  });
});

describe("a release that was performed", () => {
  test("and whose bytes change is left alone, with one warning, also when it is withdrawn", async () => {
    await using node = await prepareTrain();
    const release = publish(node, "1.1.0");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    uploadAgain(node, release, "1.1.0");
    await run.waitForLog(/other bytes under that name/);
    await decided(node);
    expect(linesOf(run, /other bytes under that name/)).toHaveLength(1);
    withdraw(node, release);
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(node.performed()).toEqual([release.tag]);
    expect(node.events.of("started")).toHaveLength(2);
    // What follows it is taken all the same.
    publish(node, "1.2.0", { published: before(MINUTE) });
    await run.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual([release.tag, tagOf("1.2.0")]);
  });
});
