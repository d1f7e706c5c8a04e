import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { World } from "../faults/support/world.ts";
import { startReleaseServer } from "../support/release-server.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";
import { nextBinary } from "./support/instance.ts";
import { succeed } from "./support/nymvisor.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";

test("fifty add-upgrade at once, beside a nymvisor that polls and watches: all are in the plan, and each is staged", async () => {
  using home = temporaryHome();
  const server = await startReleaseServer();
  try {
    using world = new World(server, home.path);
    await world.takeIn("n1");
    const names = Array.from({ length: 50 }, (_, index) => `added-${index}`);
    const due = nextYear().toISOString();
    const run = await world.start(["run", "run"], { variables: { NYMVISOR_UPSTREAM_POLLING_RATE: "20ms" } });
    await run.waitForLog(/ started \(pid /, 20_000);
    let asked = 0;
    const announcing = setInterval(() => {
      // Differs each time, so that each poll writes.
      world.announce("1.9.0", { upgradeTime: due, notes: `${asked++}` });
    }, 20);
    const typed = names.map((name) =>
      world.succeed(["add-upgrade", "--upgrade-name", name, "--upgrade-time", due, world.binary("1.1.0")]),
    );
    await Promise.all(typed);
    // It waits for its turn like everybody else.
    await waitFor("the release to be in the plan", () => world.instance().queue().includes("1.9.0"), {
      within: 20_000,
    });
    clearInterval(announcing);
    expect(world.instance().queue().toSorted()).toEqual([...names, "1.9.0"].toSorted());
    await waitFor(
      "all of them to be staged",
      () => (run.stderr.match(/the upgrade added-.* is staged/g) ?? []).length >= 50,
      {
        within: 30_000,
      },
    );
    expect(run.stderr).not.toMatch(/ ERROR /);
    expect(await run.stop()).toMatchObject({ status: 0 });
  } finally {
    server.close();
  }
}, 120_000);

test("two that fall due together go in order, each with its backup; what is added or withdrawn meanwhile counts", async () => {
  await using node = await prepareNode({ behaviour: { stopDelay: 1_500 } });
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  const add = (name: string, version: string, ...when: string[]) =>
    succeed(node.home, ["add-upgrade", "--upgrade-name", name, ...when, nextBinary(node.home, version)]);
  for (const [name, version] of [
    ["first", "1.1.0"],
    ["second", "1.2.0"],
    ["withdrawn", "1.3.0"],
  ] as const) {
    await add(name, version, "--upgrade-time", nextYear().toISOString());
  }
  const due = new Date().toISOString();
  node.editPlan((plan) => ({ ...plan, queuedUp: plan.queuedUp.map((entry) => ({ ...entry, upgradeTime: due })) }));
  await run.waitForEvent("stopping", { version: "1.0.0" });
  node.editPlan((plan) => ({ ...plan, queuedUp: plan.queuedUp.filter(({ name }) => name !== "withdrawn") }));
  await add("added", "1.4.0", "--now");
  await run.waitForLog(/the upgrade added \(1\.4\.0\) is done/);
  for (const name of ["first", "second", "added"]) await run.waitForLog(new RegExp(`backed up into .*/${name}/`));
  expect(await run.stop()).toMatchObject({ status: 0 });
  // Not even for itself.
  expect(run.stderr).not.toContain(" waits: ");
  expect(node.performed()).toEqual(["first", "second", "added"]);
  expect(node.plan()).toMatchObject({ current: { name: "added" }, queuedUp: [] });
  expect(readdirSync(node.backups).toSorted()).toEqual(["added", "first", "second"]);
  for (const name of node.performed()) {
    const archives = readdirSync(join(node.backups, name));
    expect(archives).toEqual([expect.stringMatching(/^backup-.*-preupgrade\.tar\.gz$/)]);
    const archive = gunzipSync(readFileSync(join(node.backups, name, archives[0] ?? "")));
    expect(archive.includes("the key of the node")).toBe(true);
  }
}, 120_000);
