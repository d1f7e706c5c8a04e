import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { nextBinary, readJson } from "./support/instance.ts";
import { nymvisor, type RunningNymvisor } from "./support/nymvisor.ts";
import { type PreparedNode, prepareNode } from "./support/prepared-node.ts";
import { contentsOf } from "./support/tree.ts";

const SETTINGS = { NYMVISOR_HEALTH_PROBATION: "300ms", NYMVISOR_HEALTH_INTERVAL: "100ms" };

const type = (node: PreparedNode, ...words: string[]) => nymvisor(node.home, words);
/** What waits, or is unpacked, is told on stderr meanwhile. */
async function rollback(node: PreparedNode, ...words: string[]) {
  const ended = await type(node, "rollback", "--yes", "-o", "json", ...words);
  expect(ended).toMatchObject({ status: 0 });
  return JSON.parse(ended.stdout);
}

const database = (node: PreparedNode) => join(node.daemonHome, "database");
const written = (node: PreparedNode) => readFileSync(database(node), "utf8");
const pinned = (node: PreparedNode) =>
  readJson<{ pin: { release: string } | null }>(join(node.data, "operator.json")).pin?.release;

interface Told {
  upgrades: { name: string; kind: string; outcome: string; byHand: boolean; backup: string | null }[];
}
const history = async (node: PreparedNode): Promise<Told["upgrades"]> =>
  JSON.parse(expectSuccess(await type(node, "history", "-o", "json"))).upgrades;

/** Upgrades to it, waits until it has passed, and lets it write into the home. */
async function upgrade(node: PreparedNode, run: RunningNymvisor, version: string): Promise<void> {
  const binary = nextBinary(node.home, version);
  expectSuccess(await type(node, "add-upgrade", binary, "--upgrade-name", version, "--now"));
  await run.waitForEvent("started", { version });
  await waitFor(`${version} to pass`, async () =>
    (await history(node)).some(({ name, outcome }) => name === version && outcome === "passed"),
  );
  writeFileSync(database(node), `as ${version} left it`);
}

/** A node that runs 1.2.0, after 1.1.0 and genesis, each of which has written into the home. */
async function prepareThree(): Promise<{ node: PreparedNode; run: RunningNymvisor }> {
  const node = await prepareNode({ settings: SETTINGS });
  writeFileSync(database(node), "as genesis left it");
  const run = await node.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  for (const version of ["1.1.0", "1.2.0"]) await upgrade(node, run, version);
  return { node, run };
}

describe("rollback beside a node that runs", () => {
  test("goes over several versions, and forward again, each time with the data that the version had left", async () => {
    const { node: prepared, run: started } = await prepareThree();
    await using node = prepared;
    await using run = started;
    const far = await rollback(node, "--to", "genesis");
    expect(far).toMatchObject({ state: "done", from: { name: "1.2.0" }, to: { name: "genesis" }, run: run.pid });
    await run.waitForEvent("started", { version: "1.0.0", count: 2 });
    expect(written(node)).toBe("as genesis left it");
    expect(readFileSync(join(far.kept, "home", "database"), "utf8")).toBe("as 1.2.0 left it");
    expect([node.current(), pinned(node)]).toEqual(["genesis", "genesis"]);
    await rollback(node, "--to", "1.2.0");
    await run.waitForEvent("started", { version: "1.2.0", count: 2 });
    expect(written(node)).toBe("as 1.2.0 left it");
    expect(pinned(node)).toBe("1.2.0");
    expect(await rollback(node)).toMatchObject({ to: { name: "1.1.0" } });
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    expect(written(node)).toBe("as 1.1.0 left it");
    expect((await history(node)).map(({ name, kind, byHand }) => [name, kind, byHand])).toEqual([
      ["1.1.0", "upgrade", false],
      ["1.2.0", "upgrade", true],
      ["genesis", "rollback", true],
      ["1.2.0", "rollback", true],
      ["1.1.0", "rollback", true],
    ]);
  });

  test("tells first what it would cost, and changes nothing without a yes", async () => {
    await using node = await prepareNode({ settings: SETTINGS });
    writeFileSync(database(node), "as genesis left it");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    await upgrade(node, run, "1.1.0");
    const before = contentsOf(node.data);
    const text = expectSuccess(await type(node, "rollback", "--dry-run"));
    expect(text).toMatch(/^Back from 1\.1\.0 to genesis \(1\.0\.0\)\n\nLost: +everything that was written since/);
    expect(text).toContain("To undo:    nymvisor rollback --to 1.1.0 && nymvisor unpin\n");
    const planned = JSON.parse(expectSuccess(await type(node, "rollback", "--dry-run", "-o", "json")));
    expect(planned).toMatchObject({ state: "planned", kept: null, data: { homeBytes: expect.any(Number) } });
    const ended = await type(node, "rollback");
    expectFailure(ended, 2, "not put back without a yes", "--yes", "Lost:");
    expectFailure(await type(node, "rollback", "--to", "1.1.0"), 1, "1.1.0 is what this node runs");
    expectFailure(await type(node, "rollback", "--to", "9.9.9"), 1, "no build called 9.9.9", "nymvisor history");
    // The home is being archived meanwhile.
    expect(contentsOf(node.data)).toEqual(before);
    expect(written(node)).toBe("as 1.1.0 left it");
  });
});

