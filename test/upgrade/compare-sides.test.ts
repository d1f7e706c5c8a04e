import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { tryLock } from "../../src/system/lock.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { readUpgradeInfo, requirePlan, writePlan, writeUpgradeInfo } from "../../src/upgrade/shared-documents.ts";
import { compareSides, disagreement } from "../../src/upgrade/take-stock.ts";
import { STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;
let events: NymvisorEvent[];

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
  events = [];
  setUpStaged(layout);
});
afterEach(() => home[Symbol.dispose]());

function compare(name: string, version: string) {
  const emit = (event: NymvisorEvent) => void events.push(event);
  return compareSides({ layout, clock: STANDING_CLOCK, emit }, name, sampleBuildInfo({ version }));
}

describe("before a start", () => {
  test("the sides agree where all say the same", () => {
    const home = compare("genesis", "1.0.0");
    expect(home).toMatchObject({
      agreement: { state: "agreed" },
      info: { name: "genesis" },
      record: { name: "genesis" },
    });
    expect(home.current).toEqual(buildLayout(layout, "genesis"));
    expect(events).toEqual([]);
  });

  test("a home that is on an older build than current is behind", () => {
    switchCurrent(layout, buildLayout(layout, "1.1.0"));
    expect(compare("1.1.0", "1.1.0").agreement).toEqual({ state: "behind" });
  });

  test("a home of which nothing is known is behind", () => {
    unlinkSync(layout.versionRecord);
    expect(compare("genesis", "1.0.0")).toMatchObject({ agreement: { state: "behind" }, record: undefined });
  });

  test("a binary that was exchanged is an error that shows both sides and says what to type", () => {
    const { agreement, current } = compare("genesis", "1.0.7");
    if (agreement.state !== "disagreed") throw new Error("they agree");
    const failure = disagreement(layout, current, agreement);
    expect(failure.why).toContain("1.0.7 | 1.0.0");
    expect(failure.next).toContain(current.binary);
  });

  test("a home that is ahead of current is an error that says how to decide", () => {
    unlinkSync(layout.versionRecord);
    writeFileSync(
      layout.versionRecord,
      JSON.stringify({
        name: "1.1.0",
        version: "1.1.0",
        upgradeTime: "2026-11-21T12:00:00Z",
        binaryDetails: sampleBuildInfo({ version: "1.1.0" }),
      }),
    );
    const { agreement, current } = compare("genesis", "1.0.0");
    if (agreement.state !== "disagreed") throw new Error("they agree");
    const failure = disagreement(layout, current, agreement);
    expect(failure.what).toBe("this home was last run with 1.1.0 (1.1.0), and current is genesis (1.0.0)");
    expect(failure.next).toContain(`mv ${layout.versionRecord} ${layout.versionRecord}.bad`);
    expect(failure.next).toContain(`ln -sfn upgrades/NAME ${layout.current}`);
  });
});

describe("information about current that is", () => {
  test("missing is made again from the plan", () => {
    const build = buildLayout(layout, "1.1.0");
    const info = upgradeInfo({ notes: "as planned" });
    writePlan(layout, { current: info, queuedUp: [] });
    unlinkSync(build.info);
    expect(compare("1.1.0", "1.1.0").info).toEqual(info);
    expect(readUpgradeInfo(build)).toEqual({ state: "found", value: info });
    expect(events).toEqual([{ type: "document.rebuilt", path: build.info, from: layout.plan }]);
  });

  test("missing, with a plan of something else, is made again from the binary's own word", () => {
    const build = buildLayout(layout, "1.1.0");
    unlinkSync(build.info);
    expect(requirePlan(layout).current.name).toBe("genesis");
    expect(compare("1.1.0", "1.1.0").info).toMatchObject({ name: "1.1.0", version: "1.1.0", platforms: {} });
    expect(events).toEqual([{ type: "document.rebuilt", path: build.info, from: build.binary }]);
  });

  test.each(["", "{", "[]"])("torn (%j) is kept, and made again", (text) => {
    const build = buildLayout(layout, "genesis");
    writeFileSync(build.info, text);
    expect(compare("genesis", "1.0.0").agreement).toEqual({ state: "agreed" });
    expect(readFileSync(`${build.info}.corrupt-2026-11-21-120000000`, "utf8")).toBe(text);
    expect(events.map(({ type }) => type)).toEqual(["document.set-aside", "document.rebuilt"]);
  });

  test("missing is left to the next start while another process holds the lock", () => {
    const build = buildLayout(layout, "genesis");
    unlinkSync(build.info);
    const { lock } = tryLock(layout.upgradeLock, "this test");
    expect(compare("genesis", "1.0.0").agreement).toEqual({ state: "agreed" });
    expect(readUpgradeInfo(build)).toEqual({ state: "missing" });
    lock?.release();
    compare("genesis", "1.0.0");
    expect(readUpgradeInfo(build)).toMatchObject({ state: "found" });
    expect(tryLock(layout.upgradeLock, "this test").lock).not.toBeNull();
  });

  test("that of another version is not made again, but an error", () => {
    const build = buildLayout(layout, "genesis");
    writeUpgradeInfo(build, upgradeInfo({ name: "genesis", version: "9.9.9" }));
    expect(compare("genesis", "1.0.0").agreement).toMatchObject({ state: "disagreed", other: "announcement" });
    expect(events).toEqual([]);
  });
});
