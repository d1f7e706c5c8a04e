import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { homeLockOf } from "../../src/model/paths.ts";
import type { PlanView } from "../../src/policy/run-state.ts";
import { AwaitedTrial } from "../../src/run/awaited-trial.ts";
import { makeFolderDurably } from "../../src/system/durable.ts";
import { tryLock } from "../../src/system/lock.ts";
import { plan } from "../policy/run-machine.ts";
import { STANDING_CLOCK } from "../support/builds.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let folder: TemporaryHome;
let home: string;
let now = 0n;
let trial: AwaitedTrial;

beforeEach(() => {
  folder = temporaryHome();
  home = folder.at("one");
  makeFolderDurably(folder.at("one/nymvisor"));
  now = 1n;
  trial = new AwaitedTrial({ ...STANDING_CLOCK, monotonic: () => now });
});
afterEach(() => folder[Symbol.dispose]());

const waiting = (): PlanView => ({ ...plan(), behind: true, forwardWaitsFor: home });

test("the verdict of a node that runs is waited for, however long", () => {
  const { lock } = tryLock(homeLockOf(home), "running");
  for (const later of [1n, 10n ** 10n, 10n ** 14n]) {
    now = later;
    expect(trial.judge(waiting())).toEqual({ view: waiting(), lookAgainIn: 60_000 });
  }
  lock?.release();
});

test("one that runs is waited for also where the disk did not take its name", () => {
  writeFileSync(homeLockOf(home), "");
  trial.judge(waiting());
  now += 10n ** 14n;
  expect(trial.judge(waiting())).toEqual({ view: waiting(), lookAgainIn: 60_000 });
});

test("one that does not run is waited for as long as a restart takes, and no longer", () => {
  expect(trial.judge(waiting())).toEqual({ view: waiting(), lookAgainIn: 5_000 });
  now += 4_999_999_999n;
  expect(trial.judge(waiting()).view.forwardWaitsFor).toBe(home);
  now += 1n;
  expect(trial.judge(waiting())).toEqual({ view: { ...waiting(), forwardWaitsFor: null }, lookAgainIn: null });
});

test("one that runs again meanwhile is waited for anew", () => {
  trial.judge(waiting());
  now += 3_000_000_000n;
  const { lock } = tryLock(homeLockOf(home), "running");
  trial.judge(waiting());
  lock?.release();
  now += 3_000_000_000n;
  expect(trial.judge(waiting()).view.forwardWaitsFor).toBe(home);
});

test("where nothing is waited for, nothing is looked at", () => {
  expect(trial.judge(plan())).toEqual({ view: plan(), lookAgainIn: null });
});
