import { describe, expect, test } from "bun:test";
import { parseWindow } from "../../src/model/window.ts";
import type { Hold, PlanView } from "../../src/policy/run-state.ts";
import { NOON } from "../support/upgrades.ts";
import { deeds, entry, HOUR, MINUTE, performOf, plan, RunMachine, SECOND, START, said } from "./run-machine.ts";

const HELD: Hold = { until: null, by: "command" };
const until = (later: bigint): Hold => ({ until: NOON + later, by: "setting" });

const withHolds = (view: PlanView, ...holds: Hold[]): PlanView => ({ ...view, holds });

describe("a hold", () => {
  const due = plan(entry("1.1.0"));

  test("keeps what is due waiting, staged, until it is lifted", () => {
    const machine = RunMachine.running({ plan: withHolds(due, HELD) });
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.pass(100n * HOUR))).toEqual([]);
    expect(deeds(machine.read(due))).toEqual([performOf("1.1.0")]);
  });

  test("until a time ends then, and wakes the run", () => {
    const machine = RunMachine.running({ plan: withHolds(due, until(HOUR)) });
    machine.staged("1.1.0");
    expect(machine.wake().wall).toBe(NOON + HOUR);
    expect(deeds(machine.pass(HOUR - SECOND))).toEqual([]);
    expect(deeds(machine.pass(SECOND))).toEqual([performOf("1.1.0")]);
  });

  test("does not keep what a person wants despite it", () => {
    const machine = RunMachine.running({
      plan: withHolds(plan(entry("1.1.0"), entry("1.2.0", { despiteHold: true })), HELD),
    });
    machine.staged("1.1.0");
    expect(deeds(machine.staged("1.2.0"))).toEqual([performOf("1.2.0")]);
  });

  test("keeps a home from being brought after its neighbours, but for what a person has ordered", () => {
    const behind = { ...withHolds(plan(), HELD), current: "1.1.0", behind: true };
    const machine = RunMachine.running();
    expect(deeds(machine.read(behind))).toEqual([]);
    const ordered = { ...behind, currentOrdered: true };
    expect(deeds(machine.read(ordered))).toEqual([{ type: "perform", target: { kind: "forward", name: "1.1.0" } }]);
  });

  test("is told when it begins, when another joins it, and when the last is gone", () => {
    const machine = RunMachine.running();
    expect(said(machine.read(withHolds(plan(), HELD)))).toEqual(["upgrades.held"]);
    expect(said(machine.read(withHolds(plan(), HELD)))).toEqual([]);
    expect(said(machine.read(withHolds(plan(), HELD, until(HOUR))))).toEqual(["upgrades.held"]);
    expect(said(machine.read(withHolds(plan(), until(HOUR))))).toEqual([]);
    expect(said(machine.read(plan()))).toEqual(["upgrades.resumed"]);
  });

  test("whose time has passed is none", () => {
    const machine = RunMachine.running();
    expect(said(machine.read(withHolds(due, until(-HOUR))))).not.toContain("upgrades.held");
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
    expect(said(machine.read(due))).not.toContain("upgrades.resumed");
  });
});

describe("outside of the windows", () => {
  // It is noon, a Saturday.
  const windows = [parseWindow("14:00-15:00")];

  test("what is due waits for the next opening, and wakes the run", () => {
    const machine = RunMachine.running({ windows, plan: plan(entry("1.1.0")) });
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(machine.wake().wall).toBe(NOON + 2n * HOUR);
    expect(deeds(machine.pass(2n * HOUR))).toEqual([performOf("1.1.0")]);
  });

  test("what a person has timed is performed", () => {
    const machine = RunMachine.running({ windows, plan: plan(entry("1.1.0", { anyTime: true })) });
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });

  test("a node that runs is not brought after its neighbours, and one that is down is", () => {
    const behind = { ...plan(), current: "1.1.0", behind: true };
    const forward = { type: "perform", target: { kind: "forward", name: "1.1.0" } } as const;
    const machine = RunMachine.running({ windows });
    expect(deeds(machine.read(behind))).toEqual([]);
    expect(deeds(machine.exit(1))).toEqual([forward]);
    const closing = RunMachine.running({ windows });
    closing.read(behind);
    expect(deeds(closing.pass(3n * HOUR - MINUTE))).toEqual([forward]);
  });

  test("a node that has failed is started again", () => {
    const machine = RunMachine.running({ windows });
    machine.exit(1);
    expect(deeds(machine.pass(10n * SECOND))).toEqual([START]);
  });
});
