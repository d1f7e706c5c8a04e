import { describe, expect, test } from "bun:test";
import type { RunInput } from "../../src/policy/run-state.ts";
import {
  DONE,
  deeds,
  ending,
  entry,
  HOUR,
  MINUTE,
  performOf,
  plan,
  RunMachine,
  SECOND,
  START,
  said,
  stageOf,
} from "./run-machine.ts";

describe("an upgrade that enters the plan", () => {
  test("is staged at once, however long before it is due, and told with its time", () => {
    const machine = RunMachine.running();
    const effects = machine.read(plan(entry("1.1.0", { dueIn: 24n * HOUR })));
    expect(deeds(effects)).toEqual([stageOf("1.1.0")]);
    expect(said(effects)).toEqual(["upgrade.scheduled"]);
  });

  test("is staged while the daemon is being started, and while a restart is waited for", () => {
    const machine = new RunMachine();
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
    machine.take({ type: "started" });
    machine.exit(1);
    expect(deeds(machine.read(plan(entry("1.1.0"), entry("1.2.0"))))).toEqual([]);
    expect(deeds(machine.stagingFails("1.1.0"))).toEqual([stageOf("1.2.0")]);
  });

  test("is performed when it is due, not a nanosecond before", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.pass(MINUTE - 1n))).toEqual([]);
    expect(deeds(machine.pass(1n))).toEqual([performOf("1.1.0")]);
  });

  test("that is due before it is staged waits for its staging, with the daemon running", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(deeds(machine.pass(HOUR))).toEqual([]);
    expect(machine.state.phase.kind).toBe("running");
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });

  test("falls due when the wall clock is set forward, and waits longer when it is set back", () => {
    const forward = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: 3n * HOUR })) });
    forward.staged("1.1.0");
    expect(deeds(forward.setClock(3n * HOUR))).toEqual([performOf("1.1.0")]);
    const back = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    back.staged("1.1.0");
    back.setClock(-2n * HOUR);
    expect(deeds(back.pass(HOUR))).toEqual([]);
    expect(deeds(back.pass(HOUR + MINUTE))).toEqual([performOf("1.1.0")]);
  });

  test("is performed while a restart is waited for, instead of the restart", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: SECOND })) });
    machine.staged("1.1.0");
    machine.exit(1);
    expect(deeds(machine.pass(SECOND))).toEqual([performOf("1.1.0")]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });

  test("is performed as soon as the daemon runs, if it fell due while that was being started", () => {
    const machine = new RunMachine({ plan: plan(entry("1.1.0", { dueIn: SECOND })) });
    machine.staged("1.1.0");
    expect(deeds(machine.pass(MINUTE))).toEqual([]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([performOf("1.1.0")]);
  });

  test.each(["constructor", "__proto__", "hasOwnProperty"])("may be called %s", (name) => {
    const machine = RunMachine.running();
    expect(deeds(machine.read(plan(entry(name))))).toEqual([stageOf(name)]);
    expect(deeds(machine.staged(name))).toEqual([performOf(name)]);
    machine.upgradeEnds();
    expect(machine.state.plan.current).toBe(name);
    expect(machine.state.progress.size).toBe(0);
  });
});