describe("rollback where nothing runs", () => {
  async function stopped(): Promise<PreparedNode> {
    const node = await prepareNode({ settings: SETTINGS });
    writeFileSync(database(node), "as genesis left it");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    await upgrade(node, run, "1.1.0");
    await run.stop();
    return node;
  }

  test("is done at once, and the next run starts the earlier version", async () => {
    await using node = await stopped();
    const { stdout: said, stderr } = await type(node, "rollback", "--yes");
    expect(stderr).toContain("Lost:       everything that was written since");
    expect(said.replaceAll("\n", " ")).toContain("nymvisor run starts it");
    expect(said).toEndWith("To undo: nymvisor rollback --to 1.1.0 && nymvisor unpin\n");
    expect([node.current(), node.record().name, pinned(node), written(node)]).toEqual([
      "genesis",
      "genesis",
      "genesis",
      "as genesis left it",
    ]);
    expect(readdirSync(join(node.daemonHome, "nymvisor", "rolled-back"))).toHaveLength(1);
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.0.0", count: 2 });
    expect(await history(node)).toMatchObject([
      { name: "1.1.0", outcome: "rolled-back", byHand: true },
      { name: "genesis", kind: "rollback" },
    ]);
  });

  test("without the data leaves the home as it is, and is the only way where nothing is saved", async () => {
    await using node = await stopped();
    for (const name of ["backups", "copies"]) {
      rmSync(join(node.daemonHome, "nymvisor", name), { recursive: true, force: true });
    }
    expectFailure(await type(node, "rollback", "--yes"), 1, "no home is saved", "rollback --to genesis --no-data");
    expect(await rollback(node, "--no-data")).toMatchObject({ state: "done", data: null, kept: null });
    expect(written(node)).toBe("as 1.1.0 left it");
    expect(node.current()).toBe("genesis");
    expect(existsSync(join(node.daemonHome, "nymvisor", "rolled-back"))).toBe(false);
  });

  test("first finishes a way back that was interrupted, and leaves an upgrade that was to nymvisor run", async () => {
    await using node = await stopped();
    const { build_version: version, ...rest } = node.record().binaryDetails;
    const journal = {
      state: "exchanging",
      from: { name: "1.1.0", version: "1.1.0" },
      to: node.infoOf("genesis"),
      build: { ...rest, build_version: "1.0.0" },
      movesCurrent: true,
      saved: null,
      kept: null,
      exchange: null,
      why: "a person wanted it",
      byHand: true,
      startedAt: new Date().toISOString(),
    };
    expect(version).toBe("1.1.0");
    writeFileSync(join(node.instanceData, "journal.json"), "{}");
    expectFailure(await type(node, "rollback", "--yes"), 1, "an upgrade of this node was interrupted", "nymvisor run");
    rmSync(join(node.instanceData, "journal.json"));
    writeFileSync(join(node.instanceData, "way-back.json"), JSON.stringify(journal));
    expect(await rollback(node)).toEqual({ state: "finished", to: "genesis", kept: null });
    expect([node.current(), node.record().name]).toEqual(["genesis", "genesis"]);
    expect(existsSync(join(node.instanceData, "way-back.json"))).toBe(false);
  });
});
