import { describe, expect, test } from "bun:test";
import type { GithubRelease } from "../support/github-model.ts";
import { answerWith } from "../support/responders.ts";
import { waitFor } from "../support/wait.ts";
import type { GithubNode } from "./support/github-node.ts";
import {
  ageList,
  before,
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

/** What waits for its age, and what lets it go. */
const LONG = { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" };
const SHORT = { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1m" };

/** A node with 1.1.0 in its plan, whose last answer is `age` milliseconds old. */
async function waitingNode(age: number): Promise<{ node: GithubNode; release: GithubRelease }> {
  const node = await prepareTrain({ ...LONG, NYMVISOR_UPSTREAM_POLLING_RATE: "1h" });
  const release = publish(node, "1.1.0", { published: before(30 * MINUTE) });
  await using run = await node.run();
  await entryOf(node, release.tag);
  await fetched(node, release.tag, sha256Announced(release));
  await run.stop();
  ageList(node, age);
  return { node, release };
}

describe("just before an upgrade", () => {
  test("GitHub is asked once whether its release still is what it was, if the last answer is a minute old", async () => {
    const { node, release } = await waitingNode(2 * MINUTE);
    await using _ = node;
    await using run = await node.run(SHORT);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.github.questions).toHaveLength(2);
    expect(node.github.questions[1]?.status).toBe(304);
    expect(node.performed()).toEqual([release.tag]);
  });

  test("GitHub is not asked if the last answer is younger", async () => {
    const { node } = await waitingNode(0);
    await using _ = node;
    await using run = await node.run(SHORT);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.github.questions).toHaveLength(1);
  });

  test("no valid answer stops nothing", async () => {
    const { node } = await waitingNode(2 * MINUTE);
    await using _ = node;
    node.github.answerPage = () => answerWith(503);
    await using run = await node.run(SHORT);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.github.questions).toHaveLength(2);
    expect(node.performed()).toEqual([tagOf("1.1.0")]);
  });

  test("a release that was withdrawn meanwhile is not performed, and the node is not stopped", async () => {
    const { node, release } = await waitingNode(2 * MINUTE);
    await using _ = node;
    withdraw(node, release);
    await using run = await node.run(SHORT);
    expect(await run.waitForLog(/leaves the plan/)).toContain("its source no longer has it");
    await run.waitForLog(/was broken off/);
    expect(node.queue()).toEqual([]);
    expect(node.performed()).toEqual([]);
    expect(node.github.questions).toHaveLength(2);
    expect(linesOf(run, /stopping the daemon/)).toEqual([]);
  });

  test("a release whose bytes have changed meanwhile is not performed, and its age starts again", async () => {
    const { node, release } = await waitingNode(2 * MINUTE);
    await using _ = node;
    const changed = Date.now();
    const sha256 = uploadAgain(node, release, "1.1.0");
    const asked = node.events.of("asked", "1.1.0").length;
    await using run = await node.run(SHORT);
    await run.waitForLog(/is changed in the plan/);
    await fetched(node, release.tag, sha256);
    const { upgradeTime } = await entryOf(node, release.tag);
    expect(Date.parse(upgradeTime)).toBeGreaterThanOrEqual(changed + MINUTE);
    expect(node.performed()).toEqual([]);
    expect(linesOf(run, /stopping the daemon/)).toEqual([]);
    // The first ones were of age, and were asked who they are.
    await waitFor("the first bytes to be asked", () => node.events.of("asked", "1.1.0").length === asked + 1);
  });
});
