import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, waitFor } from "../support/wait.ts";
import { readJson } from "./support/instance.ts";
import type { RunningNymvisor } from "./support/nymvisor.ts";
import { prepareNode } from "./support/prepared-node.ts";

async function kill(run: RunningNymvisor): Promise<void> {
  run.signal("SIGKILL");
  await run.exited;
}

describe("a daemon that outlived its nymvisor", () => {
  test("is stopped by one SIGINT, and the next one is started when it is gone", async () => {
    await using node = await prepareNode({ behaviour: { stopDelay: 200 } });
    await using killed = await node.run();
    const { pid } = await killed.waitForEvent("started");
    await kill(killed);
    expect(isAlive(pid)).toBe(true);
    await using run = await node.run();
    await run.waitForLog(new RegExp(`an earlier nymvisor left \\(pid ${pid}\\)`));
    const next = await run.waitForEvent("started", { count: 2 });
    const story = node.events.all().map((entry) => `${entry.pid === pid ? "old" : "new"} ${entry.event}`);
    expect(story.filter((line) => !line.endsWith("asked"))).toEqual([
      "old started",
      "old signal",
      "old stopping",
      "old exiting",
      "new started",
    ]);
    expect(node.running()).toEqual([next.pid]);
  });

  test("and was already asked to stop is not asked again", async () => {
    await using node = await prepareNode({ behaviour: { stopDelay: 700 } });
    await using killed = await node.run();
    const { pid } = await killed.waitForEvent("started");
    killed.signal("SIGTERM");
    await killed.waitForEvent("stopping");
    await kill(killed);
    await using run = await node.run();
    await run.waitForEvent("started", { count: 2 });
    expect(node.events.of("signal").filter((entry) => entry.pid === pid)).toHaveLength(1);
    expect(node.events.of("exiting")).toHaveLength(1);
    expect(node.events.of("dropped-everything")).toEqual([]);
  });

  test("and does not stop is killed after its grace period, with its children", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "1ms" };
    await using node = await prepareNode({ behaviour: { ignoreSigint: true, spawnChild: true }, settings });
    await using killed = await node.run();
    const { pid, child } = await killed.waitForEvent("child");
    await kill(killed);
    await using run = await node.run();
    await run.waitForEvent("started", { count: 2 });
    expect([isAlive(pid), isAlive(child)]).toEqual([false, false]);
  });

  test("is found also when nymvisor was killed before it could note its pid", async () => {
    await using node = await prepareNode();
    await using killed = await node.run();
    const { pid } = await killed.waitForEvent("started");
    await kill(killed);
    const note = join(node.daemonHome, "nymvisor/daemon.json");
    const early = { ...readJson<object>(note), state: "starting", pid: null, startTime: null };
    writeFileSync(note, JSON.stringify(early));
    await using run = await node.run();
    await run.waitForEvent("started", { count: 2 });
    expect(isAlive(pid)).toBe(false);
    expect(node.events.of("signal").filter((entry) => entry.pid === pid)).toHaveLength(1);
  });

  test("is not taken for another process that has its pid now", async () => {
    await using node = await prepareNode();
    await using killed = await node.run();
    const { pid } = await killed.waitForEvent("started");
    await kill(killed);
    process.kill(pid, "SIGKILL");
    await waitFor("the daemon to end", () => !isAlive(pid));
    const innocent = Bun.spawn(["sleep", "600"]);
    try {
      const note = join(node.daemonHome, "nymvisor/daemon.json");
      writeFileSync(note, JSON.stringify({ ...readJson<object>(note), pid: innocent.pid }));
      await using run = await node.run();
      await run.waitForEvent("started", { count: 2 });
      expect(isAlive(innocent.pid)).toBe(true);
    } finally {
      innocent.kill("SIGKILL");
    }
  });
});
