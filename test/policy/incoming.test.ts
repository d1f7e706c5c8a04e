import { describe, expect, test } from "bun:test";
import type { Plan, UpgradeInfo } from "../../src/model/documents.ts";
import {
  asBeingQueued,
  fingerprintOf,
  isBeingQueued,
  isOwnedByPerson,
  judgeAnnouncement,
  objectionToEntry,
  type Running,
  sameAnnouncement,
} from "../../src/policy/incoming.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";

const HERE = "linux-x86_64";

interface Situation {
  announced: UpgradeInfo;
  /** Version of what runs, as its name too. */
  runs?: string;
  current?: UpgradeInfo;
  otherBytes?: boolean | null;
  queued?: UpgradeInfo[];
  ownedByPerson?: boolean;
  performed?: UpgradeInfo[];
  bad?: string;
}

function judge({
  announced,
  runs = "1.0.0",
  current,
  otherBytes = null,
  queued = [],
  ownedByPerson = false,
  performed = [],
  bad,
}: Situation) {
  const info = current ?? upgradeInfo({ version: runs });
  const running: Running = { info, build: sampleBuildInfo({ version: runs }), otherBytes };
  const plan: Plan = { current: info, queuedUp: queued };
  return judgeAnnouncement(announced, running, plan, ownedByPerson, performed, bad);
}

describe("an announcement", () => {
  test("of a higher version is queued", () => {
    expect(judge({ announced: upgradeInfo({ version: "1.1.0" }) })).toEqual({ action: "queue", replaces: false });
  });

  test("of what runs is nothing new", () => {
    expect(judge({ announced: upgradeInfo({ version: "1.0.0" }), runs: "1.0.0" })).toEqual({ action: "nothing" });
  });

  test("of a lower version is refused, and says why", () => {
    expect(judge({ announced: upgradeInfo({ version: "0.9.0" }) })).toEqual({
      action: "refuse",
      reason: "its version is lower than 1.0.0, which runs",
    });
  });

  test("of bytes that failed here is refused under any name, unless it is what runs", () => {
    const announced = upgradeInfo({ name: "again", version: "1.1.0" });
    expect(judge({ announced, bad: "they failed" })).toEqual({ action: "refuse", reason: "they failed" });
    expect(judge({ announced, current: announced, runs: "1.1.0", bad: "they failed" })).toEqual({ action: "nothing" });
  });

  test("of what was performed and then gone back from is refused, whenever it is said to be due", () => {
    const done = upgradeInfo({ version: "1.1.0" });
    expect(judge({ announced: { ...done, upgradeTime: 0n }, performed: [done] })).toEqual({
      action: "refuse",
      reason: "it was performed already, and 1.0.0 was put in its place since",
    });
  });

  test("under the name of what was performed is queued if it reads differently", () => {
    const done = upgradeInfo({ version: "1.1.0" });
    const mended = { ...done, platforms: { any: platform("mended") } };
    expect(judge({ announced: mended, performed: [done] })).toEqual({ action: "queue", replaces: false });
  });

  test("of the version that runs, under the name of another build of it that was performed, is refused", () => {
    const done = upgradeInfo({ name: "first", version: "1.0.0" });
    const mended = { ...done, platforms: { any: platform("mended") } };
    expect(judge({ announced: mended, performed: [done], otherBytes: true })).toMatchObject({ action: "refuse" });
  });

  test("of a version that has no order is queued under its own name", () => {
    expect(judge({ announced: upgradeInfo({ name: "platypus", version: "platypus" }) })).toMatchObject({
      action: "queue",
    });
  });

  test("without any version is refused", () => {
    expect(judge({ announced: upgradeInfo({ name: "x", version: "" }) })).toMatchObject({ action: "refuse" });
  });

  test.each(["", "..", "a/b", "genesis", "current", ".hidden", "x".repeat(129), "a\nb"])(
    "that is called %p is refused, whatever its version",
    (name) => {
      expect(judge({ announced: upgradeInfo({ name, version: "9.0.0" }) })).toMatchObject({
        action: "refuse",
        reason: expect.stringContaining("cannot be used as a name"),
      });
    },
  );

  test.each(["constructor", "__proto__", "toString"])("that is called %p is queued like any other", (name) => {
    const announced = upgradeInfo({ name, version: "1.1.0" });
    expect(judge({ announced })).toEqual({ action: "queue", replaces: false });
    expect(judge({ announced, queued: [announced] })).toEqual({ action: "nothing" });
  });

  test("under the name of what runs, with another version, is refused", () => {
    const current = upgradeInfo({ name: "release", version: "1.0.0" });
    expect(judge({ announced: upgradeInfo({ name: "release", version: "1.1.0" }), current })).toEqual({
      action: "refuse",
      reason: "that name runs now as version 1.0.0; a release needs a name of its own",
    });
  });

  test("of what current is, while this home is still on an older build, is nothing new", () => {
    const current = upgradeInfo({ version: "1.1.0" });
    expect(judge({ announced: current, current, runs: "1.0.0" })).toEqual({ action: "nothing" });
  });
});

