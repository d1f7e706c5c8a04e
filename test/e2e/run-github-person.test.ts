import { describe, expect, test } from "bun:test";
import { waitFor } from "../support/wait.ts";
import {
  before,
  decided,
  editPlan,
  entryOf,
  linesOf,
  prepareTrain,
  publish,
  tagOf,
  uploadAgain,
  withdraw,
} from "./support/github-train.ts";
import { nextBinary, readJson } from "./support/instance.ts";
import { succeed } from "./support/nymvisor.ts";

const HOUR = 3_600_000;
const WAITING = { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" };

describe("an entry that a person takes out of the plan", () => {
  test("counts as skipped, also after a restart, until another release comes", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    await using run = await node.run();
    await entryOf(node, release.tag);
    editPlan(node, (plan) => ({ ...plan, queuedUp: [] }));
    await run.waitForLog(/was taken out of the plan and is skipped/);
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(linesOf(run, /was taken out of the plan and is skipped/)).toHaveLength(1);
    await run.stop();
    // Though nothing else would keep it waiting.
    await using again = await node.run({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "0s" });
    await again.waitForEvent("started", { count: 2 });
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(linesOf(again, /skipped/)).toEqual([]);
    publish(node, "1.2.0", { published: before(HOUR / 4) });
    await again.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual([tagOf("1.2.0")]);
  });

  test("counts as skipped when it was taken out while no nymvisor ran", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    await using run = await node.run();
    await entryOf(node, release.tag);
    await run.stop();
    editPlan(node, (plan) => ({ ...plan, queuedUp: [] }));
    await using again = await node.run({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "0s" });
    await again.waitForLog(/was taken out of the plan and is skipped/);
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(node.events.of("started").map(({ version }) => version)).toEqual(["1.0.0", "1.0.0"]);
  });
});

describe("a time that a person has changed in the plan", () => {
  test("is kept, while other bytes of its release are followed all the same", async () => {
    await using node = await prepareTrain(WAITING);
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    await using run = await node.run();
    await entryOf(node, release.tag);
    const later = new Date(Date.now() + 100 * HOUR).toISOString();
    editPlan(node, (plan) => ({
      ...plan,
      queuedUp: plan.queuedUp.map((entry) => ({ ...entry, upgradeTime: later })),
    }));
    await run.waitForLog(new RegExp(`due ${later.slice(0, 19)}`));
    await decided(node);
    expect(Date.parse((await entryOf(node, release.tag)).upgradeTime)).toBe(Date.parse(later));
    const sha256 = uploadAgain(node, release, "1.1.0");
    const follows = () => JSON.stringify(node.plan()).includes(sha256);
    await waitFor("the new bytes in the plan", follows, { file: node.planPath });
    expect(Date.parse((await entryOf(node, release.tag)).upgradeTime)).toBe(Date.parse(later));
    // Also when the policy has changed.
    await run.stop();
    await using again = await node.run({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "0s" });
    await again.waitForEvent("started", { count: 2 });
    await decided(node);
    expect(Date.parse((await entryOf(node, release.tag)).upgradeTime)).toBe(Date.parse(later));
    // A younger one does not take its place, and it leaves with its release.
    withdraw(node, release);
    await again.waitForLog(/leaves the plan: its source no longer has it/);
  });

  test("is no reason to execute what is too young", async () => {
    await using node = await prepareTrain(WAITING);
    const published = before(HOUR - 4_000);
    const release = publish(node, "1.1.0", { published });
    await using run = await node.run();
    await entryOf(node, release.tag);
    editPlan(node, (plan) => ({
      ...plan,
      queuedUp: plan.queuedUp.map((entry) => ({ ...entry, upgradeTime: before(HOUR).toISOString() })),
    }));
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.events.of("asked", "1.1.0")[0]?.at).toBeGreaterThanOrEqual(published.getTime() + HOUR);
  });
});

describe("an upgrade that a person has added", () => {
  test("stays as it is, whatever GitHub has under its name, and beside what GitHub has", async () => {
    await using node = await prepareTrain(WAITING);
    const binary = nextBinary(node.home, "1.1.0");
    await using run = await node.run();
    const words = ["add-upgrade", "--upgrade-name", tagOf("1.1.0"), "--upgrade-delay", "10h", binary];
    await succeed(node.home, words);
    await run.waitForLog(/brought by hand/);
    const [added] = node.plan().queuedUp;
    const info = readJson(node.infoPathOf(tagOf("1.1.0")));
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    publish(node, "1.2.0", { published: before(HOUR / 3) });
    await decided(node);
    withdraw(node, release);
    await decided(node);
    await entryOf(node, tagOf("1.2.0"));
    expect(node.plan().queuedUp.find(({ name }) => name === tagOf("1.1.0"))).toEqual(added);
    expect(readJson(node.infoPathOf(tagOf("1.1.0")))).toEqual(info);
    expect(linesOf(run, /leaves the plan/)).toEqual([]);
  });
});