describe("what follows a performed upgrade", () => {
  function upgrading(settings: ConstructorParameters<typeof RunMachine>[0] = {}) {
    const machine = RunMachine.running({ ...settings, plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(machine.state.phase.kind).toBe("upgrading");
    return machine;
  }

  test("is a start, and the upgrade is told with how long nothing ran", () => {
    const machine = upgrading();
    const stoppedAt = machine.monotonic;
    expect(deeds(machine.upgradeEnds({ ...DONE, stoppedAt }))).toEqual([START]);
    machine.monotonic += 2n * SECOND;
    expect(machine.take({ type: "started" })[0]).toEqual({
      type: "emit",
      event: { type: "upgrade.done", name: "1.1.0", version: "1.1.0", downtime: 2n * SECOND },
    });
  });

  test.each<[string, RunInput]>([
    ["its daemon cannot be started", { type: "start-failed", reason: "killed at once" }],
    ["nymvisor is asked to stop", { type: "stop-requested", signal: "SIGTERM" }],
  ])("is told even when %s", (_, input) => {
    const machine = upgrading();
    machine.upgradeEnds();
    expect(said(machine.take(input))).toContain("upgrade.done");
  });

  test("is the end with 0 where restarts after upgrades are off", () => {
    const machine = upgrading({ restartAfterUpgrade: false });
    const effects = machine.upgradeEnds();
    expect(deeds(effects)).toMatchObject([{ type: "end", exitCode: 0 }]);
    expect(said(effects)).toEqual(["upgrade.done"]);
  });

  test("is the end with 0 where a person is needed, with what to read and where it stands", () => {
    const machine = upgrading();
    const manual = { version: "1.1.0", notes: "run the migration", source: "/data/upgrade-info.json" };
    const effects = machine.upgradeEnds({ ...DONE, manual });
    expect(deeds(effects)).toMatchObject([{ type: "end", exitCode: 0 }]);
    expect(effects[0]).toEqual({ type: "emit", event: { type: "upgrade.manual", name: "1.1.0", ...manual } });
  });

  test("starts the old daemon again after a failure that had stopped it, also where restarts after upgrades are off", () => {
    expect(deeds(upgrading({ restartAfterUpgrade: false }).upgradeFails({ stopped: true }))).toEqual([START]);
  });

  test("leaves the daemon alone after a failure that had not stopped it", () => {
    const machine = upgrading();
    const { phase } = machine.state;
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([]);
    expect(machine.state.phase).toEqual(phase.kind === "upgrading" ? (phase.resume as never) : phase);
  });

  test("goes on waiting for the restart after a failure that found no daemon", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: SECOND })) });
    machine.staged("1.1.0");
    machine.exit(1);
    machine.pass(SECOND);
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([]);
    expect(deeds(machine.pass(9n * SECOND))).toEqual([START]);
  });
});

describe("a daemon that ends by itself during an upgrade", () => {
  function upgrading(settings: ConstructorParameters<typeof RunMachine>[0] = {}) {
    const machine = RunMachine.running({ ...settings, plan: plan(entry("1.1.0")) });
    machine.pass(MINUTE);
    machine.staged("1.1.0");
    return machine;
  }

  test("is replaced by the new version", () => {
    const machine = upgrading();
    expect(machine.exit(1)).toEqual([]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });

  test("is a failed daemon when the upgrade then fails without having stopped it", () => {
    const machine = upgrading();
    machine.exit(1);
    const effects = machine.upgradeFails({ stopped: false });
    expect(said(effects)).toEqual(["upgrade.failed", "daemon.exited", "daemon.restart-scheduled"]);
    expect(deeds(machine.pass(10n * SECOND))).toContainEqual(START);
  });

  test("ends the run with its own exit code when restarts are off", () => {
    const machine = upgrading({ restartOnFailure: false });
    machine.exit(42);
    expect(ending(machine.upgradeFails({ stopped: false }))).toMatchObject({ exitCode: 42 });
  });

  test("is started again when the attempt says that it was its own doing", () => {
    const machine = upgrading({ restartOnFailure: false });
    machine.exit(0);
    expect(deeds(machine.upgradeFails({ stopped: true }))).toEqual([START]);
  });

  test("is not forgotten when another upgrade follows at once", () => {
    const machine = RunMachine.running({
      plan: plan(entry("1.1.0", { dueIn: SECOND }), entry("1.2.0", { dueIn: SECOND })),
    });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    machine.pass(SECOND);
    machine.exit(1);
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([performOf("1.2.0")]);
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([]);
    expect(deeds(machine.pass(10n * SECOND))).toContainEqual(START);
  });
});
