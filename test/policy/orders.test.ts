import { describe, expect, test } from "bun:test";
import { NO_WISHES, type Order } from "../../src/model/operator.ts";
import type { ReleaseState, Verdict } from "../../src/model/releases.ts";
import { checksumsOf, objectionToWish, orderOf } from "../../src/policy/operator-wishes.ts";
import { isOrderable } from "../../src/policy/ordered-release.ts";
import { isStepBack, objectionToOrder } from "../../src/policy/upgrade-target.ts";
import { withWantedEntries } from "../../src/policy/wanted-verdicts.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";
import { bytes, day, release } from "./train.ts";

const order: Order = { name: "1.1.0", since: NOON, despiteHold: false, downgrade: false, checksums: null };
const entry = upgradeInfo({ platforms: { "linux-x86_64": platform("a"), any: platform("b") } });
const verdict = (state: ReleaseState): Verdict => {
  return { name: "1.1.0", version: "1.1.0", publishedAt: day(1), state, why: "for a reason", at: null };
};

describe("an order", () => {
  test("is about one entry, and about its bytes", () => {
    const operator = (checksums: string[] | null) => ({ ...NO_WISHES, orders: [{ ...order, checksums }] });
    expect(orderOf(entry, operator(checksumsOf(entry)))).toBeDefined();
    expect(orderOf(entry, operator(null))).toBeDefined();
    const changed = { ...entry, platforms: { any: platform("c") } };
    expect(orderOf(changed, operator(checksumsOf(entry)))).toBeUndefined();
    expect(orderOf({ ...entry, name: "other" }, operator(null))).toBeUndefined();
  });

  test.each<[ReleaseState, boolean]>([
    ["superseded", true],
    ["too-young", true],
    ["prerelease", true],
    ["pinned-away", true],
    ["performed", true],
    ["running", false],
    ["same-bytes", false],
    ["older", false],
  ])("of a release that is %s stands: %p", (state, stands) => {
    expect(isOrderable(release("1.1.0", { on: 1 }), verdict(state), order)).toBe(stands);
  });

  test("stands for an older release only where a step back was ordered, and never without a binary", () => {
    expect(isOrderable(release("1.1.0", { on: 1 }), verdict("older"), { ...order, downgrade: true })).toBe(true);
    const gone = release("1.1.0", { on: 1, noBinary: "it has no files" });
    expect(isOrderable(gone, verdict("chosen"), order)).toBe(false);
    const torn = release("1.1.0", { on: 1, objection: "it contradicts itself" });
    expect(isOrderable(torn, verdict("chosen"), order)).toBe(false);
  });
});

describe("a release that a person asks for", () => {
  test.each<[string, { version: string; publishedAt: bigint | null }, boolean]>([
    ["of a lower version", { version: "1.0.0", publishedAt: day(9) }, true],
    ["of a patch level above", { version: "1.1.0-1", publishedAt: day(9) }, false],
    ["published before what runs", { version: "1.1.0", publishedAt: day(1) }, true],
    ["published later", { version: "1.1.0", publishedAt: day(3) }, false],
    ["without a date", { version: "1.1.0", publishedAt: null }, false],
  ])("%s is a step back: %p", (_, wanted, stepBack) => {
    expect(isStepBack(wanted, { publishedAt: day(2) }, "1.1.0")).toBe(stepBack);
  });

  test("is not performed without what vouches for it", () => {
    const free = { refused: new Map<string, string>() };
    const strict = { enforceChecksum: true };
    const objection = (
      ...[sketch, state = "chosen", known = free, policy = strict]: [
        Partial<Parameters<typeof release>[1]>,
        ReleaseState?,
        typeof free?,
        typeof strict?,
      ]
    ) => objectionToOrder(release("1.1.0", { on: 1, ...sketch }), verdict(state), known, policy);
    expect(objection({})).toBeNull();
    expect(objection({ prerelease: true }, "prerelease")).toBeNull();
    expect(objection({ bytes: null })).toContain("without a checksum");
    expect(objection({ bytes: null }, "chosen", free, { enforceChecksum: false })).toBeNull();
    expect(objection({ noBinary: "it has no files yet" })).toBe("it has no files yet");
    expect(objection({ objection: "two of that name" })).toBe("two of that name");
    expect(objection({}, "refused")).toBe("for a reason");
    expect(objection({}, "skipped", { refused: new Map([[bytes("1.1.0"), "it is another daemon"]]) })).toContain(
      "daemon",
    );
  });
});

describe("a person's own entry of the plan", () => {
  const skip = (by: "command" | "plan") => ({ ...NO_WISHES, skipped: [{ name: "1.1.0", since: NOON, by }] });

  test("is not passed over by a pin, nor by having been removed before, but by nymvisor skip", () => {
    expect(objectionToWish(entry, { ...NO_WISHES, pin: { release: "x", since: NOON } }, true)).toBeNull();
    expect(objectionToWish(entry, skip("plan"), true)).toBeNull();
    expect(objectionToWish(entry, skip("plan"))).toContain("taken out of the plan");
    expect(objectionToWish(entry, skip("command"), true)).toContain("nymvisor unskip 1.1.0");
  });

  test("is what becomes of its release", () => {
    const queued = {
      name: "1.1.0",
      version: "1.1.0",
      due: NOON,
      fingerprint: "",
      objection: null,
      askFrom: 0n,
      anyTime: true,
      despiteHold: false,
    };
    expect(withWantedEntries([verdict("older")], [queued])).toMatchObject([{ state: "chosen", at: NOON }]);
    expect(withWantedEntries([verdict("older")], [{ ...queued, anyTime: false }])).toEqual([verdict("older")]);
    expect(withWantedEntries([verdict("older")], [{ ...queued, objection: "no" }])).toEqual([verdict("older")]);
  });
});
