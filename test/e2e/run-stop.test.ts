import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { neverAnswer } from "../support/responders.ts";
import { writeHostileDaemon } from "../support/sample-daemon.ts";
import { waitFor } from "../support/wait.ts";
import { AT_ONCE, expectStopped } from "./support/expect-stopped.ts";
import { processesOf } from "./support/nymvisor.ts";
import { prepareNode } from "./support/prepared-node.ts";

describe("a stop holds in every phase:", () => {
  test("while a source does not answer", async () => {
    await using node = await prepareNode();
    node.server.serve("/nym-node/upgrade-info.json", neverAnswer);
    await using run = await node.run();
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    run.signal("SIGTERM");
    await expectStopped(node, run);
  });

  test("while a binary is downloaded; the part is kept for the next time", async () => {
    await using node = await prepareNode();
    const { platforms } = node.publish("1.1.0", { serving: { stallAfter: 100 } });
    node.release("1.1.0", { platforms });
    const path = new URL(platforms.any?.url ?? "").pathname;
    await using run = await node.run();
    await (await node.server.nextRequest(path)).sent(100);
    run.signal("SIGTERM");
    await expectStopped(node, run);
    expect(node.current()).toBe("genesis");
    expect(existsSync(node.binaryOf("1.1.0"))).toBe(false);
  });

  test("while a downloaded binary is asked for its build information", async () => {
    await using node = await prepareNode();
    const hanging = writeHostileDaemon(node.home.at("hanging"), "hangs and ignores signals");
    const content = await Bun.file(hanging).bytes();
    node.server.serveFile("/binaries/hanging", content);
    const checksum = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    const any = { url: `${node.server.url}/binaries/hanging`, checksum, checksumAlgorithm: "sha256" };
    node.release("1.1.0", { platforms: { any } });
    await using run = await node.run();
    await waitFor("the binary to be asked", () => node.running().length > 0 && processesOf(node.home).length > 3);
    run.signal("SIGTERM");
    await expectStopped(node, run);
  });

  test("while the binary of current is asked for its build information, before the first start", async () => {
    await using node = await prepareNode();
    unlinkSync(node.binaryOf("genesis"));
    writeHostileDaemon(node.binaryOf("genesis"), "hangs");
    await using run = await node.run();
    await waitFor("the binary to be asked", () => processesOf(node.home).length > 1);
    run.signal("SIGTERM");
    await expectStopped(node, run);
    expect(node.events.of("started")).toEqual([]);
  });

  test("while another process holds the lock of the upgrades, before the first start", async () => {
    await using node = await prepareNode();
    const holder = holdLock(join(node.data, "upgrade.lock"));
    await holder.ready;
    try {
      await using run = await node.run();
      await run.waitForLog(/runs the instance/);
      run.signal("SIGTERM");
      await expectStopped(node, run);
      expect(node.events.of("started")).toEqual([]);
    } finally {
      holder.release();
    }
  });

  test("while it waits to start a failed daemon again", async () => {
    const settings = { DAEMON_RESTART_ON_FAILURE: "true", DAEMON_FAILURE_RESTART_DELAY: "1h" };
    await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 1 }, settings });
    await using run = await node.run();
    await run.waitForLog(/starts again in 1h/);
    run.signal("SIGTERM");
    expect((await run.ended(AT_ONCE)).status).toBe(0);
    expect(node.events.of("started")).toHaveLength(1);
  });

  test("while a daemon that an earlier nymvisor left is being stopped", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "500ms" };
    await using node = await prepareNode({ behaviour: { stopDelay: 400 }, settings });
    await using killed = await node.run();
    await killed.waitForEvent("started");
    killed.signal("SIGKILL");
    await killed.exited;
    await using run = await node.run();
    await run.waitForEvent("stopping");
    run.signal("SIGTERM");
    await run.waitForLog(/SIGTERM received/);
    await expectStopped(node, run);
    expect(node.events.of("started")).toHaveLength(1);
  });

  test("while the daemon stops for an upgrade, which then does not happen", async () => {
    await using node = await prepareNode({ behaviour: { stopDelay: 500 } });
    node.release("1.1.0");
    await using run = await node.run();
    await run.waitForEvent("stopping");
    run.signal("SIGTERM");
    expect(await run.waitForLog(/SIGTERM received/)).toMatch(/\d+ s left/);
    const { stderr } = await expectStopped(node, run);
    expect(stderr).toMatch(/1\.1\.0 was broken off/);
    expect(node.current()).toBe("genesis");
    expect(node.events.of("started", "1.1.0")).toEqual([]);
    await using next = await node.run();
    await next.waitForEvent("started", { version: "1.1.0" });
  });

  test("while the home is copied: nothing of that is kept, and the upgrade is still to come", async () => {
    await using node = await prepareNode();
    // What cannot be compressed takes long enough to be in the midst of it.
    mkdirSync(join(node.daemonHome, "data"));
    for (let index = 0; index < 12; index += 1) {
      writeFileSync(join(node.daemonHome, "data", `${index}.db`), randomBytes(8 << 20));
    }
    node.release("1.1.0");
    await using run = await node.run();
    await run.waitForLog(/copying the home/);
    run.signal("SIGTERM");
    const { stderr } = await expectStopped(node, run);
    expect(stderr).toMatch(/1\.1\.0 was broken off/);
    expect(stderr).not.toContain("current is now");
    expect(node.current()).toBe("genesis");
    expect(readdirSync(join(node.backups, "1.1.0"))).toEqual([]);
    expect(readdirSync(join(node.daemonHome, "nymvisor/copies"))).toEqual([]);
    expect(node.events.of("started", "1.1.0")).toEqual([]);
    expect(node.queue()).toEqual(["1.1.0"]);
    await using next = await node.run();
    await next.waitForEvent("started", { version: "1.1.0" });
    await next.waitForLog(/backed up into/);
    expect(readdirSync(join(node.backups, "1.1.0"))).toHaveLength(1);
  });

  test("at any moment of an upgrade: no daemon is told twice, none is left, and what was not done yet is done next", async () => {
    await using node = await prepareNode();
    node.release("1.1.0");
    // Later from round to round, so that each phase of the start and of the upgrade is met, on a slow machine too.
    for (let after = 5; node.current() === "genesis"; after += Math.max(9, after / 20)) {
      await using run = await node.run();
      const asked = Bun.sleep(after).then(() => run.signal("SIGTERM"));
      const { status, signal, stderr } = await run.ended(AT_ONCE);
      await asked;
      // Before it listens to signals it has started nothing.
      if (signal === "SIGTERM") expect(stderr).toBe("");
      else expect(status).toBe(0);
      expect(processesOf(node.home)).toEqual([]);
    }
    expect(node.current()).toBe("upgrades/1.1.0");
    expect(node.events.of("signal").filter(({ count }) => count > 1)).toEqual([]);
    expect(node.performed()).toEqual(["1.1.0"]);
    expect(node.record().version).toBe("1.1.0");
    await using last = await node.run();
    await last.waitForEvent("started", { version: "1.1.0", count: node.events.of("started", "1.1.0").length + 1 });
  });
});

/** Holds a lock as another process does. */
function holdLock(path: string): { ready: Promise<unknown>; release(): void } {
  const holder = Bun.spawn(["flock", path, "sh", "-c", "echo held; exec sleep 600"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    detached: true,
  });
  return { ready: holder.stdout.getReader().read(), release: () => void process.kill(-holder.pid, "SIGKILL") };
}
