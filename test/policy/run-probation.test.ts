import { describe, expect, test } from "bun:test";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { parseWindow } from "../../src/model/window.ts";
import { objectionToStop } from "../../src/policy/next-target.ts";
import { NO_PROGRESS, type ProbationProgress } from "../../src/policy/probation.ts";
import { tryOut } from "../../src/policy/run-probation.ts";
import type { Effect, PlanView, UpgradeResult, WayBackOrder } from "../../src/policy/run-state.ts";
import {
  backFrom,
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
} from "./run-machine.ts";

type Settings = ConstructorParameters<typeof RunMachine>[0];

/** Genesis was upgraded to 1.1.0, which runs and is being looked at. */
function onProbation({ noWayBack = null, ...settings }: Settings & { noWayBack?: string | null } = {}): RunMachine {
  const machine = RunMachine.running({ ...settings, plan: plan(entry("1.1.0"), ...(settings.plan?.queue ?? [])) });
  machine.staged("1.1.0");
  machine.upgradeEnds({ ...DONE, noWayBack });
  expect(deeds(machine.take({ type: "started" }))).toContainEqual({ type: "look" });
  return machine;
}

/** It is unwell to the end of its probation. @returns what followed. */
function fails(machine: RunMachine, why = "it answered 503"): Effect[] {
  machine.looked(why);
  machine.pass(119n * SECOND);
  machine.looked(why);
  machine.pass(5n * SECOND);
  return machine.looked(why);
}

function told<T extends NymvisorEvent["type"]>(effects: readonly Effect[], type: T) {
  return effects.flatMap((effect) => (effect.type === "emit" && effect.event.type === type ? [effect.event] : []));
}

const order = (to = "genesis", since = 1n): WayBackOrder => ({ to, saved: "/saved", since });
const ordered = (view: PlanView, goBack = order()): PlanView => ({ ...view, goBack });
const orderedBack = (goBack = order()) =>
  ({ type: "perform", target: { kind: "back", name: goBack.to, order: goBack, why: "a person ordered it" } }) as const;
const WENT_BACK: UpgradeResult = { ...DONE, name: "genesis", version: "1.0.0" };
const ENDED = (failed: string | null) => ({ type: "end-probation", failed }) as const;
const HOPELESS: UpgradeResult = { outcome: "failed", reason: "the binary is gone", stopped: false, hopeless: true };

