import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { SampleEvent } from "../support/sample-events.ts";
import { waitFor } from "../support/wait.ts";
import { nymvisor, type RunningNymvisor, succeed } from "./support/nymvisor.ts";
import { nextYear, type PreparedNode, prepareNode } from "./support/prepared-node.ts";

/** Starts of the daemons of one node, told by the word that it was given; two nodes write into one event file. */
function startsOf(node: PreparedNode, version?: string): Extract<SampleEvent, { event: "started" }>[] {
  return node.events.of("started", version).filter(({ args }) => args?.[0] === node.id);
}

async function waitForStart(node: PreparedNode, version: string): Promise<void> {
  await waitFor(`the start of ${node.id} as ${version}`, () => startsOf(node, version).length > 0, {
    file: node.events.path,
  });
  // It is written down beside the process that has started.
  await waitFor(`the record of ${node.id}`, () => node.record().version === version);
}

/** The archives that are made before that upgrade, once they are made. */
async function backupsOf(node: PreparedNode, run: RunningNymvisor, name: string): Promise<string[]> {
  await run.waitForLog(/backed up into/);
  return readdirSync(join(node.backups, name));
}

describe("two nodes of the same daemon on one box", () => {
  test("share a release: downloaded once, performed once; each is stopped once, and saved into its own backup", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    await using runOne = await one.run(["one"]);
    await using runTwo = await two.run(["two"]);
    await waitForStart(one, "1.0.0");
    await waitForStart(two, "1.0.0");
    one.release("1.1.0");
    runOne.signal("SIGHUP");
    runTwo.signal("SIGHUP");
    await waitForStart(one, "1.1.0");
    await waitForStart(two, "1.1.0");
    expect(one.downloads()).toHaveLength(1);
    expect(one.performed()).toEqual(["1.1.0"]);
    for (const [node, run] of [
      [one, runOne],
      [two, runTwo],
    ] as const) {
      expect(node.record()).toMatchObject({ name: "1.1.0", version: "1.1.0" });
      expect(await backupsOf(node, run, "1.1.0")).toHaveLength(1);
      expect(startsOf(node)).toHaveLength(2);
    }
    expect(one.events.of("signal").map(({ version, count }) => `${version} ${count}`)).toEqual(["1.0.0 1", "1.0.0 1"]);
    // One after the other: the second is stopped when the first runs again.
    const stops = [await runOne.waitForLog(/stopping the daemon/), await runTwo.waitForLog(/stopping the daemon/)];
    const starts = [await runOne.waitForLog(/1\.1\.0 started/), await runTwo.waitForLog(/1\.1\.0 started/)];
    const timesOf = (lines: string[]) => lines.map((line) => line.slice(0, 24)).toSorted();
    expect([timesOf(starts)[0], timesOf(stops)[1]]).toEqual([timesOf(starts)[0], timesOf(stops)[1]].toSorted());
    expect((await runOne.stop()).status).toBe(0);
    expect((await runTwo.stop()).status).toBe(0);
  });

  test("follow each other when only one of them hears of the release", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    await using runTwo = await two.run(["two"]);
    await waitForStart(two, "1.0.0");
    one.release("1.1.0", { due: nextYear() });
    await using runOne = await one.run(["one"]);
    await runOne.waitForLog(/1\.1\.0 is staged/);
    await runTwo.waitForLog(/1\.1\.0 is staged/);
    one.reschedule("1.1.0", new Date());
    await waitForStart(one, "1.1.0");
    await waitForStart(two, "1.1.0");
    expect(one.performed()).toEqual(["1.1.0"]);
  });

  test("are both upgraded by one add-upgrade", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    await using _runOne = await one.run(["one"]);
    await using _runTwo = await two.run(["two"]);
    await waitForStart(one, "1.0.0");
    await waitForStart(two, "1.0.0");
    const binary = one.home.at("brought");
    await Bun.write(binary, (await Bun.file(one.binaryOf("genesis")).text()).replaceAll("1.0.0", "1.1.0"));
    Bun.spawnSync(["chmod", "755", binary]);
    const variables = { NYMVISOR_ID: "two" };
    await succeed(one.home, ["add-upgrade", "--upgrade-name", "mine", "--now", binary], { variables });
    await waitForStart(one, "1.1.0");
    await waitForStart(two, "1.1.0");
    expect(one.performed()).toEqual(["mine"]);
  });

  test("one that was off is brought forward before its next start, with a backup of its own", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    one.release("1.1.0");
    await using runOne = await one.run(["one"]);
    await waitForStart(one, "1.1.0");
    await runOne.waitForLog(/1\.1\.0 has proven itself/);
    await runOne.stop();
    expect(two.record().version).toBe("1.0.0");
    await using runTwo = await two.run(["two"]);
    await waitForStart(two, "1.1.0");
    expect(startsOf(two).map(({ version }) => version)).toEqual(["1.1.0"]);
    await runTwo.waitForLog(/1\.1\.0 started/);
    expect(runTwo.stderr).toMatch(/brought from genesis to 1\.1\.0/);
    expect(runTwo.stderr.indexOf("the copy is complete")).toBeLessThan(runTwo.stderr.indexOf("1.1.0 started"));
    expect(await backupsOf(two, runTwo, "1.1.0")).toHaveLength(1);
    expect(two.record().name).toBe("1.1.0");
    expect(one.performed()).toEqual(["1.1.0"]);
  });

  test("one that was off for two upgrades is brought to the last one at once", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    one.release("1.1.0");
    await using runOne = await one.run(["one"]);
    await waitForStart(one, "1.1.0");
    one.release("1.2.0");
    runOne.signal("SIGHUP");
    await waitForStart(one, "1.2.0");
    await runOne.waitForLog(/1\.2\.0 has proven itself/);
    await using runTwo = await two.run(["two"]);
    await waitForStart(two, "1.2.0");
    expect(startsOf(two)).toHaveLength(1);
    expect(await backupsOf(two, runTwo, "1.2.0")).toHaveLength(1);
  });

  test("one that is killed while it follows comes forward when it is run again", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    await using runTwo = await two.run(["two"]);
    await waitForStart(two, "1.0.0");
    one.release("1.1.0");
    await using runOne = await one.run(["one"]);
    await runTwo.waitForLog(/copying the home|brought from/);
    runTwo.signal("SIGKILL");
    await runTwo.exited;
    await waitForStart(one, "1.1.0");
    await using again = await two.run(["two"]);
    await again.waitForLog(/1\.1\.0 1\.1\.0 started/);
    await waitForStart(two, "1.1.0");
    expect(two.record().version).toBe("1.1.0");
    expect(one.performed()).toEqual(["1.1.0"]);
    expect((await runOne.stop()).status).toBe(0);
  });

  test("end each for itself: stopping one leaves the other alone", async () => {
    await using one = await prepareNode({ id: "one" });
    await using two = await prepareNode({ id: "two", beside: one });
    await using runOne = await one.run(["one"]);
    await using _runTwo = await two.run(["two"]);
    await waitForStart(one, "1.0.0");
    await waitForStart(two, "1.0.0");
    expect((await runOne.stop()).status).toBe(0);
    const [other] = startsOf(two);
    expect(one.running()).toEqual([other?.pid ?? 0]);
  });
});

test("nodes of different daemons on one box have nothing to do with each other", async () => {
  await using node = await prepareNode({ id: "node" });
  await using api = await prepareNode({ id: "api", daemon: "nym-api", beside: node });
  api.announce(api.publish("1.0.0"));
  await using _runNode = await node.run(["node"]);
  await using runApi = await api.run(["api"]);
  await waitForStart(node, "1.0.0");
  await waitForStart(api, "1.0.0");
  api.release("1.1.0");
  runApi.signal("SIGHUP");
  await waitForStart(api, "1.1.0");
  expect(node.current()).toBe("genesis");
  expect(startsOf(node)).toHaveLength(1);
  expect(existsSync(node.historyPath)).toBe(false);
});

test("with two instances run asks which one is meant", async () => {
  await using one = await prepareNode({ id: "one" });
  await using _two = await prepareNode({ id: "two", beside: one });
  const { status, stderr } = await nymvisor(one.home, ["run", "run"]);
  expect(status).toBe(1);
  expect(stderr).toContain("one, two");
  expect(stderr).toContain("NYMVISOR_ID=");
  expect(one.events.of("started")).toEqual([]);
});
