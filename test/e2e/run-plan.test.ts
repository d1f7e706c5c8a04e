import { describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { writeHostileDaemon } from "../support/sample-daemon.ts";
import { readJson } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";

const GARBAGE = '{"current": {"name": "gen';

describe("while nymvisor runs, a plan that", () => {
  test("is renamed into place by an editor is read at once", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    node.reschedule("1.1.0", new Date());
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("is written in place, in several pieces, is read when it is whole", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const plan = node.plan();
    const text = JSON.stringify({ ...plan, queuedUp: [{ ...plan.queuedUp[0], upgradeTime: new Date() }] }, null, 2);
    truncateSync(node.planPath);
    for (let from = 0; from < text.length; from += 100) {
      writeFileSync(node.planPath, text.slice(from, from + 100), { flag: "a" });
    }
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("changes many times in a row is read as it is in the end", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    for (let day = 1; day <= 60; day += 1) node.reschedule("1.1.0", new Date(Date.now() + day * 86_400_000));
    const last = node.plan().queuedUp[0]?.upgradeTime.slice(0, 19) ?? "";
    await run.waitForLog(new RegExp(`next upgrade is 1\\.1\\.0, due ${last}`));
    // Two changes as close as they can be.
    node.reschedule("1.1.0", nextYear());
    node.reschedule("1.1.0", new Date());
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("cannot be read is left as it is and said once; the schedule stays, and goes on when it can be read", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const text = readFileSync(node.planPath, "utf8");
    node.replacePlan(GARBAGE);
    await run.waitForLog(/the plan .* cannot be used, the schedule stays as it was/);
    node.replacePlan(GARBAGE);
    run.signal("SIGHUP");
    await run.waitForLog(/SIGHUP/);
    run.signal("SIGUSR1");
    await run.waitForLog(/SIGUSR1/);
    expect(readFileSync(node.planPath, "utf8")).toBe(GARBAGE);
    expect(run.stderr.match(/schedule stays as it was/g)).toHaveLength(1);
    expect(run.stderr).not.toContain("no longer in the plan");
    node.replacePlan(text);
    await run.waitForLog(/can be used again/);
    node.reschedule("1.1.0", new Date());
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.downloads()).toHaveLength(1);
  });

  test("is removed is said once, and read when it is there again", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const text = readFileSync(node.planPath, "utf8");
    unlinkSync(node.planPath);
    await run.waitForLog(/cannot be used, the schedule stays as it was: there is no plan/);
    writeFileSync(node.planPath, text);
    await run.waitForLog(/can be used again/);
    unlinkSync(node.planPath);
    await run.waitForLog(/there is no plan/, { after: run.stderr.indexOf("can be used again") });
    node.replacePlan(text);
    node.reschedule("1.1.0", new Date());
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("cannot be read when an upgrade is due does not stop the node", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const due = new Date(Date.now() + 1_500);
    node.reschedule("1.1.0", due);
    await run.waitForLog(new RegExp(`1\\.1\\.0, due ${due.toISOString().slice(0, 19)}`));
    const text = readFileSync(node.planPath, "utf8");
    node.replacePlan(GARBAGE);
    await run.waitForLog(/schedule stays as it was/);
    await run.waitForLog(/1\.1\.0 failed/);
    expect(node.events.of("signal")).toEqual([]);
    node.replacePlan(text);
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("loses an entry cancels what was to happen, and what is due after it happens", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const due = Date.now() + 1_000;
    node.reschedule("1.1.0", new Date(due));
    const other = node.publish("1.2.0", { due: new Date(due + 100) });
    node.editPlan((plan) => ({ ...plan, queuedUp: [other] }));
    await run.waitForLog(/1\.1\.0 is no longer in the plan/);
    const { at } = await run.waitForEvent("started", { version: "1.2.0" });
    expect(at).toBeGreaterThan(due);
    expect(node.performed()).toEqual(["1.2.0"]);
  });
});

describe("at the start, nymvisor makes", () => {
  test("a plan that is gone anew, with what was announced and is still to be done", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    {
      await using run = await node.run();
      await run.waitForLog(/1\.1\.0 is staged/);
      await run.stop();
    }
    const before = node.plan();
    unlinkSync(node.planPath);
    await using run = await node.run();
    await run.waitForLog(/upgrade-plan\.json was made anew/);
    await run.waitForEvent("started", { count: 2 });
    expect(node.plan()).toEqual(before);
  });

  test("a plan that cannot be read anew, and keeps the other", async () => {
    await using node = await prepareNode();
    const before = node.plan();
    writeFileSync(node.planPath, GARBAGE);
    await using run = await node.run();
    const [, kept = ""] = /kept as (\S+):/.exec(await run.waitForLog(/kept as/)) ?? [];
    await run.waitForEvent("started");
    expect(readFileSync(kept, "utf8")).toBe(GARBAGE);
    expect(node.plan()).toEqual(before);
  });

  test("current, when it is gone, point to what this home was last run with", async () => {
    await using node = await prepareNode();
    node.release("1.1.0");
    {
      await using run = await node.run();
      await run.waitForEvent("started", { version: "1.1.0" });
      await run.stop();
    }
    unlinkSync(join(node.data, "current"));
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    expect(node.current()).toBe("upgrades/1.1.0");
    expect(node.performed()).toEqual(["1.1.0"]);
  });

  test("upgrade-info.json of current anew, when it is gone", async () => {
    await using node = await prepareNode();
    const info = readJson(node.infoPathOf("genesis"));
    unlinkSync(node.infoPathOf("genesis"));
    await using run = await node.run();
    await run.waitForEvent("started");
    expect(readJson(node.infoPathOf("genesis"))).toEqual(info);
  });

  test("the record of this home anew, when it cannot be read; the home is saved first", async () => {
    await using node = await prepareNode();
    writeFileSync(node.recordPath, GARBAGE);
    await using run = await node.run();
    await run.waitForLog(/kept as/);
    await run.waitForLog(/backed up into/);
    await run.waitForEvent("started");
    expect(node.record().version).toBe("1.0.0");
  });
});

test("an absolute current is followed as it is", async () => {
  await using node = await prepareNode();
  const absolute = join(node.data, "genesis");
  unlinkSync(join(node.data, "current"));
  symlinkSync(absolute, join(node.data, "current"));
  await using run = await node.run();
  await run.waitForEvent("started");
  expect(node.current()).toBe(absolute);
});

test.each(["moved", "copied"])("an absolute current is put right after the folder was %s", async (how) => {
  await using node = await prepareNode();
  const old = node.home.at("old", "nym-node");
  cpSync(node.data, old, { recursive: true });
  if (how === "moved") rmSync(old, { recursive: true });
  else writeHostileDaemon(join(old, "genesis/bin/nym-node"), "fails");
  unlinkSync(join(node.data, "current"));
  symlinkSync(join(old, "genesis"), join(node.data, "current"));
  await using run = await node.run();
  await run.waitForEvent("started");
  expect(node.current()).toBe("genesis");
});

test("a current that points to nothing that is whole is an error that says what is missing", async () => {
  await using node = await prepareNode();
  unlinkSync(join(node.data, "current"));
  symlinkSync("upgrades/1.1.0", join(node.data, "current"));
  const { status, stderr } = await nymvisor(node.home, ["run", "run"]);
  expect(status).toBe(1);
  expect(stderr).toContain(node.binaryOf("1.1.0"));
  expect(node.events.of("started")).toEqual([]);
});

test("a current that is a folder is an error, and is not removed", async () => {
  await using node = await prepareNode();
  unlinkSync(join(node.data, "current"));
  await Bun.write(join(node.data, "current", "precious"), "x");
  const { status, stderr } = await nymvisor(node.home, ["run", "run"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/it is a file or a folder/);
  expect(existsSync(join(node.data, "current", "precious"))).toBe(true);
});

test("an instance whose upgrade data is gone is an error that says how to set it up", async () => {
  await using node = await prepareNode();
  rmSync(node.data, { recursive: true });
  const { status, stderr } = await nymvisor(node.home, ["run", "run"]);
  expect(status).toBe(1);
  expect(stderr).toContain("nymvisor init");
});
