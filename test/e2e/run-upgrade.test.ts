import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeGolden, readGolden } from "../support/golden.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { waitFor } from "../support/wait.ts";
import { goldenBuildInfo } from "./support/golden-instance.ts";
import { readJson } from "./support/instance.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";
import { listTree } from "./support/tree.ts";

/** That each of these stands in the text, in this order. */
function expectInOrder(text: string, patterns: readonly RegExp[]): void {
  const found = patterns.map((pattern) => text.search(pattern));
  expect(found).not.toContain(-1);
  expect(found).toEqual(found.toSorted((a, b) => a - b));
}

describe("a release that is due", () => {
  test("is made ready while the node runs; then stop, backup, switch, start, and nothing else between", async () => {
    await using node = await prepareNode();
    const words = ["run", "--id", "x", "", "--", "-h"];
    await using run = await node.run(words);
    await run.waitForEvent("started");
    node.release("1.1.0", { name: "2026.20-gruyere" });
    run.signal("SIGHUP");
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/2026\.20-gruyere .*is done; the daemon was down for/);
    await run.waitForLog(/backed up into/);

    const story = node.events.all().map(({ event, version }) => `${version} ${event}`);
    expect(story.slice(story.indexOf("1.0.0 started"))).toEqual([
      "1.0.0 started",
      "1.1.0 asked",
      "1.0.0 signal",
      "1.0.0 stopping",
      "1.0.0 exiting",
      "1.1.0 started",
    ]);
    expectInOrder(run.stderr, [
      /genesis 1\.0\.0 started/,
      /2026\.20-gruyere \(1\.1\.0\) is in the plan/,
      /staging the upgrade 2026\.20-gruyere/,
      /2026\.20-gruyere \(1\.1\.0\) is staged: downloaded/,
      /upgrading from genesis to 2026\.20-gruyere/,
      /copying the home for the upgrade/,
      /the home is copied/,
      /stopping the daemon/,
      /the copy is complete/,
      /current is now 2026\.20-gruyere/,
      /2026\.20-gruyere 1\.1\.0 started/,
      /2026\.20-gruyere \(1\.1\.0\) is done/,
      /backed up into/,
    ]);
    const starts = node.events.of("started");
    expect(starts.map(({ args }) => args)).toEqual([words, words]);
    expect(node.downloads()).toHaveLength(1);
    expect(node.current()).toBe("upgrades/2026.20-gruyere");
    expect(node.queue()).toEqual([]);
    expect(node.plan().current.name).toBe("2026.20-gruyere");
    expect(node.performed()).toEqual(["2026.20-gruyere"]);
    expect(node.record()).toMatchObject({ name: "2026.20-gruyere", version: "1.1.0" });
    expect(node.record().binaryDetails).toEqual(sampleBuildInfo({ version: "1.1.0" }));
    expect((await run.stop()).status).toBe(0);
  });

  test("runs at the next start as well, without another upgrade", async () => {
    await using node = await prepareNode();
    node.release("1.1.0");
    {
      await using run = await node.run();
      await run.waitForEvent("started", { version: "1.1.0" });
      expect((await run.stop()).status).toBe(0);
    }
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    expect(node.performed()).toEqual(["1.1.0"]);
    expect(node.events.of("started", "1.0.0")).toHaveLength(1);
  });

  test("is found by polling alone, at the configured rate", async () => {
    await using node = await prepareNode({ settings: { NYMVISOR_UPSTREAM_POLLING_RATE: "100ms" } });
    await using run = await node.run();
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    node.release("1.1.0");
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("follows the one before it once that has proven itself: an upgrade of an upgrade", async () => {
    await using node = await prepareNode({ settings: { NYMVISOR_HEALTH_PROBATION: "100ms" } });
    node.release("1.1.0");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    node.release("1.2.0");
    run.signal("SIGHUP");
    await run.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual(["1.1.0", "1.2.0"]);
    expect(node.events.of("signal").map(({ version }) => version)).toEqual(["1.0.0", "1.1.0"]);
  });

  test("goes on though the old daemon ends with a failure when it is stopped", async () => {
    await using node = await prepareNode({ behaviour: { stopCode: 9 } });
    node.release("1.1.0");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    expect((await run.stop()).status).toBe(0);
  });

  test("goes on though the old daemon has to be killed", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "1ms" };
    await using node = await prepareNode({ behaviour: { ignoreSigint: true }, settings });
    node.release("1.1.0");
    await using run = await node.run();
    const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.running()).toEqual([pid]);
    expect(node.events.of("signal", "1.0.0")).toHaveLength(1);
  });

  test("whose new version fails at once, and is not gone back from, ends nymvisor with that version's status", async () => {
    await using node = await prepareNode({ settings: { NYMVISOR_ROLLBACK_AUTOMATIC: "false" } });
    node.release("1.1.0", { behaviour: { exitAfter: 0, exitCode: 12 } });
    await using run = await node.run();
    expect((await run.ended()).status).toBe(12);
    expect(node.current()).toBe("upgrades/1.1.0");
  });

  test("keeps the fields of the plan and of the announcement that nymvisor does not know", async () => {
    await using node = await prepareNode();
    node.editPlan((plan) => ({ ...plan, comment: "kept" }));
    node.announce({ ...node.publish("1.1.0"), urgency: "high" } as never);
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/1\.1\.0 is done/);
    expect(node.plan()).toMatchObject({ comment: "kept", current: { name: "1.1.0", urgency: "high" } });
    expect(readJson<object>(node.infoPathOf("1.1.0"))).toMatchObject({ urgency: "high" });
    expect(readJson<object>(node.historyPath)).toMatchObject({ history: [{ info: { urgency: "high" } }] });
  });
});

