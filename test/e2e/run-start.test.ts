import { describe, expect, test } from "bun:test";
import { chmodSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { neverAnswer } from "../support/responders.ts";
import { writeHostileDaemon, writeSampleDaemon } from "../support/sample-daemon.ts";
import { isAlive } from "../support/wait.ts";
import { expectFailure } from "./support/expect.ts";
import { nymvisor, succeed } from "./support/nymvisor.ts";
import { prepareNode } from "./support/prepared-node.ts";

describe("the start", () => {
  test("has the daemon running within a second, without waiting for a source that does not answer", async () => {
    await using node = await prepareNode();
    node.server.serve("/nym-node/upgrade-info.json", neverAnswer);
    const began = performance.timeOrigin + performance.now();
    await using run = await node.run();
    const { at } = await run.waitForEvent("started");
    expect(at - began).toBeLessThan(1000);
  });

  test("is refused while another nymvisor runs the instance, and names its pid", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    const { pid } = await run.waitForEvent("started");
    const variables = { NYMVISOR_ID: node.id };
    expectFailure(await nymvisor(node.home, ["run", "run"], { variables }), 1, `pid ${run.pid}`, "already runs");
    expect(node.events.of("started")).toHaveLength(1);
    expect(isAlive(pid)).toBe(true);
    expect((await run.stop()).status).toBe(0);
    await using next = await node.run();
    await next.waitForEvent("started", { count: 2 });
  });

  test("is refused while another instance runs a daemon on the same home, also by another path to it", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    symlinkSync(node.daemonHome, node.home.at("link"));
    for (const DAEMON_HOME of [node.daemonHome, node.home.at("link")]) {
      const variables = { NYMVISOR_CONFIG_PATH: node.config, NYMVISOR_ID: "other", DAEMON_HOME };
      expectFailure(await nymvisor(node.home, ["run", "run"], { variables }), 1, `pid ${run.pid}`);
    }
    await node.oneRuns();
  });

  test("is not hindered by locks that nobody holds any more", async () => {
    await using node = await prepareNode();
    const stale = JSON.stringify({ pid: process.pid, startTime: 1, purpose: "run" });
    for (const path of [join(node.daemonHome, "nymvisor/run.lock"), join(node.data, "upgrade.lock")]) {
      writeFileSync(path, stale);
    }
    await using run = await node.run();
    await run.waitForEvent("started");
    expect((await run.stop()).status).toBe(0);
  });

  test("is a usage error without the daemon's home", async () => {
    await using node = await prepareNode();
    rmSync(node.daemonHome, { recursive: true });
    expectFailure(await nymvisor(node.home, ["run", "run"]), 2, node.daemonHome, "DAEMON_HOME");
    expect(node.events.of("started")).toEqual([]);
  });

  test("is refused with both sides when the binary was exchanged for another build", async () => {
    await using node = await prepareNode();
    unlinkSync(node.binaryOf("genesis"));
    writeSampleDaemon(node.binaryOf("genesis"), { version: "1.0.1", commit: "f".repeat(40) });
    const ended = await nymvisor(node.home, ["run", "run"]);
    expectFailure(ended, 1, "f".repeat(40), node.record().binaryDetails.commit_sha);
    expect(node.events.of("started")).toEqual([]);
    // What the error says to type.
    expect(ended.stderr).toContain(`nymvisor add-upgrade --upgrade-name NAME --now ${node.binaryOf("genesis")}`);
    await succeed(node.home, ["add-upgrade", "--upgrade-name", "mine", "--now", node.binaryOf("genesis")]);
    expect(ended.stderr).toContain(`ln -sfn upgrades/NAME ${join(node.data, "current")}`);
    unlinkSync(join(node.data, "current"));
    symlinkSync("upgrades/mine", join(node.data, "current"));
    await using run = await node.run();
    await run.waitForEvent("started");
    expect(node.record()).toMatchObject({ name: "mine", binaryDetails: { commit_sha: "f".repeat(40) } });
  });

  test("is refused with both sides when the home was run with a newer build than current", async () => {
    await using node = await prepareNode();
    const record = node.record();
    const binaryDetails = { ...record.binaryDetails, build_version: "2.0.0" };
    writeFileSync(node.recordPath, JSON.stringify({ ...record, name: "2.0.0", version: "2.0.0", binaryDetails }));
    expectFailure(await nymvisor(node.home, ["run", "run"]), 1, "2.0.0", "1.0.0");
    expect(node.events.of("started")).toEqual([]);
    expect(node.record().version).toBe("2.0.0");
  });

  test.each(["missing", "not executable", "prints garbage", "foreign ELF"] as const)(
    "is refused when the binary of current is %s, and names it",
    async (kind) => {
      await using node = await prepareNode();
      unlinkSync(node.binaryOf("genesis"));
      writeHostileDaemon(node.binaryOf("genesis"), kind);
      expectFailure(await nymvisor(node.home, ["run", "run"]), 1, node.binaryOf("genesis"));
      expect(node.events.of("started")).toEqual([]);
    },
  );

  test("does not mind that the folder it is typed in is not writable, nor a umask that hides everything", async () => {
    await using node = await prepareNode();
    const through = ["/bin/sh", "-c", 'umask 077; exec "$0" "$@"'];
    chmodSync(node.daemonHome, 0o700);
    await using run = await node.run(["run"], { cwd: "/proc", through });
    await run.waitForEvent("started");
    expect((await run.stop()).status).toBe(0);
  });
});
