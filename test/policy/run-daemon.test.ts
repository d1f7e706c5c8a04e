import { describe, expect, test } from "bun:test";
import { exitStatus } from "../../src/policy/run.ts";
import { DONE, deeds, ending, entry, HOUR, MINUTE, plan, RunMachine, SECOND, START, said } from "./run-machine.ts";

describe("a run", () => {
  test("starts its daemon first of all", () => {
    const machine = new RunMachine();
    expect(machine.state.phase.kind).toBe("starting");
    machine.take({ type: "started" });
    expect(machine.state.phase).toEqual({ kind: "running", since: machine.monotonic });
  });

  test("ends with 0 when the daemon ends with 0, although restarts are on", () => {
    const machine = RunMachine.running({ restartOnFailure: true });
    expect(ending(machine.exit(0))).toMatchObject({ exitCode: 0 });
  });

  test("hands on the daemon's own exit code when restarts are off", () => {
    const machine = RunMachine.running({ restartOnFailure: false });
    expect(ending(machine.exit(42))).toMatchObject({ exitCode: 42, why: expect.stringContaining("exited with 42") });
  });

  test("hands on the daemon's signal as 128 and its number", () => {
    const machine = RunMachine.running({ restartOnFailure: false });
    expect(ending(machine.exit(null, "SIGSEGV"))).toMatchObject({
      exitCode: 139,
      why: expect.stringContaining("SIGSEGV"),
    });
  });

  test("ends with 1 when the daemon cannot be started and restarts are off", () => {
    const machine = new RunMachine({ restartOnFailure: false });
    const effects = machine.take({ type: "start-failed", reason: "no such file" });
    expect(said(effects)).toEqual(["daemon.start-failed"]);
    expect(ending(effects)).toMatchObject({ exitCode: 1, why: expect.stringContaining("no such file") });
  });

  test("decides nothing more once it has ended", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    machine.exit(0);
    const { state } = machine;
    expect([
      machine.take({ type: "started" }),
      machine.take({ type: "start-failed", reason: "too late" }),
      machine.exit(1),
      machine.stop(),
      machine.read(plan(entry("1.2.0"))),
      machine.staged("1.1.0"),
      machine.stagingFails("1.1.0"),
      machine.upgradeEnds(),
      machine.take({ type: "recorded" }),
      machine.take({ type: "recording-failed", reason: "too late" }),
      machine.pass(HOUR),
    ]).toEqual(Array(11).fill([]));
    expect(machine.state).toEqual(state);
    expect(machine.wake()).toEqual({ monotonic: null, wall: null });
  });
});

test.each([
  [0, null, 0],
  [1, null, 1],
  [255, null, 255],
  [null, "SIGHUP", 129],
  [null, "SIGINT", 130],
  [null, "SIGABRT", 134],
  [null, "SIGKILL", 137],
  [null, "SIGSEGV", 139],
  [null, "SIGTERM", 143],
  [143, "SIGTERM", 143],
  [null, "SIGSYS", 159],
  [null, "SIGNEVER", 128],
  [null, null, 1],
])("exit code %p and signal %p become the exit status %i", (exitCode, signal, status) => {
  expect(exitStatus(exitCode, signal)).toBe(status);
});

