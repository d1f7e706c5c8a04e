import { describe, expect, test } from "bun:test";
import { isAlive } from "../support/wait.ts";
import { AT_ONCE, expectStopped, signalsOf } from "./support/expect-stopped.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT"] as const;

describe("while the daemon runs", () => {
  test.each(STOP_SIGNALS)("%s stops it by one SIGINT, and nymvisor ends with 0", async (signal) => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    run.signal(signal);
    const { stderr } = await expectStopped(node, run);
    expect(stderr).toContain(`${signal} received: stopping`);
    expect(node.events.of("exiting")).toHaveLength(1);
  });

  test("nymvisor ends with 0 also when the daemon answers the stop with a failure", async () => {
    const settings = { DAEMON_RESTART_ON_FAILURE: "true", DAEMON_FAILURE_RESTART_DELAY: "1ms" };
    await using node = await prepareNode({ behaviour: { stopCode: 3 }, settings });
    await using run = await node.run();
    await run.waitForEvent("started");
    run.signal("SIGTERM");
    await expectStopped(node, run);
    expect(node.events.of("started")).toHaveLength(1);
  });

  test("further signals while it stops are logged with the seconds left, and change nothing", async () => {
    await using node = await prepareNode({ behaviour: { stopDelay: 600 } });
    await using run = await node.run();
    await run.waitForEvent("started");
    run.signal("SIGTERM");
    await run.waitForEvent("stopping");
    for (const signal of STOP_SIGNALS) {
      run.signal(signal);
      const line = await run.waitForLog(new RegExp(`${signal} received: .*already`));
      const [, seconds] = /(\d+) s left/.exec(line) ?? [];
      expect(Number(seconds)).toBeWithin(8, 12);
    }
    await expectStopped(node, run);
    expect(node.events.of("dropped-everything")).toEqual([]);
    expect(node.events.of("exiting")).toHaveLength(1);
  });

  test("a daemon that ends a little after its grace period is still let end by itself", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "200ms" };
    await using node = await prepareNode({ behaviour: { stopDelay: 500 }, settings });
    await using run = await node.run();
    await run.waitForEvent("started");
    run.signal("SIGTERM");
    const { stderr } = await expectStopped(node, run);
    expect(node.events.of("exiting")).toHaveLength(1);
    expect(stderr).not.toContain("killed");
  });

  test("a daemon that goes on is killed with its whole group, a second after its grace period", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "100ms" };
    await using node = await prepareNode({ behaviour: { ignoreSigint: true, spawnChild: true }, settings });
    await using run = await node.run();
    const { child } = await run.waitForEvent("child");
    run.signal("SIGTERM");
    const asked = await run.waitForEvent("signal");
    const { stderr } = await expectStopped(node, run);
    const took = performance.timeOrigin + performance.now() - asked.at;
    expect(took).toBeGreaterThan(1_050);
    expect(took).toBeLessThan(3_000);
    expect(stderr).toMatch(/did not stop in 1s 100ms and was killed/);
    expect(isAlive(child)).toBe(false);
  });

  test("what the daemon leaves in its group when it stops is killed, too", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "1ms" };
    await using node = await prepareNode({ behaviour: { spawnChild: true }, settings });
    await using run = await node.run();
    const { child } = await run.waitForEvent("child");
    run.signal("SIGINT");
    await expectStopped(node, run);
    expect(isAlive(child)).toBe(false);
  });

  test("a daemon that is stopped (SIGSTOP) is ended all the same", async () => {
    const settings = { DAEMON_SHUTDOWN_GRACE_PERIOD: "1ms" };
    await using node = await prepareNode({ settings });
    await using run = await node.run();
    const { pid } = await run.waitForEvent("started");
    process.kill(pid, "SIGSTOP");
    run.signal("SIGTERM");
    expect((await run.ended(AT_ONCE)).status).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });
});

describe("other signals", () => {
  test.each(["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGXCPU", "SIGXFSZ"] as const)(
    "%s changes nothing, and does not reach the daemon",
    async (signal) => {
      await using node = await prepareNode();
      await using run = await node.run();
      const { pid } = await run.waitForEvent("started");
      run.signal(signal);
      await run.waitForLog(new RegExp(`${signal} received: it changes nothing`));
      expect(signalsOf(node, pid)).toEqual([]);
      run.signal("SIGTERM");
      await expectStopped(node, run);
    },
  );

  test("SIGPIPE, SIGPWR, SIGCHLD, SIGCONT, SIGWINCH and SIGURG end nothing", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    for (const signal of ["SIGPIPE", "SIGPWR", "SIGCHLD", "SIGCONT", "SIGWINCH", "SIGURG"] as const) run.signal(signal);
    run.signal("SIGUSR1");
    await run.waitForLog(/SIGUSR1 received/);
    run.signal("SIGTERM");
    await expectStopped(node, run);
  });

  test("SIGHUP asks the source again at once, and does not reach the daemon", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    await run.waitForEvent("started");
    run.signal("SIGHUP");
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    run.signal("SIGTERM");
    await expectStopped(node, run);
  });

  test("SIGHUP during a poll asks once more when that is over", async () => {
    await using node = await prepareNode();
    const held = Promise.withResolvers<void>();
    node.server.serve("/nym-node/upgrade-info.json", () => held.promise);
    await using run = await node.run();
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    node.release("1.1.0", { due: nextYear() });
    run.signal("SIGHUP");
    await run.waitForLog(/SIGHUP received/);
    held.resolve();
    await run.waitForLog(/1\.1\.0 is staged/);
  });
});
