import { describe, expect, test } from "bun:test";
import { timesOfEntry } from "../../src/policy/entry-times.ts";
import { withAskFrom } from "../../src/policy/incoming.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const HOUR = 3_600_000_000_000n;
const at = (hours: bigint) => NOON + hours * HOUR;

/** What this node would choose. */
const OWN = { due: at(5n), askFrom: at(4n) };

const entry = (due: bigint, askFrom: bigint) => withAskFrom(upgradeInfo({ upgradeTime: due }), askFrom);

describe("the time of an entry that is in the plan", () => {
  test("is computed anew by who chose it", () => {
    const record = { by: "node", upgradeTime: at(50n) };
    expect(timesOfEntry(OWN, entry(at(50n), at(40n)), record, "node")).toEqual(OWN);
  });

  test("is kept where a neighbour chose it, also if it is an earlier one of the same age", () => {
    const record = { by: "neighbour", upgradeTime: at(4n) };
    expect(timesOfEntry(OWN, entry(at(4n), at(4n)), record, "node")).toEqual({ due: at(4n), askFrom: at(4n) });
  });

  test("is kept where a neighbour wants a longer age", () => {
    const record = { by: "neighbour", upgradeTime: at(50n) };
    const times = { due: at(50n), askFrom: at(40n) };
    expect(timesOfEntry(OWN, entry(at(50n), at(40n)), record, "node")).toEqual(times);
  });

  test("is not kept where a neighbour wants a shorter age", () => {
    const record = { by: "neighbour", upgradeTime: at(3n) };
    expect(timesOfEntry(OWN, entry(at(3n), at(2n)), record, "node")).toEqual(OWN);
  });

  test("is kept where a person has changed it, and still nothing is executed before its age", () => {
    for (const by of ["node", "neighbour"]) {
      const record = { by, upgradeTime: at(6n) };
      expect(timesOfEntry(OWN, entry(at(1n), at(2n)), record, "node")).toEqual({ due: at(1n), askFrom: at(4n) });
    }
  });

  test("does not depend on what cannot be read", () => {
    const record = { by: "neighbour", upgradeTime: NOON };
    const odd = { ...upgradeInfo(), executeFrom: "soon" };
    expect(timesOfEntry(OWN, odd, record, "node")).toEqual(OWN);
  });
});