describe("the version that a node was switched to", () => {
  test("is looked at once it runs, again and again, and passes when it was well for long enough", () => {
    const machine = onProbation();
    machine.looked();
    expect(machine.wake().monotonic).toBe(machine.monotonic + 5n * SECOND);
    expect(deeds(machine.pass(5n * SECOND))).toEqual([{ type: "look" }]);
    expect(deeds(machine.pass(HOUR))).toEqual([]);
    const effects = machine.looked();
    expect(deeds(effects)).toContainEqual(ENDED(null));
    expect(said(effects)).toEqual(["probation.passed"]);
    expect(machine.wake()).toEqual({ monotonic: null, wall: null });
  });

  test("is gone back from when it is not well at the end, and told so once", () => {
    const machine = onProbation();
    const effects = fails(machine);
    expect(deeds(effects).at(-1)).toEqual(backFrom("1.1.0", "it answered 503"));
    expect(said(effects)).toEqual(["probation.failed"]);
    expect(said(machine.looked("it answered 503"))).toEqual([]);
  });

  test("is told to be unwell once for each reason", () => {
    const machine = onProbation();
    expect(said(machine.looked("it answered 503"))).toEqual(["probation.unwell"]);
    expect(said(machine.looked("it answered 503"))).toEqual([]);
    expect(said(machine.looked("it answered 502"))).toEqual(["probation.unwell"]);
    expect(said(machine.looked())).toEqual([]);
    expect(said(machine.looked("it answered 502"))).toEqual(["probation.unwell"]);
  });

  test("is started again at an even pace, and gone back from instead of being started once too often", () => {
    const machine = onProbation({ maxStartupFailures: 3 });
    for (let death = 1; death <= 2; death += 1) {
      machine.pass(SECOND);
      const effects = machine.exit(1);
      expect(told(effects, "daemon.restart-scheduled")).toEqual([
        { type: "daemon.restart-scheduled", delay: 10n * SECOND, failures: death, most: 3 },
      ]);
      expect(deeds(machine.pass(10n * SECOND))).toEqual([START]);
      machine.take({ type: "started" });
    }
    const effects = machine.exit(1);
    expect(said(effects)).toEqual(["daemon.exited", "probation.failed"]);
    expect(deeds(effects).at(-1)).toEqual(backFrom("1.1.0", "the daemon exited with 1, 3 times"));
  });

  test("is gone back from at its first death where restarts are off", () => {
    const machine = onProbation({ restartOnFailure: false });
    expect(deeds(machine.exit(1)).at(-1)).toEqual(backFrom("1.1.0", "the daemon exited with 1"));
  });

  test("that cannot be started has died", () => {
    const machine = RunMachine.running({ maxStartupFailures: 1, plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    machine.upgradeEnds();
    const effects = machine.take({ type: "start-failed", reason: "no such file" });
    expect(deeds(effects).at(-1)).toEqual(backFrom("1.1.0", "the daemon could not be started: no such file"));
  });

  test("is gone back from when its time ends while it is down", () => {
    const machine = onProbation({ failureRestartDelay: HOUR, maxStartupFailures: 5 });
    machine.exit(1);
    expect(machine.wake().monotonic).toBe(machine.monotonic + 120n * SECOND);
    expect(deeds(machine.pass(120n * SECOND)).at(-1)).toEqual(backFrom("1.1.0", "the daemon exited with 1"));
  });

  test("that ends with 0 ends the run with 0, and that is noted", () => {
    const effects = onProbation().exit(0);
    expect(ending(effects)).toMatchObject({ exitCode: 0 });
    expect(deeds(effects)).toContainEqual({ type: "note-probation", progress: { ...NO_PROGRESS, quits: 1 } });
  });

  test("has the time that it has spent noted when nymvisor is asked to stop, and as proven what was seen of it", () => {
    const machine = onProbation();
    machine.looked();
    machine.pass(4n * SECOND);
    machine.looked();
    machine.pass(3n * SECOND);
    const progress = { ...NO_PROGRESS, spent: 7n * SECOND, proven: 4n * SECOND };
    expect(deeds(machine.stop())).toContainEqual({ type: "note-probation", progress });
  });

  test("is not judged by a look at a process that is gone", () => {
    const machine = onProbation();
    machine.pass(HOUR);
    const look = { well: false, reasons: ["it answered 503"] };
    expect(machine.take({ type: "looked-at", look, sameProcess: false })).toEqual([]);
    expect(machine.state.probation?.failed).toBeNull();
  });
});

describe("a version that was on probation in an earlier run", () => {
  function again(progress: Partial<ProbationProgress>, noWayBack: string | null = null, settings: Settings = {}) {
    const machine = new RunMachine(settings);
    // As a start does, before anything is decided.
    const state = { ...machine.state, phase: { kind: "restarting", at: 0n } } as const;
    const tried = { name: "1.1.0", version: "1.1.0", noWayBack };
    machine.state = tryOut(state, tried, machine.now(), { ...NO_PROGRESS, ...progress });
    return machine;
  }

  test("goes on with what it had proven", () => {
    const machine = again({ spent: 115n * SECOND, proven: 35n * SECOND });
    expect(deeds(machine.take({ type: "time-passed" }))).toEqual([START]);
    machine.take({ type: "started" });
    machine.looked();
    expect(deeds(machine.pass(5n * SECOND))).toEqual([{ type: "look" }]);
    expect(deeds(machine.looked())).toContainEqual(ENDED(null));
  });

  test("and had failed is gone back from before anything is started", () => {
    const machine = again({ quits: 3, failed: "the daemon ended by itself with 0, 3 times" });
    expect(deeds(machine.take({ type: "time-passed" }))).toEqual([
      backFrom("1.1.0", "the daemon ended by itself with 0, 3 times"),
    ]);
  });

  test("and had ended with 0 is gone back from when it has done so too often", () => {
    const machine = again({ quits: 2 }, null, { maxStartupFailures: 3 });
    machine.take({ type: "time-passed" });
    machine.take({ type: "started" });
    const effects = machine.exit(0);
    expect(ending(effects)).toMatchObject({ exitCode: 0 });
    expect(said(effects)).toContain("probation.failed");
    const failed = "the daemon ended by itself with 0, 3 times";
    const noted = deeds(effects).find((effect) => effect.type === "note-probation");
    expect(noted).toMatchObject({ progress: { quits: 3, failed } });
  });

  test("and had failed without a way back is kept, and started", () => {
    const machine = again({ failed: "it exited" }, "no backup was made");
    const effects = machine.take({ type: "time-passed" });
    expect(deeds(effects)).toEqual([ENDED("it exited; it stays: no backup was made"), START]);
    expect(said(effects)).toEqual(["probation.failed-stays"]);
  });
});

describe("while a version is on probation", () => {
  const next = entry("1.2.0", { dueIn: MINUTE });

  test("the next release waits for the verdict, and follows at once", () => {
    const machine = onProbation({ plan: plan(next) });
    machine.staged("1.2.0");
    machine.looked();
    expect(deeds(machine.pass(MINUTE))).toEqual([{ type: "look" }]);
    expect(deeds(machine.prove())).toContainEqual(performOf("1.2.0", { from: "1.1.0" }));
  });

  test("the next release, which may mend what was wrong, is performed after the way back", () => {
    const machine = onProbation({ plan: plan(next) });
    machine.staged("1.2.0");
    expect(deeds(fails(machine)).at(-1)).toEqual(backFrom("1.1.0", "it answered 503"));
    expect(deeds(machine.upgradeEnds(WENT_BACK))).toEqual([START]);
    machine.read({ ...plan(next), current: "genesis" });
    expect(deeds(machine.take({ type: "started" }))).toEqual([performOf("1.2.0")]);
  });

  test("what a person has named the time of does not wait, unless the verdict is there already", () => {
    const machine = onProbation({ plan: plan(entry("1.2.0", { dueIn: MINUTE, anyTime: true })) });
    machine.staged("1.2.0");
    machine.looked();
    expect(deeds(machine.pass(MINUTE))).toContainEqual(performOf("1.2.0", { from: "1.1.0" }));
    const failed = onProbation({ plan: plan(entry("1.2.0", { dueIn: MINUTE, anyTime: true })) });
    failed.staged("1.2.0");
    failed.looked("it answered 503");
    for (let death = 1; death < 3; death += 1) {
      failed.exit(1);
      failed.pass(10n * SECOND);
      failed.take({ type: "started" });
    }
    failed.exit(1);
    failed.upgradeFails({ stopped: false });
    expect(failed.state.phase.kind).toBe("restarting");
    expect(deeds(failed.pass(MINUTE))).not.toContainEqual(performOf("1.2.0", { from: "1.1.0" }));
  });

  test("the home is not brought after other nodes", () => {
    const machine = onProbation();
    machine.looked();
    const behind = { ...plan(), current: "1.2.0", behind: true };
    expect(deeds(machine.read(behind))).toEqual([]);
    expect(deeds(machine.prove())).toContainEqual({ type: "perform", target: { kind: "forward", name: "1.2.0" } });
  });
});

describe("a way back", () => {
  test("waits for no window and for no hold", () => {
    const machine = onProbation();
    machine.state = {
      ...machine.state,
      settings: { ...machine.state.settings, windows: [parseWindow("14:00-15:00")] },
    };
    machine.read({ ...plan(), current: "1.1.0", holds: [{ until: null, by: "command" }] });
    expect(deeds(fails(machine)).at(-1)).toEqual(backFrom("1.1.0", "it answered 503"));
  });

  test("that is done is told with how long nothing ran, and nothing is on probation then", () => {
    const machine = onProbation();
    fails(machine);
    expect(deeds(machine.upgradeEnds({ ...WENT_BACK, stoppedAt: machine.monotonic }))).toEqual([START]);
    machine.monotonic += SECOND;
    const effects = machine.take({ type: "started" });
    expect(told(effects, "way-back.done")).toEqual([
      { type: "way-back.done", name: "genesis", version: "1.0.0", downtime: SECOND },
    ]);
    expect(deeds(effects)).toEqual([]);
  });

  test("that was decided when nymvisor was asked to stop is told with the version that it leads to", () => {
    const machine = onProbation();
    fails(machine);
    machine.stop();
    const effects = machine.upgradeEnds(WENT_BACK);
    expect(ending(effects)).toMatchObject({ exitCode: 0 });
    expect(told(effects, "way-back.done")).toMatchObject([{ name: "genesis", version: "1.0.0" }]);
  });

  test("that fails is tried again with growing delays, and the version is started meanwhile", () => {
    const machine = onProbation();
    fails(machine);
    for (const seconds of [10n, 20n, 40n]) {
      machine.upgradeFails({ stopped: false });
      expect(machine.wake().monotonic).toBe(machine.monotonic + seconds * SECOND);
      expect(deeds(machine.pass(seconds * SECOND - 1n))).toEqual([]);
      expect(deeds(machine.pass(1n))).toEqual([backFrom("1.1.0", "it answered 503")]);
    }
    expect(deeds(machine.upgradeFails({ stopped: true }))).toEqual([START]);
    machine.take({ type: "started" });
    expect(deeds(machine.pass(40n * MINUTE))).toEqual([backFrom("1.1.0", "it answered 503")]);
  });

  test("waits for its turn among the nodes that share the upgrades, and says so once", () => {
    const machine = onProbation();
    fails(machine);
    const postponed: UpgradeResult = { outcome: "postponed", reason: "another node is", stopped: false };
    expect(said(machine.upgradeEnds(postponed))).toEqual(["upgrade.waiting"]);
    expect(deeds(machine.pass(SECOND))).toEqual([backFrom("1.1.0", "it answered 503")]);
    expect(said(machine.upgradeEnds(postponed))).toEqual([]);
  });

  test.each<[string, Settings & { noWayBack?: string }, string]>([
    ["without a backup", { noWayBack: "no backup of the home was made" }, "no backup of the home was made"],
    ["where nobody wants it", { goBackByItself: false }, "[rollback] automatic is off"],
    ["neither way", { goBackByItself: false, noWayBack: "no backup" }, "[rollback] automatic is off"],
  ])("there is none %s: the version stays, which can be seen", (_, settings, why) => {
    const machine = onProbation(settings);
    const effects = fails(machine);
    expect(deeds(effects)).toContainEqual(ENDED(`it answered 503; it stays: ${why}`));
    expect(told(effects, "probation.failed-stays")).toEqual([
      { type: "probation.failed-stays", name: "1.1.0", version: "1.1.0", why },
    ]);
  });

  test.each([0n, 300n])("restarts go on also where the last death followed %i s of running", (ranFor) => {
    const machine = onProbation({ noWayBack: "no backup", maxStartupFailures: 1 });
    machine.pass(ranFor * SECOND);
    const effects = machine.exit(1);
    expect(ending(effects)).toBeUndefined();
    expect(deeds(effects)).toContainEqual(ENDED("the daemon exited with 1; it stays: no backup"));
    expect(told(effects, "daemon.restart-scheduled")).toMatchObject([{ most: null }]);
    machine.sleep();
    machine.take({ type: "started" });
    for (let failure = 1; failure <= 20; failure += 1) {
      expect(told(machine.exit(1), "daemon.restart-scheduled")).toMatchObject([{ most: null }]);
      machine.sleep();
      expect(deeds(machine.take({ type: "started" }))).toEqual([]);
    }
  });

  test("there is none, and restarts are off: the run ends with the daemon's own code", () => {
    const machine = onProbation({ noWayBack: "no backup", restartOnFailure: false });
    const effects = machine.exit(42);
    expect(deeds(effects)).toContainEqual(ENDED("the daemon exited with 42; it stays: no backup"));
    expect(ending(effects)).toMatchObject({ exitCode: 42 });
  });

  test("that turns out to be hopeless leaves the version where it is, as if there were none", () => {
    const machine = onProbation();
    fails(machine);
    const effects = machine.upgradeEnds(HOPELESS);
    expect(deeds(effects)).toEqual([ENDED("it answered 503; it stays: the binary is gone")]);
    expect(machine.state.phase.kind).toBe("running");
    expect(deeds(machine.pass(24n * HOUR))).toEqual([]);
  });
});

describe("the old version, after a way back,", () => {
  function back(settings: Settings = {}) {
    const machine = onProbation(settings);
    fails(machine);
    machine.upgradeEnds(WENT_BACK);
    machine.take({ type: "started" });
    return machine;
  }
  const delays = (machine: RunMachine, count: number) =>
    Array.from({ length: count }, () => {
      machine.exit(1);
      const delay = ((machine.wake().monotonic ?? 0n) - machine.monotonic) / SECOND;
      machine.sleep();
      machine.take({ type: "started" });
      return Number(delay);
    });

  test("is all there is: its restarts go on without an end, with delays that grow up to five minutes", () => {
    expect(delays(back({ maxStartupFailures: 2 }), 8)).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  });

  test("is started again also where restarts are off", () => {
    expect(delays(back({ restartOnFailure: false }), 3)).toEqual([10, 20, 40]);
  });

  test("does not keep the machine busy where there is no delay", () => {
    expect(delays(back({ failureRestartDelay: 0n }), 4)).toEqual([1, 2, 4, 8]);
  });

  test("is a daemon as any other once it was quiet", () => {
    const machine = back({ maxStartupFailures: 2 });
    delays(machine, 5);
    machine.pass(120n * SECOND);
    expect(ending(machine.exit(1))).toBeUndefined();
    machine.sleep();
    machine.take({ type: "started" });
    expect(ending(machine.exit(1))).toBeDefined();
  });
});

describe("a person's order to go back", () => {
  test("comes before everything else, also on probation, and waits for nothing", () => {
    const machine = onProbation();
    expect(deeds(machine.read(ordered({ ...plan(entry("1.2.0")), current: "1.1.0" })))).toContainEqual(orderedBack());
    const failed = onProbation();
    failed.looked("it answered 503");
    for (let death = 1; death < 3; death += 1) {
      failed.exit(1);
      failed.pass(10n * SECOND);
      failed.take({ type: "started" });
    }
    failed.exit(1);
    failed.upgradeFails({ stopped: false });
    expect(deeds(failed.read(ordered({ ...plan(), current: "1.1.0" })))).toEqual([orderedBack()]);
  });

  test("is carried out where [rollback] automatic is off, and where there is no backup", () => {
    const machine = onProbation({ goBackByItself: false, noWayBack: "no backup" });
    expect(deeds(machine.read(ordered({ ...plan(), current: "1.1.0" })))).toEqual([orderedBack()]);
  });

  test("keeps upgrades waiting until it is carried out", () => {
    const machine = RunMachine.running();
    machine.read(ordered(plan(entry("1.1.0"))));
    machine.staged("1.1.0");
    machine.upgradeFails({ stopped: false });
    expect(deeds(machine.pass(SECOND))).toEqual([]);
    expect(deeds(machine.pass(9n * SECOND))).toEqual([orderedBack()]);
  });

  test("that cannot be carried out is dropped, with the reason", () => {
    const machine = RunMachine.running();
    machine.read(ordered(plan()));
    const effects = machine.upgradeEnds(HOPELESS);
    expect(deeds(effects)).toEqual([{ type: "drop-order", reason: "the binary is gone" }]);
    expect(said(effects)).toEqual(["way-back.refused"]);
    expect(deeds(machine.pass(HOUR))).toEqual([]);
  });

  test("that has taken the place of one that cannot be carried out is not dropped with it", () => {
    const machine = RunMachine.running();
    machine.read(ordered(plan()));
    machine.read(ordered(plan(), order("0.9.0", 2n)));
    expect(deeds(machine.upgradeEnds(HOPELESS))).toEqual([orderedBack(order("0.9.0", 2n))]);
  });

  test("that is typed again is tried again at once", () => {
    const machine = RunMachine.running();
    machine.read(ordered(plan()));
    machine.upgradeFails({ stopped: false });
    expect(deeds(machine.read(ordered(plan())))).toEqual([]);
    expect(deeds(machine.read(ordered(plan(), order("genesis", 2n))))).toEqual([orderedBack(order("genesis", 2n))]);
  });

  test("that comes during an upgrade is carried out after it", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    machine.read(ordered(plan(entry("1.1.0"))));
    machine.upgradeEnds();
    expect(deeds(machine.take({ type: "started" }))).toContainEqual(orderedBack());
  });
});

describe("a home that was put back, and is behind what current points to,", () => {
  const behind = { ...plan(), current: "1.1.0", behind: true };

  test("is not brought forward again, but takes the next release", () => {
    const machine = RunMachine.running();
    const stays = { ...behind, forwardObjection: "it was put back from there" };
    expect(deeds(machine.read(stays))).toEqual([]);
    machine.read({ ...stays, queue: plan(entry("1.2.0")).queue });
    expect(deeds(machine.staged("1.2.0"))).toEqual([performOf("1.2.0", { from: "1.1.0" })]);
  });

  test("waits while another node has that on probation", () => {
    const machine = RunMachine.running();
    expect(deeds(machine.read({ ...behind, forwardWaitsFor: "/another/home" }))).toEqual([]);
    expect(deeds(machine.read(behind))).toEqual([{ type: "perform", target: { kind: "forward", name: "1.1.0" } }]);
  });

  test("is not stopped any more once another node has that on probation, or it has failed there", () => {
    const machine = RunMachine.running();
    machine.read(behind);
    const objection = (view: typeof behind) => {
      machine.read(view);
      return objectionToStop(machine.state, { kind: "forward", name: "1.1.0" }, machine.now());
    };
    expect(objection(behind)).toBeNull();
    expect(objection({ ...behind, forwardWaitsFor: "/another/home" })).toBe("it is on probation on /another/home");
    expect(objection({ ...behind, forwardObjection: "it has failed there" })).toBe("it has failed there");
  });

  test("that gives up following waits until the plan has been read again", () => {
    const machine = RunMachine.running();
    const forward = { type: "perform", target: { kind: "forward", name: "1.1.0" } } as const;
    expect(deeds(machine.read(behind))).toEqual([forward]);
    expect(
      deeds(machine.upgradeEnds({ outcome: "given-up", reason: "it is tried elsewhere", stopped: false })),
    ).toEqual([]);
    expect(deeds(machine.read(behind))).toEqual([forward]);
  });
});

describe("a version that has been well for long enough", () => {
  test("does not pass by the time that goes by while it is looked at", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    machine.upgradeEnds(DONE);
    machine.take({ type: "started" });
    const limit = machine.state.probation?.settings.limit ?? 0n;
    machine.looked();
    expect(deeds(machine.pass(limit))).toContainEqual({ type: "look" });
    const end = expect.objectContaining({ type: "end-probation" });
    expect(deeds(machine.read(plan()))).not.toContainEqual(end);
    expect(deeds(machine.looked())).toContainEqual(end);
  });
});
