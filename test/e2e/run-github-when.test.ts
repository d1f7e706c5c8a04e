import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { neverAnswer } from "../support/responders.ts";
import { waitFor } from "../support/wait.ts";
import type { GithubNode } from "./support/github-node.ts";
import {
  ageList,
  before,
  decided,
  editPlan,
  entryOf,
  linesOf,
  prepareTrain,
  publish,
  replaceJson,
  tagOf,
} from "./support/github-train.ts";
import { Instance, readJson } from "./support/instance.ts";
import { succeed } from "./support/nymvisor.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** `HH:MM-HH:MM` in UTC, from and to so many milliseconds from now. */
function window(from: number, to: number): string {
  const clock = (distance: number) => new Date(Date.now() + distance).toISOString().slice(11, 16);
  return `${clock(from)}-${clock(to)}`;
}

const closed = () => ({ NYMVISOR_POLICY_WINDOW: window(2 * HOUR, 3 * HOUR) });
const open = () => ({ NYMVISOR_POLICY_WINDOW: window(-HOUR, HOUR) });

/** Whether it is staged and waits for nothing but its time. */
async function staged(node: GithubNode, id: string, name: string): Promise<void> {
  const path = node.home.at(".nym/nymvisors/instances", id, "data/upgrade-status.json");
  await waitFor(`${name} to be staged`, () => {
    try {
      return readJson<{ upgrades: Record<string, { state: string }> }>(path).upgrades[name]?.state === "staged";
    } catch {
      return false;
    }
  });
}

