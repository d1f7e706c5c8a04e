import { describe, expect, test } from "bun:test";
import { waitFor } from "../support/wait.ts";
import {
  before,
  decided,
  entryOf,
  fetched,
  isExecutable,
  prepareTrain,
  publish,
  sha256Announced,
  tagOf,
} from "./support/github-train.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const times = (entry: { upgradeTime: string; executeFrom?: string }) => ({
  due: Date.parse(entry.upgradeTime),
  from: Date.parse(entry.executeFrom ?? ""),
});

describe("before the age of a release has passed", () => {
  test("it is downloaded and verified, and nothing of it is executed; then it is performed at once", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" });
    const published = before(HOUR - 5_000);
    const release = publish(node, "1.1.0", { published });
    await using run = await node.run();
    await fetched(node, release.tag, sha256Announced(release));
    const ofAge = published.getTime() + HOUR;
    expect(isExecutable(node.binaryOf(release.tag))).toBe(false);
    expect(Date.now()).toBeLessThan(ofAge);
    expect(times(await entryOf(node, release.tag))).toEqual({ due: ofAge, from: ofAge });
    const { at } = await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.events.of("asked", "1.1.0")[0]?.at).toBeGreaterThanOrEqual(ofAge);
    expect(at).toBeLessThan(ofAge + 10_000);
    expect(node.github.downloads.filter(({ path }) => path.endsWith("/nym-node"))).toHaveLength(2);
  });

  test("one whose version only its binary tells is not asked for it; then it is, and performed", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" });
    const published = before(HOUR - 4_000);
    publish(node, "1.1.0", { published, hashes: false });
    await using run = await node.run();
    await decided(node);
    expect(node.queue()).toEqual([]);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.events.of("asked", "1.1.0")[0]?.at).toBeGreaterThanOrEqual(published.getTime() + HOUR);
  });

  test("it counts from the upload of its binary, where that came later", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" });
    const release = publish(node, "1.1.0", { published: before(5 * HOUR) });
    const uploaded = before(10 * MINUTE);
    for (const asset of release.assets) asset.createdAt = uploaded.toISOString();
    await using _ = await node.run();
    const ofAge = uploaded.getTime() + HOUR;
    expect(times(await entryOf(node, release.tag))).toEqual({ due: ofAge, from: ofAge });
  });

  test("one that is older keeps its place until a younger one may be taken itself", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" });
    const older = publish(node, "1.1.0", { published: before(50 * MINUTE) });
    publish(node, "1.2.0", { published: before(10 * MINUTE) });
    await using run = await node.run();
    await entryOf(node, older.tag);
    await decided(node);
    expect(node.queue()).toEqual([older.tag]);
    await run.stop();
    await using again = await node.run({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "5m" });
    await again.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual([tagOf("1.2.0")]);
    expect(node.events.of("asked", "1.1.0")).toEqual([]);
  });
});

describe("the time in the plan", () => {
  test("is the end of the age and a share of the spread, and is computed anew when the policy has changed", async () => {
    await using node = await prepareTrain({
      NYMVISOR_UPSTREAM_POLLING_RATE: "1h",
      NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h",
      NYMVISOR_POLICY_SPREAD: "2h",
    });
    const published = before(50 * MINUTE);
    publish(node, "1.1.0", { published });
    const ofAge = published.getTime() + HOUR;
    const atStart = async (variables: Record<string, string>, expected: (due: number) => boolean) => {
      await using run = await node.run(variables);
      const due = () => node.plan().queuedUp.map(({ upgradeTime }) => Date.parse(upgradeTime))[0] ?? Number.NaN;
      await waitFor("its time in the plan", () => expected(due()), { file: node.planPath });
      await run.stop();
      return due();
    };
    const first = await atStart({}, (due) => due >= ofAge && due < ofAge + 2 * HOUR);
    const share = (first - ofAge) / (2 * HOUR);
    const longer = { NYMVISOR_POLICY_SPREAD: "20h" };
    // In whole seconds each.
    await atStart(longer, (due) => Math.abs(due - ofAge - share * 20 * HOUR) <= 11_000);
    await atStart({ NYMVISOR_POLICY_SPREAD: "0s" }, (due) => due === ofAge);
    await atStart({}, (due) => due === first);
    expect(node.github.questions).toHaveLength(1);
    expect(node.performed()).toEqual([]);
    await using run = await node.run({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1m", NYMVISOR_POLICY_SPREAD: "0s" });
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("is a day and up to an hour away, where nobody has said otherwise", async () => {
    const unset = { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "", NYMVISOR_POLICY_SPREAD: "" };
    await using node = await prepareTrain(unset);
    const published = before(3 * HOUR);
    const release = publish(node, "1.1.0", { published });
    await using _ = await node.run();
    const { due, from } = times(await entryOf(node, release.tag));
    expect(from).toBe(published.getTime() + 24 * HOUR);
    expect(due).toBeGreaterThanOrEqual(from);
    expect(due).toBeLessThan(from + HOUR);
  });
});