describe("an announcement of the version that runs, under another name,", () => {
  const announced = (others: Partial<UpgradeInfo> = {}) =>
    upgradeInfo({ name: "1.0.0-again", version: "1.0.0", ...others });

  test("is nothing new when nothing tells that it is another build", () => {
    for (const otherBytes of [null, false]) {
      expect(judge({ announced: announced(), otherBytes })).toEqual({ action: "nothing" });
    }
  });

  test("is nothing new when it names the very build that runs", () => {
    const binaryDetails = sampleBuildInfo({ version: "1.0.0" });
    expect(judge({ announced: announced({ binaryDetails }) })).toEqual({ action: "nothing" });
  });

  test("is a patch when it names another build", () => {
    const binaryDetails = sampleBuildInfo({ version: "1.0.0", commit: "f".repeat(40) });
    expect(judge({ announced: announced({ binaryDetails }) })).toEqual({ action: "queue", replaces: false });
  });

  test("is a patch when its bytes are others than those that were downloaded", () => {
    expect(judge({ announced: announced(), otherBytes: true })).toEqual({ action: "queue", replaces: false });
  });
});

describe("an announcement that is queued already", () => {
  const queued = upgradeInfo({ version: "1.1.0", platforms: { [HERE]: platform("one") } });

  test("and reads the same changes nothing", () => {
    expect(judge({ announced: structuredClone(queued), queued: [queued] })).toEqual({ action: "nothing" });
  });

  test.each([
    ["another time", { upgradeTime: NOON + 1n }],
    ["another url", { platforms: { [HERE]: platform("one", "https://example.org/elsewhere") } }],
    ["another checksum", { platforms: { [HERE]: platform("two") } }],
    ["a field that nymvisor does not know", { severity: "high" }],
  ])("and now has %s replaces its entry", (_, change) => {
    expect(judge({ announced: { ...queued, ...change }, queued: [queued] })).toEqual({
      action: "queue",
      replaces: true,
    });
  });

  test("by a person is left as the person wrote it", () => {
    const announced = { ...queued, upgradeTime: NOON + 1n };
    expect(judge({ announced, queued: [queued], ownedByPerson: true })).toEqual({ action: "nothing" });
  });
});

describe("two entries", () => {
  test("say the same whatever the order of their keys", () => {
    const info = upgradeInfo({ platforms: { a: { url: "x", checksum: "y" }, b: { url: "z" } } });
    const turned = Object.fromEntries(Object.entries(info).toReversed()) as UpgradeInfo;
    turned.platforms = { b: { url: "z" }, a: { checksum: "y", url: "x" } };
    expect(sameAnnouncement(info, turned)).toBe(true);
    expect(fingerprintOf(info)).toBe(fingerprintOf(turned));
  });

  test("that differ in a platform called __proto__ differ", () => {
    const info = upgradeInfo({ platforms: JSON.parse('{"__proto__": {"url": "x"}}') });
    const other = upgradeInfo({ platforms: JSON.parse('{"__proto__": {"url": "y"}}') });
    expect(sameAnnouncement(info, other)).toBe(false);
    expect(fingerprintOf(info)).not.toBe(fingerprintOf(other));
  });

  test("that differ in the order of a list differ", () => {
    expect(sameAnnouncement(upgradeInfo({ tags: [1, 2] }), upgradeInfo({ tags: [2, 1] }))).toBe(false);
  });
});

