import { expect, test } from "bun:test";
import { NO_PROGRESS } from "../../src/policy/probation.ts";
import { initialState } from "../../src/policy/run.ts";
import { advanceProbation, tryOut } from "../../src/policy/run-probation.ts";
import type { RunSettings } from "../../src/policy/run-state.ts";
import { NOON } from "../support/upgrades.ts";
import { MINUTE, plan, SECOND } from "./run-machine.ts";

const SETTINGS: RunSettings = {
  restartAfterUpgrade: true,
  restartOnFailure: false,
  failureRestartDelay: 10n * SECOND,
  maxStartupFailures: 3,
  startupPeriod: 120n * SECOND,
  windows: [],
  probation: { limit: 50_000_000n, grace: 0n, interval: SECOND },
  goBackByItself: true,
};

test("a version is not gone back from for what nymvisor itself takes to begin, though its time was over before", () => {
  const progress = { ...NO_PROGRESS, spent: MINUTE };
  const tried = { name: "1.1.0", version: "1.1.0", noWayBack: null };
  const state = tryOut(initialState(SETTINGS, plan()), tried, { wall: NOON, monotonic: SECOND }, progress);
  const later = advanceProbation(state, { wall: NOON, monotonic: MINUTE }, [], () => {});
  expect(later.probation).toMatchObject({ failed: null, spent: MINUTE });
});