describeGolden("after an upgrade", () => {
  test("the documents are what the Rust program writes, byte for byte, and lie where it looks", async () => {
    await using node = await prepareNode();
    const published = node.publish("1.1.0", { build: { info: goldenBuildInfo("1.1.0") } });
    const { platforms } = published;
    const upgradeTime = "2026-11-21T09:08:32.734724Z";
    node.announce({ ...published, upgradeTime });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is done/);
    const performedAt = readJson<{ history: { performedAt: string }[] }>(node.historyPath).history[0]?.performedAt;
    const golden = (name: string) =>
      JSON.stringify(
        JSON.parse(readGolden(`after-upgrade/${name}`), (key, value) => {
          if (key === "platforms") return platforms;
          // Of an upgrade's entry; in the record it is when the upgrade was performed.
          if (key === "upgradeTime") return name.endsWith("current-version.json") ? performedAt : upgradeTime;
          return key === "performedAt" ? performedAt : value;
        }),
        null,
        2,
      );
    const text = (path: string) => readFileSync(path, "utf8");
    const data = "nymvisors/data/nym-node";
    expect(performedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    expect(text(node.infoPathOf("1.1.0"))).toBe(golden(`${data}/upgrades/1.1.0/upgrade-info.json`));
    expect(text(node.planPath)).toBe(golden(`${data}/upgrade-plan.json`));
    expect(text(node.historyPath)).toBe(golden(`${data}/upgrade-history.json`));
    const record = golden("nym-nodes/n/nymvisor/current-version.json");
    expect(text(node.recordPath)).toBe(record);
    expect(text(join(node.daemonHome, "nymvisor/current-version.json"))).toBe(record);
    expect(readlinkSync(join(node.daemonHome, "nymvisor/current-version.json"))).toBe("current-version-info.json");

    const tree = listTree(node.home.at(".nym/nymvisors/data"));
    const goldenTree = readGolden("after-upgrade/TREE.txt").split("\n");
    const expected = goldenTree.filter((line) => line.includes(" nymvisors/data/"));
    expect(tree).toEqual(expect.arrayContaining(expected.map((line) => line.replace("nymvisors/data/", ""))));
  });
});

test("a binary that is exchanged after it was staged is not switched to, and the node is not stopped for it", async () => {
  await using node = await prepareNode();
  node.release("1.1.0", { due: nextYear() });
  await using run = await node.run();
  await run.waitForLog(/1\.1\.0 is staged/);
  writeFileSync(node.binaryOf("1.1.0"), "#!/bin/sh\nexit 0\n");
  node.reschedule("1.1.0", new Date());
  await run.waitForLog(/1\.1\.0 failed: the binary .* is not the one that was verified/);
  // Once the plan is touched it is looked at anew, and is no binary of the node at all.
  node.editPlan((plan) => plan);
  await waitFor("the reason", () => /is not a Nym binary/.test(node.status().upgrades["1.1.0"]?.reason ?? ""));
  expect(node.events.of("signal")).toEqual([]);
  expect(node.current()).toBe("genesis");
});

test("a history that cannot be read is kept aside, and does not keep the upgrade from happening", async () => {
  await using node = await prepareNode();
  writeFileSync(node.historyPath, '{"history": [');
  node.release("1.1.0");
  await using run = await node.run();
  await run.waitForLog(/1\.1\.0 is done/);
  const [, kept] = /kept as (\S+):/.exec(run.stderr) ?? [];
  expect(readFileSync(kept ?? "", "utf8")).toBe('{"history": [');
  expect(node.performed()).toEqual(["1.1.0"]);
});

test("a binary is asked for its build information once, and not again at each start", async () => {
  await using node = await prepareNode();
  node.release("1.1.0");
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.1.0" });
  await run.stop();
  await using next = await node.run();
  await next.waitForEvent("started", { version: "1.1.0", count: 2 });
  expect(node.events.of("asked", "1.1.0")).toHaveLength(1);
  await next.stop();
  expect(existsSync(join(node.data, "upgrade.lock"))).toBe(false);
  expect(lstatSync(node.binaryOf("1.1.0")).mode & 0o777).toBe(0o755);
});