describe("the fingerprint of what was staged", () => {
  const info = upgradeInfo({ platforms: { [HERE]: platform("one") } });

  test("stays when only the time or the notes change", () => {
    expect(fingerprintOf({ ...info, upgradeTime: NOON + 1n, notes: "read this", manual: true })).toBe(
      fingerprintOf(info),
    );
  });

  test.each([
    ["version", { version: "1.1.1" }],
    ["platforms", { platforms: { [HERE]: platform("two") } }],
    ["binaryDetails", { binaryDetails: sampleBuildInfo({ version: "1.1.0" }) }],
  ])("changes with the %s", (_, change) => {
    expect(fingerprintOf({ ...info, ...change })).not.toBe(fingerprintOf(info));
  });
});

describe("an entry of the plan is a person's", () => {
  const announced = upgradeInfo({ platforms: { [HERE]: platform("one") } });

  test("when nothing could be downloaded for it", () => {
    expect(isOwnedByPerson(upgradeInfo(), upgradeInfo())).toBe(true);
  });

  test("when it no longer reads as it was announced", () => {
    expect(isOwnedByPerson({ ...announced, upgradeTime: NOON + 1n }, announced)).toBe(true);
    expect(isOwnedByPerson(announced, undefined)).toBe(true);
  });

  test("but not when the power went while the poller was between the two", () => {
    const mended = { ...announced, upgradeTime: NOON + 1n };
    expect(isOwnedByPerson(announced, asBeingQueued(mended))).toBe(false);
    expect(isBeingQueued(asBeingQueued(mended))).toBe(true);
    expect(isBeingQueued(mended)).toBe(false);
  });

  test("and else the poller's", () => {
    expect(isOwnedByPerson(announced, structuredClone(announced))).toBe(false);
  });
});

describe("an entry of the plan", () => {
  const plan = (...queuedUp: UpgradeInfo[]): Plan => ({ current: upgradeInfo({ version: "1.0.0" }), queuedUp });

  test("of a higher version has no objection", () => {
    const entry = upgradeInfo();
    expect(objectionToEntry(entry, plan(entry), "1.0.0", false)).toBeNull();
  });

  test("with a hostile name is refused", () => {
    const entry = upgradeInfo({ name: "../../etc" });
    expect(objectionToEntry(entry, plan(entry), "1.0.0", true)).toContain("cannot be used as a name");
  });

  test("of a lower version is refused unless a person wrote it", () => {
    const entry = upgradeInfo({ version: "0.9.0" });
    expect(objectionToEntry(entry, plan(entry), "1.0.0", false)).toBe("its version is lower than 1.0.0, which runs");
    expect(objectionToEntry(entry, plan(entry), "1.0.0", true)).toBeNull();
  });

  test("of a lower version than other nodes run is refused as well, by a home that is behind them", () => {
    const entry = upgradeInfo({ version: "1.1.0" });
    const current = upgradeInfo({ version: "1.2.0" });
    const why = "its version is lower than 1.2.0, which other nodes run";
    expect(objectionToEntry(entry, { current, queuedUp: [entry] }, "1.0.0", false)).toBe(why);
    expect(objectionToEntry(entry, { current, queuedUp: [entry] }, "1.0.0", true)).toBeNull();
  });

  test("that stands there twice counts once, the first", () => {
    const first = upgradeInfo();
    const second = upgradeInfo();
    expect(objectionToEntry(first, plan(first, second), "1.0.0", false)).toBeNull();
    expect(objectionToEntry(second, plan(first, second), "1.0.0", false)).toBe(
      "the plan holds another entry of that name",
    );
  });
});