describe("a failed daemon", () => {
  test("starts again after the delay, and not before", () => {
    const machine = RunMachine.running({ failureRestartDelay: 10n * SECOND });
    expect(said(machine.exit(1))).toEqual(["daemon.exited", "daemon.restart-scheduled"]);
    expect(machine.wake().monotonic).toBe(machine.monotonic + 10n * SECOND);
    expect(deeds(machine.pass(10n * SECOND - 1n))).toEqual([]);
    expect(deeds(machine.pass(1n))).toEqual([START]);
  });

  test("waits out its delay however the wall clock jumps", () => {
    const machine = RunMachine.running();
    machine.exit(1);
    expect(deeds(machine.setClock(5n * HOUR))).toEqual([]);
    expect(deeds(machine.setClock(-10n * HOUR))).toEqual([]);
    machine.monotonic += 10n * SECOND;
    expect(deeds(machine.take({ type: "time-passed" }))).toEqual([START]);
  });

  test("starts again at once when there is no delay", () => {
    const machine = RunMachine.running({ failureRestartDelay: 0n });
    expect(deeds(machine.exit(1))).toEqual([START]);
  });

  test("is started once, however often time passes meanwhile", () => {
    const machine = RunMachine.running();
    machine.exit(1);
    machine.pass(10n * SECOND);
    expect(deeds(machine.pass(MINUTE))).toEqual([]);
    expect(deeds(machine.read(plan()))).toEqual([]);
  });

  /** Fails so often, each time after it ran so long; tells at which failure the run gave up. */
  function failuresUntilEnd(machine: RunMachine, ranFor: readonly bigint[]): number | undefined {
    for (const [index, duration] of ranFor.entries()) {
      machine.pass(duration);
      if (ending(machine.exit(7)) !== undefined) return index + 1;
      machine.sleep();
      machine.take({ type: "started" });
    }
    return undefined;
  }

  test("is given up at the most failures in a row", () => {
    const machine = RunMachine.running({ maxStartupFailures: 3 });
    expect(failuresUntilEnd(machine, [0n, SECOND, 119n * SECOND, 0n])).toBe(3);
  });

  test.each([
    [0, 1],
    [1, 1],
    [2, 2],
  ])("with at most %i failures is given up at failure %i", (maxStartupFailures, last) => {
    expect(failuresUntilEnd(RunMachine.running({ maxStartupFailures }), [0n, 0n, 0n])).toBe(last);
  });

  test("that ran for the whole startup period starts the count at 1 again", () => {
    const machine = RunMachine.running({ maxStartupFailures: 3, startupPeriod: 120n * SECOND });
    expect(failuresUntilEnd(machine, [0n, 0n, 120n * SECOND, 0n, 0n, 0n])).toBe(5);
  });

  test("that ran for a nanosecond less counts on", () => {
    const machine = RunMachine.running({ maxStartupFailures: 3, startupPeriod: 120n * SECOND });
    expect(failuresUntilEnd(machine, [0n, 0n, 120n * SECOND - 1n])).toBe(3);
  });

  test("that always runs long enough is never given up", () => {
    const machine = RunMachine.running({ maxStartupFailures: 2, startupPeriod: 120n * SECOND });
    expect(failuresUntilEnd(machine, Array(20).fill(120n * SECOND))).toBeUndefined();
  });

  test("is judged by how long it ran, not by the wall clock", () => {
    const machine = RunMachine.running({ maxStartupFailures: 2 });
    machine.exit(1);
    machine.pass(10n * SECOND);
    machine.take({ type: "started" });
    machine.setClock(24n * HOUR);
    expect(ending(machine.exit(1))).toMatchObject({ exitCode: 1 });
  });

  test("that could not even be started counts as a failure at once", () => {
    const machine = new RunMachine({ maxStartupFailures: 2 });
    expect(said(machine.take({ type: "start-failed", reason: "busy" }))).toEqual([
      "daemon.start-failed",
      "daemon.restart-scheduled",
    ]);
    machine.pass(10n * SECOND);
    expect(ending(machine.take({ type: "start-failed", reason: "busy" }))).toMatchObject({ exitCode: 1 });
  });

  test("starts with a clean count once the version that it was upgraded to has proven itself", () => {
    const machine = RunMachine.running({ maxStartupFailures: 3, plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    machine.staged("1.1.0");
    const failAgain = () => {
      expect(ending(machine.exit(1))).toBeUndefined();
      machine.sleep();
      machine.take({ type: "started" });
    };
    for (let failure = 1; failure <= 2; failure += 1) failAgain();
    machine.pass(MINUTE);
    machine.upgradeEnds(DONE);
    machine.take({ type: "started" });
    for (let failure = 1; failure <= 2; failure += 1) failAgain();
    machine.prove();
    for (let failure = 1; failure <= 2; failure += 1) failAgain();
    expect(ending(machine.exit(1))).toBeDefined();
  });

  test("waits twice as long after each failure in a row, up to five minutes, and starts over after a quiet time", () => {
    const machine = RunMachine.running({ maxStartupFailures: 1000, startupPeriod: 120n * SECOND });
    const delayAfterRunning = (ranFor: bigint) => {
      machine.pass(ranFor);
      machine.exit(1);
      const delay = (machine.wake().monotonic ?? 0n) - machine.monotonic;
      machine.sleep();
      machine.take({ type: "started" });
      return delay / SECOND;
    };
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(() => delayAfterRunning(SECOND))).toEqual([
      10n,
      20n,
      40n,
      80n,
      160n,
      300n,
      300n,
      300n,
    ]);
    expect(delayAfterRunning(120n * SECOND)).toBe(10n);
    expect(delayAfterRunning(119n * SECOND)).toBe(20n);
  });

  test("waits as long as its operator says, where that is longer than five minutes", () => {
    const machine = RunMachine.running({ failureRestartDelay: HOUR });
    machine.exit(1);
    machine.sleep();
    machine.take({ type: "started" });
    machine.exit(1);
    expect(machine.wake().monotonic).toBe(machine.monotonic + HOUR);
  });

  test("is told with its exit code, its signal and how long it ran", () => {
    const machine = RunMachine.running();
    machine.pass(MINUTE);
    expect(machine.exit(null, "SIGKILL")[0]).toEqual({
      type: "emit",
      event: { type: "daemon.exited", exitCode: null, signal: "SIGKILL", ranFor: MINUTE },
    });
  });
});

describe("a request to stop", () => {
  test("stops the running daemon, and ends with 0 when it is gone, whatever its exit code", () => {
    const machine = RunMachine.running();
    expect(deeds(machine.stop("SIGINT"))).toEqual([{ type: "stop-daemon", why: "SIGINT" }]);
    expect(machine.wake()).toEqual({ monotonic: null, wall: null });
    expect(ending(machine.exit(null, "SIGKILL"))).toMatchObject({
      exitCode: 0,
      why: expect.stringContaining("SIGINT"),
    });
  });

  test("that comes again changes nothing", () => {
    const machine = RunMachine.running();
    machine.stop("SIGTERM");
    expect(machine.stop("SIGINT")).toEqual([]);
    expect(ending(machine.exit(0))).toMatchObject({ why: expect.stringContaining("SIGTERM") });
  });

  test("while the daemon is being started stops it as soon as it is there", () => {
    const machine = new RunMachine();
    expect(deeds(machine.stop())).toEqual([{ type: "stop-daemon", why: "SIGTERM" }]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([]);
    expect(ending(machine.exit(1))).toMatchObject({ exitCode: 0 });
  });

  test("while the daemon is being started ends the run if the start fails", () => {
    const machine = new RunMachine();
    machine.stop();
    const effects = machine.take({ type: "start-failed", reason: "aborted" });
    expect(ending(effects)).toMatchObject({ exitCode: 0 });
    expect(said(effects)).toEqual([]);
  });

  test("while a restart is waited for ends the run at once", () => {
    const machine = RunMachine.running();
    machine.exit(1);
    expect(ending(machine.stop())).toMatchObject({ exitCode: 0 });
  });

  test("cancels what is being staged, and starts no other staging", () => {
    const machine = RunMachine.running({
      plan: plan(entry("1.1.0", { dueIn: HOUR }), entry("1.2.0", { dueIn: HOUR })),
    });
    expect(deeds(machine.stop())).toEqual([
      { type: "cancel-staging", name: "1.1.0" },
      { type: "stop-daemon", why: "SIGTERM" },
    ]);
    expect(deeds(machine.read(plan(entry("1.3.0")))).map(({ type }) => type)).not.toContain("stage");
    expect(deeds(machine.pass(HOUR))).toEqual([]);
  });

  test("is not forgotten for an upgrade that falls due while the daemon stops", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    machine.staged("1.1.0");
    machine.stop();
    expect(deeds(machine.pass(HOUR))).toEqual([]);
    expect(ending(machine.exit(0))).toMatchObject({ exitCode: 0 });
  });

  describe("during an upgrade", () => {
    function upgrading() {
      const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
      machine.staged("1.1.0");
      expect(machine.state.phase.kind).toBe("upgrading");
      return machine;
    }

    test("has it given up, once, and waits for it to settle", () => {
      const machine = upgrading();
      expect(deeds(machine.stop())).toEqual([{ type: "give-up-upgrade", why: expect.stringContaining("SIGTERM") }]);
      expect(machine.stop("SIGINT")).toEqual([]);
    });

    test("begins nothing that would be in vain, whatever the plan says", () => {
      const machine = upgrading();
      machine.stop();
      expect(deeds(machine.read(plan(entry("1.1.0"), entry("1.2.0"))))).toEqual([]);
      expect(deeds(machine.pass(HOUR))).toEqual([]);
    });

    test("ends when the upgrade was given up after the daemon had been stopped", () => {
      const machine = upgrading();
      machine.stop();
      const effects = machine.upgradeEnds({ outcome: "given-up", reason: "asked to", stopped: true });
      expect(deeds(effects)).toEqual([{ type: "end", exitCode: 0, why: expect.stringContaining("SIGTERM") }]);
    });

    test("stops the daemon when the upgrade was given up before", () => {
      const machine = upgrading();
      machine.stop();
      const effects = machine.upgradeEnds({ outcome: "given-up", reason: "asked to", stopped: false });
      expect(deeds(effects)).toEqual([{ type: "stop-daemon", why: "SIGTERM" }]);
      expect(ending(machine.exit(0))).toMatchObject({ exitCode: 0 });
    });

    test("ends without starting the new version when the switch had already happened", () => {
      const machine = upgrading();
      machine.stop();
      const effects = machine.upgradeEnds();
      expect(deeds(effects)).toMatchObject([{ type: "end", exitCode: 0 }]);
      expect(said(effects)).toEqual(["upgrade.done"]);
    });

    test("ends when the daemon has meanwhile ended by itself", () => {
      const machine = upgrading();
      machine.exit(1);
      machine.stop();
      const effects = machine.upgradeEnds({ outcome: "given-up", reason: "asked to", stopped: false });
      expect(deeds(effects)).toMatchObject([{ type: "end", exitCode: 0 }]);
    });
  });
});
