import { describe, expect, test } from "bun:test";
import {
  cancelOf,
  DONE,
  deeds,
  entry,
  GIVEN_UP,
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

describe("several upgrades", () => {
  const first = entry("1.1.0", { dueIn: MINUTE });
  const second = entry("1.2.0", { dueIn: 2n * MINUTE });

  test("are staged one after the other, the one that is due first before the others", () => {
    const machine = RunMachine.running();
    expect(deeds(machine.read(plan(second, first)))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([stageOf("1.2.0")]);
    expect(deeds(machine.staged("1.2.0"))).toEqual([]);
  });

  test("are performed in order of their time, each once", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    expect(deeds(machine.pass(HOUR))).toEqual([performOf("1.1.0")]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([{ type: "look" }]);
    expect(deeds(machine.prove())).toContainEqual(performOf("1.2.0", { from: "1.1.0" }));
    expect(deeds(machine.upgradeEnds({ ...DONE, name: "1.2.0" }))).toEqual([START]);
    machine.take({ type: "started" });
    machine.prove();
    expect(deeds(machine.pass(HOUR))).toEqual([]);
  });

  test("do not overtake one whose staging is still under way", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.pass(HOUR);
    expect(deeds(machine.take({ type: "staged", name: "1.2.0", fingerprint: second.fingerprint }))).toEqual([]);
    expect(deeds(machine.staged("1.1.0"))).toContainEqual(performOf("1.1.0"));
  });

  test("do not starve behind one whose staging fails", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    expect(deeds(machine.stagingFails("1.1.0"))).toEqual([stageOf("1.2.0")]);
    machine.staged("1.2.0");
    machine.pass(MINUTE);
    expect(deeds(machine.pass(MINUTE))).toContainEqual(performOf("1.2.0"));
  });

  test("do not starve behind one whose staging has failed and is tried again just now", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.stagingFails("1.1.0");
    machine.staged("1.2.0");
    expect(deeds(machine.pass(SECOND))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.pass(HOUR))).toContainEqual(performOf("1.2.0"));
  });

  test("do not starve behind one that was performed and failed", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    machine.pass(MINUTE);
    machine.upgradeFails();
    machine.take({ type: "started" });
    expect(deeds(machine.pass(MINUTE))).toEqual([performOf("1.2.0")]);
  });

  test("are not held up by one that has an objection", () => {
    const machine = RunMachine.running();
    const hostile = entry("../../etc", { dueIn: -HOUR, objection: "it holds a slash" });
    const effects = machine.read(plan(hostile, entry("1.2.0")));
    expect(deeds(effects)).toEqual([stageOf("1.2.0")]);
    expect(said(effects)).toEqual(["release.refused", "upgrade.scheduled"]);
    expect(deeds(machine.staged("1.2.0"))).toEqual([performOf("1.2.0")]);
  });
});

describe("an upgrade that is taken out of the plan", () => {
  test("while it is staged has its staging cancelled", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    const effects = machine.read(plan());
    expect(deeds(effects)).toEqual([cancelOf("1.1.0")]);
    expect(said(effects)).toEqual(["upgrade.withdrawn"]);
    expect(machine.wake()).toEqual({ monotonic: null, wall: null });
  });

  test("after it was staged is not performed", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    machine.staged("1.1.0");
    machine.read(plan());
    expect(deeds(machine.pass(2n * HOUR))).toEqual([]);
  });

  test("is not performed when its staging reports late", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.read(plan());
    expect(machine.staged("1.1.0")).toEqual([]);
    expect(machine.stagingFails("1.1.0")).toEqual([]);
    expect(machine.state.progress.size).toBe(0);
  });

  test("while it is performed is told as given up, not as withdrawn, and the daemon goes on", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(machine.read(plan())).toEqual([]);
    const effects = machine.upgradeEnds({ ...GIVEN_UP, stopped: true });
    expect(said(effects)).toEqual(["upgrade.aborted"]);
    expect(deeds(effects)).toEqual([START]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([]);
  });

  test("just before it is performed is not performed over and over until the plan has been read", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(deeds(machine.upgradeEnds(GIVEN_UP))).toEqual([]);
    expect(said(machine.read(plan()))).toEqual(["upgrade.withdrawn"]);
  });

  test("and put back is staged anew", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.stagingFails("1.1.0");
    machine.read(plan());
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
  });
});

describe("an upgrade that is changed in the plan", () => {
  const changed = entry("1.1.0", { fingerprint: "another checksum" });

  test("while it is staged is staged anew, and what the first staging says counts for nothing", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(deeds(machine.read(plan(changed)))).toEqual([
      cancelOf("1.1.0"),
      { type: "stage", name: "1.1.0", fingerprint: "another checksum" },
    ]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.take({ type: "staged", name: "1.1.0", fingerprint: "another checksum" }))).toEqual([
      performOf("1.1.0", { fingerprint: "another checksum" }),
    ]);
  });

  test("after it was staged is staged anew before it is performed", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    machine.staged("1.1.0");
    expect(deeds(machine.read(plan(changed)))).toEqual([
      { type: "stage", name: "1.1.0", fingerprint: "another checksum" },
    ]);
    expect(deeds(machine.pass(HOUR))).toEqual([]);
  });

  test("in nothing but its time keeps what was staged, and goes by the new time", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    machine.staged("1.1.0");
    const effects = machine.read(plan(entry("1.1.0", { dueIn: MINUTE })));
    expect(deeds(effects)).toEqual([]);
    expect(said(effects)).toEqual(["upgrade.scheduled"]);
    expect(deeds(machine.pass(MINUTE))).toEqual([performOf("1.1.0")]);
  });

  test("to something that has an objection is not staged any further", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    const refused = entry("1.1.0", { objection: "its version is lower" });
    const effects = machine.read(plan(refused));
    expect(deeds(effects)).toEqual([cancelOf("1.1.0")]);
    expect(said(effects)).toEqual(["release.refused"]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(machine.read(plan(refused))).toEqual([]);
  });
});

describe("a name that stands in the plan twice", () => {
  const good = entry("1.1.0", { dueIn: MINUTE });
  const twin = entry("1.1.0", {
    dueIn: 0n,
    fingerprint: "the twin",
    objection: "the plan holds another entry of that name",
  });

  test("is staged and performed once, as the entry that counts says", () => {
    const machine = RunMachine.running();
    const effects = machine.read(plan(good, twin));
    expect(deeds(effects)).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.pass(MINUTE))).toEqual([performOf("1.1.0")]);
  });

  test("does not start a staging over and over", () => {
    const machine = RunMachine.running({ plan: plan(good, twin) });
    expect(deeds(machine.pass(SECOND))).toEqual([]);
    expect(deeds(machine.read(plan(good, twin)))).toEqual([]);
  });

  test("is told once", () => {
    const machine = RunMachine.running();
    expect(said(machine.read(plan(good, twin))).toSorted()).toEqual(["release.refused", "upgrade.scheduled"]);
    expect(said(machine.read(plan(good, twin)))).toEqual([]);
    expect(said(machine.read(plan()))).toEqual(["upgrade.withdrawn"]);
  });
});
