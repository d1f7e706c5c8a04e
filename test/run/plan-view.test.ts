import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { NO_WISHES } from "../../src/model/operator.ts";
import type { Outcome } from "../../src/model/outcomes.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { fingerprintOf } from "../../src/policy/incoming.ts";
import { readPlanView } from "../../src/run/plan-view.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { writeOperator } from "../../src/upgrade/operator.ts";
import { writeOutcomes } from "../../src/upgrade/outcomes.ts";
import { requirePlan, writePlan, writeUpgradeInfo } from "../../src/upgrade/shared-documents.ts";
import { readStaged, writeNote } from "../../src/upgrade/staged.ts";
import { noteBinary, placeBuild, setUp } from "../support/builds.ts";
import { failureOf } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { outcome } from "../support/outcomes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

/** Of an entry that a person brought, about which nobody has said anything since. */
const USUAL = { askFrom: 0n, anyTime: true, despiteHold: false };

const read = (runs = "1.0.0") => readPlanView(layout, sampleBuildInfo({ version: runs }), { hold: { held: false } });
const platforms = { any: platform("bytes") };

describe("the plan as it is read", () => {
  test("holds its entries in order of due time, with what decisions need of them", () => {
    const late = upgradeInfo({ version: "1.1.0", upgradeTime: NOON + 1n });
    const early = upgradeInfo({ version: "1.2.0" });
    setUp(layout, late, early);
    const { queuedUp, ...rest } = JSON.parse(readFileSync(layout.plan, "utf8"));
    writeFileSync(layout.plan, JSON.stringify({ ...rest, queuedUp: queuedUp.toReversed() }));
    expect(read().view).toEqual({
      current: "genesis",
      behind: false,
      currentOrdered: false,
      holds: [],
      forwardObjection: null,
      forwardWaitsFor: null,
      goBack: null,
      queue: [
        { name: "1.2.0", version: "1.2.0", due: NOON, fingerprint: fingerprintOf(early), objection: null, ...USUAL },
        {
          name: "1.1.0",
          version: "1.1.0",
          due: NOON + 1n,
          fingerprint: fingerprintOf(late),
          objection: null,
          ...USUAL,
        },
      ],
    });
  });

  test("gives the plan itself besides, in the order of the file", () => {
    setUp(layout, upgradeInfo());
    expect(read().plan).toEqual(requirePlan(layout));
  });

  test("leaves out what runs already", () => {
    setUp(layout, upgradeInfo());
    switchCurrent(layout, buildLayout(layout, "1.1.0"));
    expect(read().view).toMatchObject({ current: "1.1.0", queue: [] });
  });

  test("objects to a hostile name, without looking for its folder", () => {
    setUp(layout, upgradeInfo({ name: "../../../../etc/passwd" }), upgradeInfo({ name: "genesis" }));
    const [hostile, genesis] = read().view.queue;
    expect(hostile?.objection).toContain("cannot be used as a name");
    expect(genesis).toBeUndefined();
  });

  test.each(["constructor", "__proto__"])("has no objection to %s", (name) => {
    setUp(layout, upgradeInfo({ name }));
    expect(read().view.queue).toMatchObject([{ name, objection: null }]);
  });

  test("objects to the second entry of a name", () => {
    setUp(layout, upgradeInfo(), upgradeInfo({ notes: "again" }));
    expect(read().view.queue.map(({ objection }) => objection)).toEqual([
      null,
      "the plan holds another entry of that name",
    ]);
  });

  test("objects to a lower version that was announced, and not to one that a person wrote", () => {
    const announced = upgradeInfo({ version: "0.8.0", platforms });
    setUp(layout, announced, upgradeInfo({ version: "0.9.0" }));
    writeUpgradeInfo(placeBuild(layout, announced), announced);
    expect(read().view.queue.map(({ name, objection }) => [name, objection])).toEqual([
      ["0.8.0", "its version is lower than 1.0.0, which runs"],
      ["0.9.0", null],
    ]);
  });

  describe("objects to bytes that failed here", () => {
    const sha256 = platforms.any.checksum;
    const failed = (changes: Partial<Outcome> = {}) =>
      writeOutcomes(layout, { outcomes: [outcome({ name: "old", state: "rolled-back", sha256, ...changes })] });
    const objections = () => read().view.queue.map(({ objection }) => objection);

    test("by the checksum of what is announced, whatever it is called and whoever ordered it", () => {
      setUp(layout, upgradeInfo({ platforms }));
      failed();
      const order = { name: "1.1.0", since: NOON, despiteHold: true, downgrade: true, checksums: null };
      writeOperator(layout, { ...NO_WISHES, orders: [order] });
      expect(objections()).toEqual([expect.stringContaining("nymvisor upgrade old --retry")]);
      failed({ forgiven: true });
      expect(objections()).toEqual([null]);
    });

    test("by what lies there for it, unless that was downloaded from elsewhere", () => {
      const other = platform("bytes", "https://example.org/other");
      const info = upgradeInfo({ platforms: { any: { url: other.url } } });
      setUp(layout, info);
      const build = placeBuild(layout, info);
      const { sha256: ours = "" } = readStaged(build) ?? {};
      failed({ sha256: ours });
      const note = { sha256: ours, origin: "downloaded", buildInfo: null, refused: null } as const;
      writeNote(build, { ...note, url: "https://example.org/before" });
      expect(objections()).toEqual([null]);
      writeNote(build, { ...note, url: other.url });
      expect(objections()).toEqual([expect.stringContaining("these bytes failed")]);
      writeNote(build, { ...note, origin: "local", url: null });
      expect(objections()).toEqual([expect.stringContaining("these bytes failed")]);
    });

    test("and where nobody can tell what failed, that is an error", () => {
      setUp(layout);
      writeFileSync(layout.outcomes, "{");
      expect(failureOf(read).what).toContain(layout.outcomes);
    });
  });

  test("goes by the link where the plan says something else", () => {
    setUp(layout);
    writePlan(layout, { current: upgradeInfo({ version: "1.2.0" }), queuedUp: [] });
    expect(read().view.current).toBe("genesis");
  });

  test("goes by the plan where the link is gone", () => {
    setUp(layout);
    unlinkSync(layout.current);
    expect(read().view.current).toBe("genesis");
  });

  test.each(["", "{", "[]"])("that holds %j is an error, and nothing is changed", (text) => {
    setUp(layout);
    writeFileSync(layout.plan, text);
    expect(failureOf(read).what).toContain(layout.plan);
    expect(readFileSync(layout.plan, "utf8")).toBe(text);
  });
});

