import { describe, expect, test } from "bun:test";
import { parseWindow } from "../../src/model/window.ts";
import type { ReleasePolicy } from "../../src/policy/decide-releases.ts";
import { DAY, day, decide, HOUR, known, release, running, verdictOn } from "./train.ts";

const FIRST = release("1.0.0", { on: 0 });
const RUNS = known(running("1.0.0"));

/** Hours of a day of the train. */
function at(of: number, hours: number): bigint {
  return day(of) + BigInt(Math.round(hours * 60)) * (HOUR / 60n);
}

/** A place in the spread for each release. */
function places(of: Record<string, number>): Pick<ReleasePolicy, "fraction"> {
  return { fraction: (name) => of[name] ?? 0 };
}

const NIGHTLY = { windows: [parseWindow("22:00-23:00")], spread: HOUR };

describe("the time of a release is", () => {
  const train = [FIRST, release("1.1.0", { on: 5 })];
  const due = (on: number, policy: Partial<ReleasePolicy>) => decide(on, train, RUNS, policy).chosen?.due;

  test("the end of its age and its place in the spread", () => {
    expect(due(5.5, { spread: 10n * HOUR, ...places({ "1.1.0": 0.25 }) })).toBe(at(6, 2.5));
  });

  test("the same, however long ago it was", () => {
    expect(due(9, { spread: 10n * HOUR, ...places({ "1.1.0": 0.25 }) })).toBe(at(6, 2.5));
  });

  test("in the first window after its age", () => {
    expect(due(5.5, { ...NIGHTLY, ...places({ "1.1.0": 0.5 }) })).toBe(at(6, 22.5));
  });

  test("in the same place of the next window when it was missed", () => {
    const policy = { ...NIGHTLY, ...places({ "1.1.0": 0.5 }) };
    expect(due(6.5, policy)).toBe(at(6, 22.5));
    expect(due(6 + 22.75 / 24, policy)).toBe(at(6, 22.5));
    expect(due(6 + 23 / 24, policy)).toBe(at(7, 22.5));
    expect(due(7 + 22.25 / 24, policy)).toBe(at(7, 22.5));
    expect(due(7 + 22.75 / 24, policy)).toBe(at(7, 22.5));
  });

  test("never missed in windows that never close", () => {
    const policy = { windows: [parseWindow("00:00-24:00")], spread: HOUR, ...places({ "1.1.0": 0.5 }) };
    for (const on of [5.5, 50, 5000]) expect(due(on, policy)).toBe(at(6, 0.5));
  });

  test("computed again when the policy changes", () => {
    expect(due(5.5, { minimumAge: 2n * DAY })).toBe(day(7));
    expect(due(5.5, { minimumAge: 0n })).toBe(day(5));
  });

  test("none where no window opens", () => {
    const last = release("1.1.0", { on: 5 });
    const decision = decide(10, [FIRST, last], RUNS, { ...NIGHTLY, minimumAge: 2n ** 90n });
    expect(decision.chosen).toBe(null);
    expect(verdictOn(decision, "1.1.0")).toMatchObject({ state: "too-young", at: null });
  });
});

describe("a younger release that takes the place of one that waits", () => {
  const train = [FIRST, release("1.1.0", { on: 5 }), release("1.2.0", { on: 5.25 })];
  const spread = { spread: 10n * HOUR };

  test("is performed when that one would have been, if its own place is later", () => {
    const decision = decide(6.25, train, RUNS, { ...spread, ...places({ "1.1.0": 0.75, "1.2.0": 0.875 }) });
    expect(decision.chosen).toMatchObject({ version: "1.2.0", due: at(6, 7.5), askFrom: at(6, 6) });
  });

  test("keeps its own place if that is sooner", () => {
    const decision = decide(6.25, train, RUNS, { ...spread, ...places({ "1.1.0": 0.75, "1.2.0": 0.125 }) });
    expect(decision.chosen?.due).toBe(at(6, 7.25));
  });

  test("keeps its own place if that one's time had passed: its failure is no reason to begin all at once", () => {
    const decision = decide(6.25, train, RUNS, { ...spread, ...places({ "1.1.0": 0.25, "1.2.0": 0.875 }) });
    expect(decision.chosen?.due).toBe(at(6, 14.75));
  });

  test("owes nothing to one that came of age after it", () => {
    const late = [FIRST, release("1.1.0", { on: 5, changedOn: 5.5 }), release("1.2.0", { on: 5.25 })];
    const decision = decide(6.75, late, RUNS, { ...spread, ...places({ "1.1.0": 0, "1.2.0": 0.875 }) });
    expect(decision.chosen?.due).toBe(at(6, 14.75));
  });
});

describe("the decision is to be made again", () => {
  test("when the next release comes of age", () => {
    const train = [
      FIRST,
      release("1.1.0", { on: 5 }),
      release("1.2.0", { on: 5.25 }),
      release("u", { on: 5.5, version: null }),
    ];
    expect([5.5, 6, 6.25, 6.5].map((on) => decide(on, train, RUNS).next)).toEqual([day(6), day(6.25), day(6.5), null]);
  });

  test("when the window closes on what waits for it", () => {
    const train = [FIRST, release("1.1.0", { on: 5 })];
    const policy = { ...NIGHTLY, ...places({ "1.1.0": 0.5 }) };
    expect(decide(5.5, train, RUNS, policy).next).toBe(day(6));
    expect(decide(6.5, train, RUNS, policy).next).toBe(at(6, 23));
    expect(decide(6 + 22.75 / 24, train, RUNS, policy).next).toBe(at(6, 23));
    expect(decide(6 + 23 / 24, train, RUNS, policy).next).toBe(at(7, 23));
  });
});