describe("outside of the windows", () => {
  test("an upgrade is staged and waits for the next opening, also if a restart finds it due", async () => {
    await using node = await prepareTrain();
    const { tag } = publish(node, "1.1.0");
    const opens = Date.now() + 2 * HOUR;
    const closedNow = closed();
    await using run = await node.run(closedNow);
    await run.waitForLog(/is staged/);
    const due = Date.parse((await entryOf(node, tag)).upgradeTime);
    expect(due).toBeGreaterThan(opens - MINUTE);
    expect(due).toBeLessThanOrEqual(opens);
    await decided(node);
    await run.stop();
    expect(node.performed()).toEqual([]);
    // It was due in a window that is closed by now; the plan is older than the setting.
    await using again = await node.run(open());
    await again.waitForEvent("started", { version: "1.1.0" });
  });

  test("what a person has timed is performed all the same", async () => {
    await using node = await prepareTrain(closed());
    const { tag } = publish(node, "1.1.0");
    await using run = await node.run();
    await entryOf(node, tag);
    editPlan(node, (plan) => ({
      ...plan,
      queuedUp: plan.queuedUp.map((entry) => ({ ...entry, upgradeTime: before(MINUTE).toISOString() })),
    }));
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("the spread is drawn from what is left of the window", async () => {
    await using node = await prepareTrain({ ...open(), NYMVISOR_POLICY_SPREAD: "10h" });
    const published = before(MINUTE);
    const { tag } = publish(node, "1.1.0", { published });
    await using _ = await node.run();
    const due = Date.parse((await entryOf(node, tag)).upgradeTime);
    expect(due).toBeGreaterThanOrEqual(published.getTime());
    expect(due).toBeLessThan(Date.now() + HOUR);
  });
});

describe("a hold", () => {
  const HELD = { NYMVISOR_POLICY_HOLD: "true" };

  test("by the setting keeps the node as it is, and the plan in step, until it is lifted", async () => {
    await using node = await prepareTrain();
    publish(node, "1.1.0");
    await using run = await node.run(HELD);
    await run.waitForLog(/upgrades are held by the setting/);
    await staged(node, "node", tagOf("1.1.0"));
    publish(node, "1.2.0", { published: before(MINUTE) });
    await entryOf(node, tagOf("1.2.0"));
    await staged(node, "node", tagOf("1.2.0"));
    expect(node.queue()).toEqual([tagOf("1.2.0")]);
    expect(linesOf(run, /upgrades are held/)).toHaveLength(1);
    await run.stop();
    await using again = await node.run();
    await again.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual([tagOf("1.2.0")]);
  });

  test("until a time ends at that time", async () => {
    await using node = await prepareTrain();
    publish(node, "1.1.0");
    const until = new Date(Date.now() + 3_000);
    await using run = await node.run({ NYMVISOR_POLICY_HOLD: until.toISOString() });
    const { at } = await run.waitForEvent("started", { version: "1.1.0" });
    expect(at).toBeGreaterThanOrEqual(until.getTime());
  });

  test("by a person holds every node that shares the plan, and they go on when it is lifted", async () => {
    await using node = await prepareTrain();
    const neighbour = await besides(node);
    publish(node, "1.1.0");
    const operator = join(node.data, "operator.json");
    replaceJson(operator, { hold: { since: new Date().toISOString(), until: null } });
    await using one = await node.run({ NYMVISOR_ID: "node" });
    await using two = await node.run({ NYMVISOR_ID: neighbour.id });
    await Promise.all([one, two].map((run) => run.waitForLog(/upgrades are held by nymvisor hold/)));
    await Promise.all(["node", neighbour.id].map((id) => staged(node, id, tagOf("1.1.0"))));
    await decided(node);
    expect(node.events.of("started")).toHaveLength(2);
    replaceJson(operator, { hold: null });
    // Which of them is the second is not known.
    await Promise.all([one, two].map((run) => run.waitForEvent("started", { version: "1.1.0", count: 2 })));
    expect(node.performed()).toEqual([tagOf("1.1.0")]);
    expect([node.record().version, neighbour.record().version]).toEqual(["1.1.0", "1.1.0"]);
    // One after the other.
    const stops = node.events.all().filter(({ event, version }) => event === "started" || version === "1.0.0");
    expect(stops.map(({ event }) => event).filter((event) => event === "started" || event === "exiting")).toEqual([
      "started",
      "started",
      "exiting",
      "started",
      "exiting",
      "started",
    ]);
  });

  test("by the setting of one node does not hold its neighbour, and it is not moved itself", async () => {
    await using node = await prepareTrain();
    const neighbour = await besides(node);
    publish(node, "1.1.0");
    await using one = await node.run({ NYMVISOR_ID: "node", ...HELD });
    await one.waitForLog(/upgrades are held by the setting/);
    await using two = await node.run({ NYMVISOR_ID: neighbour.id });
    await two.waitForEvent("started", { version: "1.1.0" });
    await decided(node);
    expect(neighbour.record().version).toBe("1.1.0");
    expect(node.record().version).toBe("1.0.0");
    expect(node.events.of("started", "1.1.0")).toHaveLength(1);
    await one.stop();
    await using again = await node.run({ NYMVISOR_ID: "node" });
    await again.waitForEvent("started", { version: "1.1.0", count: 2 });
    expect(node.record().version).toBe("1.1.0");
  });
});

describe("an upgrade that is due by the plan at a start", () => {
  test("is not performed where it is too young by now, though no source answers", async () => {
    await using node = await prepareTrain({ NYMVISOR_UPSTREAM_POLLING_RATE: "1h" });
    const { tag } = publish(node, "1.1.0");
    await using run = await node.run({ NYMVISOR_POLICY_HOLD: "true" });
    await staged(node, "node", tag);
    await run.stop();
    ageList(node, 2 * HOUR);
    node.github.answerPage = () => neverAnswer;
    await using again = await node.run({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "10h" });
    const putOff = () => Date.parse(node.plan().queuedUp[0]?.upgradeTime ?? "") > Date.now() + 8 * HOUR;
    await waitFor("another time in the plan", putOff, { file: node.planPath });
    await again.stop();
    expect(node.performed()).toEqual([]);
    expect(linesOf(again, /stopping the daemon .*upgrade/)).toEqual([]);
  });

  test.each([
    ["too young by a policy that was changed since", { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "10h" }, 8 * HOUR],
    ["outside of a window that was set since", closed(), HOUR],
  ])("is not performed where it is %s", async (_name, policy, distance) => {
    await using node = await prepareTrain({ NYMVISOR_UPSTREAM_POLLING_RATE: "1h" });
    const { tag } = publish(node, "1.1.0");
    await using run = await node.run({ NYMVISOR_POLICY_HOLD: "true" });
    await staged(node, "node", tag);
    await run.stop();
    await using again = await node.run(policy);
    const putOff = () => Date.parse(node.plan().queuedUp[0]?.upgradeTime ?? "") > Date.now() + distance;
    await waitFor("another time in the plan", putOff, { file: node.planPath });
    await again.stop();
    expect(node.performed()).toEqual([]);
    expect(linesOf(again, /stopping the daemon .*upgrade/)).toEqual([]);
  });
});

describe("nodes that share a plan", () => {
  test("and want different ages wait for the longer one, and agree on that", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" });
    const neighbour = await besides(node);
    const published = before(50 * MINUTE);
    const { tag } = publish(node, "1.1.0", { published });
    const longer = { NYMVISOR_ID: neighbour.id, NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "10h" };
    await using one = await node.run({ NYMVISOR_ID: "node" });
    await entryOf(node, tag);
    await using two = await node.run(longer);
    const ofAge = published.getTime() + 10 * HOUR;
    const agreed = () => Date.parse(node.plan().queuedUp[0]?.upgradeTime ?? "") === ofAge;
    await waitFor("the longer age in the plan", agreed, { file: node.planPath });
    await decided(node);
    await decided(node);
    expect(Date.parse((await entryOf(node, tag)).executeFrom ?? "")).toBe(ofAge);
    expect(linesOf(one, /is changed in the plan/)).toEqual([]);
    expect(linesOf(two, /is changed in the plan/)).toHaveLength(1);
    // When it does not want that any more, the other's counts.
    await two.stop();
    const shortest = { NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1m" };
    await using three = await node.run({ ...longer, ...shortest });
    const shorter = () => Date.parse(node.plan().queuedUp[0]?.upgradeTime ?? "") === published.getTime() + HOUR;
    await waitFor("the shorter age in the plan", shorter, { file: node.planPath });
    await decided(node);
    expect(shorter()).toBe(true);
    await one.stop();
    await using four = await node.run({ NYMVISOR_ID: "node", ...shortest });
    await four.waitForEvent("started", { version: "1.1.0", count: 2 });
    expect(linesOf(three, /is changed in the plan/)).toHaveLength(1);
  });
});

/** Another node on the same box, with the same build and the same upgrade data. */
async function besides(node: GithubNode): Promise<Instance> {
  const neighbour = new Instance(node.home, { id: "second", daemonHome: node.home.at("second") });
  mkdirSync(neighbour.daemonHome);
  writeFileSync(join(neighbour.daemonHome, "key.pem"), "the key of the second\n");
  const words = ["init", "--id", neighbour.id, "--daemon-home", neighbour.daemonHome, node.home.at("first/nym-node")];
  await succeed(node.home, words);
  return neighbour;
}
