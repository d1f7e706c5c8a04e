import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { waitFor } from "../support/wait.ts";
import { nextBinary } from "./support/instance.ts";
import { type RunningNymvisor, succeed } from "./support/nymvisor.ts";
import { nextYear, type PreparedNode, prepareNode } from "./support/prepared-node.ts";

const INFO = "/nym-node/upgrade-info.json";
const OFTEN = { NYMVISOR_UPSTREAM_POLLING_RATE: "50ms" };

/** Waits until what is announced now has been asked for, and decided about. */
async function decided(node: PreparedNode): Promise<void> {
  const asked = () => node.server.requests.filter(({ path }) => path === INFO).length;
  const before = asked();
  // The one after the next begins when the next has been decided about.
  await waitFor("two more polls", () => asked() >= before + 3);
}

function linesOf(run: RunningNymvisor, pattern: RegExp): string[] {
  return run.stderr.split("\n").filter((line) => pattern.test(line));
}

describe("the version that runs, announced again,", () => {
  test("is nothing new", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    await using run = await node.run(["run"], { variables: { NYMVISOR_LOG: "debug" } });
    await run.waitForLog(/nothing new/);
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(readdirSync(join(node.data, "upgrades"))).toEqual([]);
  });

  test("is a patch when its binaryDetails are of another build", async () => {
    await using node = await prepareNode();
    const build = { version: "1.0.0", commit: "a".repeat(40) };
    node.release("1.0.0", { name: "1.0.0-patch", build, binaryDetails: sampleBuildInfo(build) });
    await using run = await node.run();
    await run.waitForLog(/1\.0\.0-patch .*is done/);
    expect(node.record().binaryDetails.commit_sha).toBe("a".repeat(40));
    await run.waitForEvent("started", { count: 2 });
  });

  test("is nothing new when its binaryDetails are of the build that runs", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    node.release("1.0.0", { name: "1.0.0-again", binaryDetails: sampleBuildInfo({ version: "1.0.0" }) });
    await using run = await node.run();
    await run.waitForEvent("started");
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(node.downloads()).toEqual([]);
  });

  test("is a patch when what runs was downloaded, and its checksum is another", async () => {
    await using node = await prepareNode();
    node.release("1.1.0");
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is done/);
    const behaviour = { stopDelay: 1 };
    const { platforms } = node.release("1.1.0", { name: "1.1.0-patch", behaviour });
    run.signal("SIGHUP");
    await run.waitForLog(/1\.1\.0-patch .*is done/);
    const [binary] = Object.values(platforms);
    const content = await Bun.file(node.binaryOf("1.1.0-patch")).bytes();
    expect(new Bun.CryptoHasher("sha256").update(content).digest("hex")).toBe(binary?.checksum ?? "");
  });

  test("is nothing new when what runs was brought by the operator, whatever its checksum", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    node.release("1.0.0", { name: "1.0.0-official", behaviour: { stopDelay: 1 } });
    await using run = await node.run();
    await run.waitForEvent("started");
    await decided(node);
    expect(node.queue()).toEqual([]);
    expect(node.downloads()).toEqual([]);
  });
});

describe("a release is refused, once in the log, and the node runs on,", () => {
  test("when its version is lower", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    node.release("0.9.0");
    await using run = await node.run();
    await run.waitForLog(/0\.9\.0 is refused: .*lower than 1\.0\.0/);
    await decided(node);
    await decided(node);
    expect(linesOf(run, /0\.9\.0/)).toHaveLength(1);
    await waitFor("the reason in the status", () => /lower/.test(node.status().refused["0.9.0"] ?? ""));
    expect(node.queue()).toEqual([]);
    expect(node.downloads()).toEqual([]);
    expect(node.events.of("signal")).toEqual([]);
  });

  test("when its name is that of what runs, and its version another", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    node.release("1.1.0", { name: "gruyere" });
    await using run = await node.run();
    await run.waitForLog(/gruyere .*is done/);
    node.release("1.2.0", { name: "gruyere" });
    await run.waitForLog(/gruyere \(1\.2\.0\) is refused/);
    await decided(node);
    expect(linesOf(run, /is refused/)).toHaveLength(1);
    expect(node.performed()).toEqual(["gruyere"]);
    expect(node.downloads()).toHaveLength(1);
  });

  test("when its name would be another place on the disk", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    await using run = await node.run();
    await run.waitForEvent("started");
    const here = () =>
      readdirSync(node.data).filter((name) => !/^\.?sources\.json/.test(name) && !name.endsWith(".lock"));
    const before = here();
    const names = ["../../evil", "/tmp/evil", "a/b", ".", "..", ".hidden", "genesis", "current", "", "a\0b", "a\nb"];
    for (const name of [...names, "x".repeat(129)]) {
      const mark = run.mark;
      node.release("1.1.0", { name });
      await run.waitForLog(/is refused: it cannot be used as a name/, { after: mark });
    }
    expect(run.stderr).not.toContain("a\0b");
    expect(here()).toEqual(before);
    expect(readdirSync(join(node.data, "upgrades"))).toEqual([]);
    expect(node.queue()).toEqual([]);
    expect(existsSync(node.home.at("evil"))).toBe(false);
    expect(node.downloads()).toEqual([]);
    await node.oneRuns();
  });

  test("also when a person's editor put such a name into the plan", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    const hostile = node.publish("1.1.0", { name: "../../../evil" });
    node.editPlan((plan) => ({ ...plan, queuedUp: [hostile, node.publish("1.2.0")] }));
    await run.waitForLog(/is refused: it cannot be used as a name/);
    await run.waitForEvent("started", { version: "1.2.0" });
    expect(node.performed()).toEqual(["1.2.0"]);
  });
});

