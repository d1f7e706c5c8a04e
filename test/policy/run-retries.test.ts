import { describe, expect, test } from "bun:test";
import {
  backFrom,
  DONE,
  deeds,
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

describe("an upgrade whose staging failed", () => {
  test("is staged again after a growing delay, and the reason is told once", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(said(machine.stagingFails("1.1.0"))).toEqual(["staging.failed"]);
    const delays: bigint[] = [];
    for (let failure = 1; failure <= 20; failure += 1) {
      const { monotonic } = machine.wake();
      if (monotonic === null) throw new Error("nothing is scheduled");
      delays.push(monotonic - machine.monotonic);
      expect(deeds(machine.pass(monotonic - machine.monotonic))).toEqual([stageOf("1.1.0")]);
      expect(said(machine.stagingFails("1.1.0"))).toEqual([]);
    }
    expect(delays.slice(0, 5)).toEqual([1n, 2n, 4n, 8n, 16n].map((seconds) => seconds * SECOND));
    expect(delays.at(-1)).toBe(15n * MINUTE);
    expect(said(machine.stagingFails("1.1.0", { reason: "a wrong checksum" }))).toEqual(["staging.failed"]);
  });

  test("is looked at more often when only a file on this machine is missing", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    for (let failure = 0; failure < 20; failure += 1) machine.stagingFails("1.1.0", { local: true });
    expect(machine.wake().monotonic).toBe(machine.monotonic + 30n * SECOND);
  });

  test("because a neighbour does it only waits, which is told once and is no error", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(said(machine.stagingFails("1.1.0", { busy: true }))).toEqual(["upgrade.waiting"]);
    expect(said(machine.stagingFails("1.1.0", { busy: true }))).toEqual([]);
    expect(machine.wake().monotonic).toBeGreaterThan(machine.monotonic);
  });

  test("keeps its delay when the plan was read again and nobody has touched it", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    for (let failure = 0; failure < 20; failure += 1) machine.stagingFails("1.1.0");
    const { monotonic } = machine.wake();
    expect(deeds(machine.take({ type: "plan-read", plan: plan(entry("1.1.0")), untouched: true }))).toEqual([]);
    expect(machine.wake().monotonic).toBe(monotonic);
  });

  test("is staged again at once when something in the plan was touched", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    for (let failure = 0; failure < 20; failure += 1) machine.stagingFails("1.1.0");
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
  });

  test("never touches the daemon", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.pass(HOUR);
    for (let failure = 0; failure < 50; failure += 1) {
      machine.stagingFails("1.1.0");
      expect(machine.state.phase.kind).toBe("running");
      expect(deeds(machine.pass(HOUR))).toEqual([stageOf("1.1.0")]);
    }
  });
});

