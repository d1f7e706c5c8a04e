import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { tryOut } from "../../src/policy/run-probation.ts";
import type { Progress, QueuedUpgrade, RunState } from "../../src/policy/run-state.ts";
import { StatusFile } from "../../src/run/status-file.ts";
import { DONE, entry, plan, RunMachine } from "../policy/run-machine.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let status: StatusFile;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  status = new StatusFile(instance.layout, instance.emit);
});
afterEach(() => home[Symbol.dispose]());

const read = () => JSON.parse(readFileSync(instance.layout.upgradeStatus, "utf8"));

function stateOf(queued: QueuedUpgrade, progress?: Partial<Progress>): RunState {
  const { state } = RunMachine.running({ plan: plan(queued) });
  const known = state.progress.get(queued.name);
  if (progress === undefined || known === undefined) return state;
  return { ...state, progress: new Map([[queued.name, { ...known, ...progress }]]) };
}

describe("the status of upgrades", () => {
  test.each<[string, Partial<Progress>, object]>([
    ["being staged", {}, { state: "staging", reason: null, failures: 0 }],
    ["staged", { staging: { state: "staged" } }, { state: "staged", reason: null, failures: 0 }],
    ["waiting", { staging: { state: "waiting" } }, { state: "waiting", reason: null, failures: 0 }],
    [
      "failed",
      { staging: { state: "failed", reason: "x", retryAt: 1n }, reason: "no space", stagingFailures: 2, attempts: 1 },
      { state: "failed", reason: "no space", failures: 3 },
    ],
  ])("says that one is %s", (_, progress, expected) => {
    status.update(stateOf(entry("1.1.0"), progress));
    const nothingElse = { refused: {}, probation: null, stays: null, wayBack: null, orderRefused: null };
    expect(read()).toEqual({ upgrades: { "1.1.0": expected }, ...nothingElse });
  });

  test("says why one is refused", () => {
    status.update(stateOf(entry("1.1.0", { objection: "its version is lower" })));
    expect(read().upgrades).toEqual({ "1.1.0": { state: "refused", reason: "its version is lower", failures: 0 } });
  });

  test.each(["constructor", "__proto__"])("knows one that is called %s", (name) => {
    status.update(stateOf(entry(name)));
    expect(Object.entries(read().upgrades)).toEqual([[name, { state: "staging", reason: null, failures: 0 }]]);
  });

  test("says that a version stays which did not prove itself, until another one is tried", () => {
    status.stays({ name: "1.0.0", version: "1.0.0", why: "it exited, and no backup was made" });
    status.update(stateOf(entry("1.1.0")));
    expect(read().stays).toEqual({ name: "1.0.0", version: "1.0.0", why: "it exited, and no backup was made" });
    const tried = { name: "1.1.0", version: "1.1.0", noWayBack: null };
    status.update(tryOut(stateOf(entry("1.2.0")), tried, { wall: 0n, monotonic: 0n }));
    expect(read().stays).toBeNull();
  });

  test("tells of a name that stands in the plan twice what counts", () => {
    const twin = entry("1.1.0", { dueIn: 1n, fingerprint: "twin", objection: "another entry of that name" });
    const { state } = RunMachine.running({ plan: plan(entry("1.1.0"), twin) });
    status.update(state);
    expect(read().upgrades).toMatchObject({ "1.1.0": { state: "staging" } });
  });

  test("says what was announced and never came into the plan", () => {
    status.refused("0.9.0", "its version is lower");
    expect(existsSync(instance.layout.upgradeStatus)).toBe(false);
    status.update(stateOf(entry("1.1.0")));
    status.refused("__proto__", "that name is odd");
    expect(Object.entries(read().refused)).toEqual([
      ["0.9.0", "its version is lower"],
      ["__proto__", "that name is odd"],
    ]);
  });

  const onProbation = (noWayBack: string | null = null) => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    machine.upgradeEnds({ ...DONE, noWayBack });
    machine.take({ type: "started" });
    return machine;
  };

  test("says what is on probation, what is wrong with it, and what is against a way back", () => {
    const machine = onProbation("no backup was made");
    machine.looked("it answered 503", "port 1789 refused");
    status.update(machine.state);
    expect(read().probation).toEqual({
      name: "1.1.0",
      version: "1.1.0",
      unwell: "it answered 503; port 1789 refused",
      failed: null,
      noWayBack: "no backup was made",
    });
    machine.prove();
    status.update(machine.state);
    expect(read().probation).toBeNull();
  });

  test("says what runs although it did not prove itself, until something else does", () => {
    const stays = { name: "1.1.0", version: "1.1.0", why: "no backup was made" };
    status.stays(stays);
    status.update(stateOf(entry("1.2.0")));
    expect(read().stays).toEqual(stays);
    status.update(onProbation().state);
    expect(read().stays).toBeNull();
    status.stays(stays);
    status.putBack({ from: "1.1.0", to: "genesis", why: "it exited", kept: null });
    expect(read().stays).toBeNull();
  });

  test("says where the node was put back, and why what a person ordered was not done", () => {
    const back = { from: "1.1.0", to: "genesis", why: "it exited", kept: "/kept" };
    status.putBack(back);
    status.orderRefused("the binary is gone");
    expect(existsSync(instance.layout.upgradeStatus)).toBe(false);
    status.update(stateOf(entry("1.2.0")));
    expect(read()).toMatchObject({ wayBack: back, orderRefused: "the binary is gone" });
    status.putBack({ ...back, kept: null });
    expect(read().wayBack).toEqual({ ...back, kept: null });
  });

  test("is written only when it reads differently", () => {
    const state = stateOf(entry("1.1.0"));
    status.update(state);
    const { ino } = statSync(instance.layout.upgradeStatus);
    status.update({ ...state, failures: 3 });
    expect(statSync(instance.layout.upgradeStatus).ino).toBe(ino);
    status.update(stateOf(entry("1.2.0")));
    expect(statSync(instance.layout.upgradeStatus).ino).not.toBe(ino);
  });

  test("that cannot be written is warned of once, and decides nothing", () => {
    const path = instance.layout.upgradeStatus;
    mkdirSync(path);
    for (const name of ["1.1.0", "1.2.0"]) status.update(stateOf(entry(name)));
    expect(instance.said()).toEqual(["warning"]);
    rmdirSync(path);
    status.update(stateOf(entry("1.2.0")));
    expect(Object.keys(read().upgrades)).toEqual(["1.2.0"]);
    unlinkSync(path);
    mkdirSync(path);
    status.update(stateOf(entry("1.3.0")));
    expect(instance.said()).toEqual(["warning", "warning"]);
  });
});