describe("an entry of the plan", () => {
  test("that is announced with another time is changed, and staged no second time", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    const announced = node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    node.announce({ ...announced, upgradeTime: new Date().toISOString() });
    await run.waitForLog(/1\.1\.0 is changed in the plan/);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.downloads()).toHaveLength(1);
  });

  test("that is announced with other bytes is changed, and staged anew", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const mark = run.mark;
    const { platforms } = node.release("1.1.0", { due: nextYear(), behaviour: { stopDelay: 1 } });
    await run.waitForLog(/1\.1\.0 is changed in the plan/);
    const line = await run.waitForLog(/1\.1\.0 is staged/, { after: mark });
    expect(line).toContain(platforms.any?.checksum ?? "no checksum");
    node.reschedule("1.1.0", new Date());
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.events.of("asked", "1.1.0")).toHaveLength(2);
  });

  test("that a person added is not replaced by what is announced under its name", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    const binary = nextBinary(node.home, "1.1.0");
    await using run = await node.run();
    await succeed(node.home, ["add-upgrade", "--upgrade-name", "1.1.0", "--upgrade-delay", "1h", binary]);
    await run.waitForLog(/1\.1\.0 is staged: brought by hand/);
    const before = node.plan();
    node.release("1.1.0");
    await decided(node);
    expect(node.plan()).toEqual(before);
    expect(node.downloads()).toEqual([]);
    expect(node.events.of("signal")).toEqual([]);
  });

  test("whose time a person has moved is not moved back by what is announced", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const later = new Date(Date.now() + 3_600_000);
    node.reschedule("1.1.0", later);
    await run.waitForLog(new RegExp(`1\\.1\\.0, due ${later.toISOString().slice(0, 19)}`));
    await decided(node);
    expect(Date.parse(node.plan().queuedUp[0]?.upgradeTime ?? "")).toBe(later.getTime());
    expect(linesOf(run, /changed in the plan/)).toEqual([]);
  });

  test("that a person took out stays out, also when it is announced differently, until a person wants it", async () => {
    // So often that it is asked before the watcher of the plan tells of the change.
    await using node = await prepareNode({ settings: { NYMVISOR_UPSTREAM_POLLING_RATE: "1ms" } });
    const announced = node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    node.editPlan((plan) => ({ ...plan, queuedUp: [] }));
    await run.waitForLog(/1\.1\.0 is no longer in the plan/);
    await decided(node);
    expect(node.queue()).toEqual([]);
    node.announce({ ...announced, notes: "mended" });
    await decided(node);
    expect(node.queue()).toEqual([]);
    await succeed(node.home, ["unskip", "1.1.0"]);
    await run.waitForLog(/1\.1\.0 is in the plan/, { after: run.stderr.indexOf("no longer in the plan") });
    expect(node.queue()).toEqual(["1.1.0"]);
  });

  test("that is taken out while it is downloaded is not downloaded to its end", async () => {
    await using node = await prepareNode();
    const announced = node.release("1.1.0", { serving: { stallAfter: 100 } });
    await using run = await node.run();
    const request = await node.server.nextRequest(new URL(announced.platforms.any?.url ?? "").pathname);
    await request.sent(100);
    node.editPlan((plan) => ({ ...plan, queuedUp: [] }));
    await request.closed;
    await run.waitForLog(/no longer in the plan/);
    await node.oneRuns();
  });
});