describe("an upgrade that was performed and failed", () => {
  function failed({ stopped }: { stopped: boolean }) {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(said(machine.upgradeFails({ stopped }))).toContain("upgrade.failed");
    if (stopped) machine.take({ type: "started" });
    return machine;
  }

  test.each([
    [true, 5n * MINUTE],
    [false, 10n * SECOND],
  ])("after the daemon had been stopped (%p) is looked at and tried again only after a while", (stopped, delay) => {
    const machine = failed({ stopped });
    expect(machine.wake().monotonic).toBe(machine.monotonic + delay);
    expect(deeds(machine.pass(delay - 1n))).toEqual([]);
    expect(deeds(machine.setClock(24n * HOUR))).toEqual([]);
    expect(deeds(machine.pass(1n))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });

  test("waits longer each time", () => {
    const machine = failed({ stopped: true });
    machine.pass(5n * MINUTE);
    machine.staged("1.1.0");
    machine.upgradeFails();
    machine.take({ type: "started" });
    expect(machine.wake().monotonic).toBe(machine.monotonic + 10n * MINUTE);
  });

  test("is tried again at once when something in the plan was touched", () => {
    const machine = failed({ stopped: true });
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });
});

describe("a home that is behind current", () => {
  const behind = { ...plan(entry("1.2.0", { dueIn: MINUTE })), current: "1.1.0", behind: true };
  const FORWARD = { type: "perform", target: { kind: "forward", name: "1.1.0" } } as const;

  test("at the start is brought forward before anything is started", () => {
    const machine = new RunMachine({ plan: { ...plan(), current: "1.1.0", behind: true } });
    expect(machine.state.phase).toMatchObject({ kind: "upgrading", target: FORWARD.target });
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });

  test("is brought forward at once when another node has moved current", () => {
    const machine = RunMachine.running();
    expect(deeds(machine.read(behind))).toEqual([stageOf("1.2.0"), FORWARD]);
  });

  test("is not upgraded further before it has been brought forward", () => {
    const machine = RunMachine.running();
    machine.read(behind);
    machine.staged("1.2.0");
    machine.upgradeFails({ stopped: false });
    expect(machine.state.phase.kind).toBe("running");
    expect(machine.wake().monotonic).toBe(machine.monotonic + 10n * SECOND);
    machine.wall += HOUR;
    expect(deeds(machine.pass(9n * SECOND))).toEqual([]);
    expect(deeds(machine.pass(SECOND))).toEqual([FORWARD]);
    machine.upgradeEnds();
    expect(deeds(machine.take({ type: "started" }))).toEqual([{ type: "look" }]);
    expect(deeds(machine.prove())).toContainEqual(performOf("1.2.0", { from: "1.1.0" }));
  });

  test("runs its older build when it could not be brought forward", () => {
    const machine = new RunMachine({ plan: { ...plan(), current: "1.1.0", behind: true } });
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([START]);
  });

  test("starts its daemon after it, even where restarts after upgrades are off", () => {
    const machine = RunMachine.running({ restartAfterUpgrade: false });
    machine.read({ ...plan(), current: "1.1.0", behind: true });
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });
});

describe("a switch whose documents could not be written", () => {
  function unrecorded(noWayBack: string | null = null) {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0"), entry("1.2.0")) });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    const effects = machine.upgradeEnds({ ...DONE, noWayBack, unrecorded: "no space" });
    expect(deeds(effects)).toEqual([START]);
    expect(said(effects)).toEqual(["warning"]);
    machine.take({ type: "started" });
    return machine;
  }

  test("still starts the new version, and keeps the next upgrade waiting", () => {
    const machine = unrecorded();
    expect(machine.state.phase.kind).toBe("running");
    expect(machine.wake().monotonic).toBe(machine.monotonic + SECOND);
  });

  test("is written down later, and the next upgrade follows", () => {
    const machine = unrecorded();
    expect(deeds(machine.pass(SECOND))).toEqual([{ type: "record" }]);
    const effects = machine.take({ type: "recorded" });
    expect(said(effects)).toEqual(["documents.in-order"]);
    expect(deeds(effects)).toEqual([]);
    expect(deeds(machine.prove())).toContainEqual(performOf("1.2.0", { from: "1.1.0" }));
  });

  test("proves itself meanwhile, and passes once it is written down: that is where the verdict goes", () => {
    const machine = unrecorded();
    for (let look = 1; look < 100; look += 1) {
      expect(deeds(machine.looked())).not.toContainEqual(expect.objectContaining({ type: "end-probation" }));
      machine.pass(5n * SECOND);
      machine.take({ type: "recording-failed", reason: "no space" });
    }
    machine.looked();
    expect(deeds(machine.take({ type: "recorded" }))).toContainEqual({ type: "end-probation", failed: null });
  });

  test.each<[string | null, ReturnType<typeof deeds>[number]]>([
    [null, backFrom("1.1.0", "the daemon exited with 1, 3 times")],
    ["no backup", { type: "end-probation", failed: "the daemon exited with 1, 3 times; it stays: no backup" }],
  ])("that has failed meanwhile, with %p against a way back, is dealt with once it is written down", (none, deed) => {
    const machine = unrecorded(none);
    for (let failure = 1; failure <= 3; failure += 1) {
      expect(deeds(machine.exit(1))).toEqual([expect.objectContaining({ type: "note-probation" })]);
      expect(deeds(machine.pass(10n * SECOND))).toContainEqual(START);
      machine.take({ type: "recording-failed", reason: "no space" });
      machine.take({ type: "started" });
    }
    expect(deeds(machine.take({ type: "recorded" }))).toContainEqual(deed);
  });

  test("is found where an attempt has failed and its journal could not be looked at", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    const failed = { outcome: "failed", reason: "no space", stopped: true, unrecorded: "the journal cannot be read" };
    expect(deeds(machine.upgradeEnds({ ...failed, outcome: "failed" }))).toEqual([START]);
    machine.take({ type: "started" });
    expect(deeds(machine.pass(SECOND))).toEqual([{ type: "record" }]);
  });

  test("is tried again with a growing delay, and warned of once", () => {
    const machine = unrecorded();
    for (const seconds of [2n, 4n, 8n, 16n, 30n, 30n]) {
      const { monotonic } = machine.wake();
      expect(deeds(machine.pass((monotonic ?? 0n) - machine.monotonic))).toEqual([{ type: "record" }]);
      expect(said(machine.take({ type: "recording-failed", reason: "no space" }))).toEqual([]);
      expect(machine.wake().monotonic).toBe(machine.monotonic + seconds * SECOND);
    }
  });
});

describe("the next look", () => {
  test("is at nothing when nothing is scheduled", () => {
    expect(RunMachine.running().wake()).toEqual({ monotonic: null, wall: null });
  });

  test("is at the earliest due time that is still to come", () => {
    const machine = RunMachine.running({
      plan: plan(entry("1.2.0", { dueIn: HOUR }), entry("1.1.0", { dueIn: MINUTE })),
    });
    expect(machine.wake()).toEqual({ monotonic: null, wall: machine.wall + MINUTE });
    machine.stagingFails("1.1.0");
    machine.pass(MINUTE);
    expect(machine.wake().wall).toBe(machine.wall + HOUR - MINUTE);
  });

  test("does not wait for an entry that has an objection", () => {
    const refused = entry("1.1.0", { dueIn: HOUR, objection: "its version is lower" });
    expect(RunMachine.running({ plan: plan(refused) }).wake().wall).toBeNull();
  });
});
