import { describe, expect, test } from "bun:test";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { Withdrawals } from "../../src/run/withdrawals.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";

const plan = (...queuedUp: UpgradeInfo[]) => ({ current: upgradeInfo({ version: "1.0.0" }), queuedUp });
const info = upgradeInfo({ platforms: { any: platform("bytes") } });

/** As after the entry was read, and then was gone. */
function withdrawn(entry = info): Withdrawals {
  const withdrawals = new Withdrawals();
  withdrawals.planRead(undefined, plan(entry));
  withdrawals.planRead(plan(entry), plan());
  withdrawals.add(entry.name);
  return withdrawals;
}

describe("an upgrade that a person took out of the plan", () => {
  test("stays withdrawn as long as it is announced as it was", () => {
    expect(withdrawn().includes(structuredClone(info))).toBe(true);
  });

  test("stays withdrawn although the person, or upstream, has moved its time", () => {
    expect(withdrawn({ ...info, upgradeTime: NOON + 1n }).includes(info)).toBe(true);
    expect(withdrawn().includes({ ...info, upgradeTime: NOON + 1n })).toBe(true);
  });

  test("is a new one when it is announced with anything else that differs", () => {
    expect(withdrawn().includes({ ...info, platforms: { any: platform("other bytes") } })).toBe(false);
    expect(withdrawn().includes({ ...info, notes: "now it works" })).toBe(false);
  });

  test("is not withdrawn any more once it is back in the plan", () => {
    const withdrawals = withdrawn();
    withdrawals.planRead(plan(), plan(info));
    expect(withdrawals.includes(info)).toBe(false);
    withdrawals.planRead(plan(info), plan());
    withdrawals.add(info.name);
    expect(withdrawals.includes(info)).toBe(true);
  });

  test.each(["constructor", "__proto__"])("may be called %s", (name) => {
    const entry = { ...info, name };
    expect(new Withdrawals().includes(entry)).toBe(false);
    expect(withdrawn(entry).includes(entry)).toBe(true);
  });
});

test("an upgrade that was never in the plan was not withdrawn, whoever says so", () => {
  const withdrawals = new Withdrawals();
  withdrawals.add(info.name);
  expect(withdrawals.includes(info)).toBe(false);
});

test("the others stay wanted", () => {
  expect(withdrawn().includes(upgradeInfo({ version: "1.2.0" }))).toBe(false);
});