describe("a home", () => {
  /** As after another node has upgraded. */
  function moveOn(version = "1.1.0"): void {
    setUp(layout);
    const info = upgradeInfo({ version });
    placeBuild(layout, info);
    writePlan(layout, { current: info, queuedUp: [] });
    switchCurrent(layout, buildLayout(layout, version));
  }

  test("is behind when current was moved on by another node", () => {
    moveOn();
    expect(read().view).toMatchObject({ current: "1.1.0", behind: true });
  });

  test("does not follow to bytes that have failed on another node and stay there, until they are forgiven", () => {
    moveOn();
    const sha256 = readStaged(buildLayout(layout, "1.1.0"))?.sha256 ?? "";
    const failed = outcome({ name: "1.1.0", home: "/another/home", state: "failed", sha256 });
    writeOutcomes(layout, { outcomes: [failed] });
    expect(read().view.forwardObjection).toContain("nymvisor upgrade 1.1.0 --retry");
    writeOutcomes(layout, { outcomes: [{ ...failed, forgiven: true }] });
    expect(read().view.forwardObjection).toBeNull();
  });

  test("is behind too when the note of the new build is lost: the binary is asked then, before anything is done", () => {
    moveOn();
    unlinkSync(buildLayout(layout, "1.1.0").staged);
    expect(read().view.behind).toBe(true);
  });

  test("is not behind when the note of the new build speaks of another one than the plan", () => {
    moveOn();
    noteBinary(buildLayout(layout, "1.1.0"), "1.2.0");
    expect(read().view.behind).toBe(false);
  });

  test("is not behind as long as the plan does not say so too", () => {
    moveOn();
    writePlan(layout, { ...requirePlan(layout), current: upgradeInfo({ name: "another" }) });
    expect(read().view.behind).toBe(false);
  });

  test("is not behind when current was moved back", () => {
    moveOn("0.9.0");
    expect(read().view.behind).toBe(false);
  });

  test("is not behind when its record has vanished or is torn while the daemon runs", () => {
    moveOn();
    writeFileSync(layout.versionRecord, "");
    expect(read().view.behind).toBe(false);
    unlinkSync(layout.versionRecord);
    expect(read().view.behind).toBe(false);
  });
});
