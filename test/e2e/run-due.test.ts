import { describe, expect, test } from "bun:test";
import { nextBinary, readJson } from "./support/instance.ts";
import { succeed } from "./support/nymvisor.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";

describe("what has to wait", () => {
  test("an upgrade of the future is staged at once, and performed at its time", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    expect(node.events.of("signal")).toEqual([]);
    const due = new Date(Date.now() + 400);
    node.reschedule("1.1.0", due);
    const asked = await run.waitForEvent("signal");
    expect(asked.at).toBeGreaterThanOrEqual(due.getTime());
    expect(asked.at).toBeLessThan(due.getTime() + 3_000);
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("an upgrade that is due before it is staged: the node runs on meanwhile", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { serving: { bytesPerSecond: 2_000 } });
    await using run = await node.run();
    await run.waitForLog(/staging the upgrade/);
    await node.oneRuns();
    await run.waitForLog(/1\.1\.0 is staged/);
    const asked = node.events.of("signal").length;
    expect(asked).toBe(0);
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("two that are due together go in order of their times", async () => {
    await using node = await prepareNode();
    const past = (seconds: number) => new Date(Date.now() - seconds * 1_000);
    const second = node.publish("1.2.0", { name: "a-later", due: past(10), serving: { bytesPerSecond: 1e6 } });
    const first = node.publish("1.1.0", { name: "b-sooner", due: past(20), serving: { bytesPerSecond: 2_000 } });
    node.editPlan((plan) => ({ ...plan, queuedUp: [second, first] }));
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.2.0" });
    await run.waitForLog(/a-later .*is done/);
    expect(node.performed()).toEqual(["b-sooner", "a-later"]);
    // The one between may have been stopped before it came to write anything down.
    expect(node.events.of("started").map(({ version }) => version)).toEqual(expect.arrayContaining(["1.0.0", "1.2.0"]));
  });

  test("nothing: one that cannot be staged does not keep a later one waiting", async () => {
    await using node = await prepareNode();
    const past = (seconds: number) => new Date(Date.now() - seconds * 1_000);
    const lost = { ...node.publish("1.1.0", { due: past(20) }), platforms: {} };
    const other = node.publish("1.2.0", { due: past(10) });
    node.editPlan((plan) => ({ ...plan, queuedUp: [lost, other] }));
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual(["1.2.0"]);
  });
});

describe("an upgrade that ends nymvisor", () => {
  test("a manual one is performed, says what to read, and ends with 0 without starting the new version", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { manual: true, notes: "Run `nym-node migrate` first,\nthen start." });
    await using run = await node.run();
    const { status, stderr } = await run.ended();
    expect(status).toBe(0);
    expect(stderr).toMatch(/1\.1\.0 needs a person.*Run `nym-node migrate` first,/);
    expect(stderr).toContain(node.infoPathOf("1.1.0"));
    expect(node.events.of("started", "1.1.0")).toEqual([]);
    expect(node.current()).toBe("upgrades/1.1.0");
    expect(node.performed()).toEqual(["1.1.0"]);
    expect(node.record().name).toBe("1.1.0");
    await using next = await node.run();
    await next.waitForEvent("started", { version: "1.1.0" });
  });

  test("any, where the daemon is not to be started after one; the next run starts the new version", async () => {
    await using node = await prepareNode({ settings: { DAEMON_RESTART_AFTER_UPGRADE: "false" } });
    node.release("1.1.0");
    await using run = await node.run();
    expect((await run.ended()).status).toBe(0);
    expect(node.events.of("started", "1.1.0")).toEqual([]);
    expect(node.performed()).toEqual(["1.1.0"]);
    await using next = await node.run();
    await next.waitForEvent("started", { version: "1.1.0" });
  });
});

describe("an upgrade of a person", () => {
  test("add-upgrade --now is noticed by the nymvisor that runs", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    await succeed(node.home, ["add-upgrade", "--upgrade-name", "mine", "--now", nextBinary(node.home, "1.0.1")]);
    await run.waitForEvent("started", { version: "1.0.1" });
    await run.waitForLog(/mine .*is staged: brought by hand/);
    expect(node.downloads()).toEqual([]);
    expect(node.performed()).toEqual(["mine"]);
  });

  test("add-upgrade --upgrade-delay is performed when that is over", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    const words = ["add-upgrade", "--upgrade-name", "mine", "--upgrade-delay", "500ms", nextBinary(node.home, "1.0.1")];
    await succeed(node.home, words);
    await run.waitForEvent("started", { version: "1.0.1" });
    const [{ info }] = readJson<{ history: [{ info: { upgradeTime: string } }] }>(node.historyPath).history;
    expect(node.events.of("signal")[0]?.at).toBeGreaterThanOrEqual(Date.parse(info.upgradeTime));
  });

  test("may lead to a lower version", async () => {
    await using node = await prepareNode({ version: "2.0.0" });
    await using run = await node.run();
    await run.waitForEvent("started");
    await succeed(node.home, ["add-upgrade", "--upgrade-name", "back", "--now", nextBinary(node.home, "1.9.0")]);
    await run.waitForEvent("started", { version: "1.9.0" });
  });
});
