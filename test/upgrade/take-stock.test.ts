import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { temporaryName } from "../../src/system/durable.ts";
import { tryLock } from "../../src/system/lock.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { keepLastGood } from "../../src/upgrade/last-good.ts";
import {
  readHistory,
  readVersionRecord,
  requirePlan,
  writeHistory,
  writePlan,
  writeVersionRecord,
} from "../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../src/upgrade/take-stock.ts";
import { partialNames } from "../../src/upstream/partial-file.ts";
import { placeBuild, STANDING_CLOCK, setUp, setUpStaged } from "../support/builds.ts";
import { contentsOf } from "../support/contents.ts";
import { failureOf } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const STAMP = "2026-11-21-120000000";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

/** Takes stock, and once more, which has to find nothing to do. @returns what was said the first time. */
function stock(): NymvisorEvent[] {
  const events: NymvisorEvent[] = [];
  const context = { layout, clock: STANDING_CLOCK, emit: (event: NymvisorEvent) => void events.push(event) };
  takeStock(context);
  const first = events.splice(0);
  const before = contents();
  takeStock(context);
  expect(events).toEqual([]);
  expect(contents()).toEqual(before);
  return first;
}

const contents = () => contentsOf(home.path);
const types = (events: NymvisorEvent[]) => events.map(({ type }) => type);
const queue = () => requirePlan(layout).queuedUp.map(({ name }) => name);
const recordFor = (version: string, name = version) => ({
  name,
  version,
  upgradeTime: NOON,
  binaryDetails: sampleBuildInfo({ version }),
});

test("where all is in order nothing is done and nothing is said", () => {
  setUpStaged(layout);
  const before = contents();
  expect(stock()).toEqual([]);
  expect(contents()).toEqual(before);
});

describe("current that is gone", () => {
  function lose(current: string) {
    placeBuild(layout, upgradeInfo({ version: "1.2.0" }));
    setUpStaged(layout);
    writePlan(layout, { ...requirePlan(layout), current: upgradeInfo({ name: current }) });
    unlinkSync(layout.current);
  }

  test("is made again as the plan says, by a relative link", () => {
    lose("1.1.0");
    expect(stock()).toContainEqual({
      type: "document.rebuilt",
      path: layout.current,
      from: buildLayout(layout, "1.1.0").folder,
    });
    expect(readlinkSync(layout.current)).toBe("upgrades/1.1.0");
  });

  test("is made again as this home was last run with where the plan cannot be used", () => {
    lose("1.1.0");
    writeVersionRecord(layout, recordFor("1.2.0"));
    writeFileSync(layout.plan, "");
    stock();
    expect(readlinkSync(layout.current)).toBe("upgrades/1.2.0");
  });

  test.each(["missing", "../../../etc", "upgrades/1.1.0", ""])(
    "is not made to lead to %p, which is no build here",
    (name) => {
      lose(name);
      stock();
      expect(readlinkSync(layout.current)).toBe("genesis");
    },
  );

  test("is genesis where no document is left", () => {
    lose("1.1.0");
    for (const path of [layout.plan, layout.versionRecord, layout.rustVersionRecord]) rmSync(path);
    stock();
    expect(readlinkSync(layout.current)).toBe("genesis");
    expect(requirePlan(layout).current).toMatchObject({ name: "genesis", version: "1.0.0" });
    expect(queue()).toEqual(["1.1.0", "1.2.0"]);
  });

  test("and of which nothing is left is an error that says how to begin", () => {
    lose("1.1.0");
    rmSync(layout.genesis, { recursive: true });
    rmSync(layout.upgrades, { recursive: true });
    expect(failureOf(stock)).toMatchObject({
      what: `there is nothing to run in ${layout.upgradeData}`,
      next: expect.stringContaining("nymvisor init"),
    });
  });
});

describe("current that leads", () => {
  test("to a build without its binary is an error, and nothing is changed", () => {
    setUpStaged(layout);
    unlinkSync(buildLayout(layout, "genesis").binary);
    const before = contents();
    expect(failureOf(stock).why).toBe(`${buildLayout(layout, "genesis").binary} is missing`);
    expect(contents()).toEqual(before);
  });

  test("to something that is no build is an error, and nothing is changed", () => {
    setUpStaged(layout);
    unlinkSync(layout.current);
    symlinkSync("..", layout.current);
    const before = contents();
    expect(failureOf(stock).what).toBe(`${layout.current} points to ..`);
    expect(contents()).toEqual(before);
  });

  test("by its absolute path to where the folder was before it was moved is made to lead here", () => {
    setUpStaged(layout);
    unlinkSync(layout.current);
    symlinkSync("/home/before/.nym/nymvisors/data/nym-node/upgrades/1.1.0", layout.current);
    writePlan(layout, { current: upgradeInfo(), queuedUp: [] });
    expect(types(stock())).toEqual(["document.rebuilt"]);
    expect(readlinkSync(layout.current)).toBe("upgrades/1.1.0");
  });

  test("by its absolute path to here is left as the Rust program made it", () => {
    setUpStaged(layout);
    unlinkSync(layout.current);
    symlinkSync(layout.genesis, layout.current);
    expect(stock()).toEqual([]);
    expect(readlinkSync(layout.current)).toBe(layout.genesis);
  });
});

describe("a plan that", () => {
  const BAD: readonly [string, string][] = [
    ["is empty", ""],
    ["is torn", '{"current": {"name": "gen'],
    ["holds zeros", "\0".repeat(300)],
    ["is another document", '{"history": []}'],
  ];

  test.each(BAD)("%s is kept, and made again from what was announced and is not done", (_, text) => {
    setUp(layout);
    for (const version of ["0.9.0", "1.1.0", "1.2.0", "1.3.0"]) placeBuild(layout, upgradeInfo({ version }));
    const done = [{ performedAt: NOON, info: upgradeInfo({ version: "1.2.0" }) }];
    writeHistory(layout, { history: done });
    mkdirSync(join(layout.upgrades, "half"));
    mkdirSync(join(layout.upgrades, "torn"));
    writeFileSync(join(layout.upgrades, "torn", "upgrade-info.json"), "{");
    writeFileSync(layout.plan, text);
    expect(types(stock())).toEqual(["document.set-aside", "document.rebuilt"]);
    expect(readFileSync(`${layout.plan}.corrupt-${STAMP}`, "utf8")).toBe(text);
    expect(requirePlan(layout).current).toMatchObject({ name: "genesis", version: "1.0.0" });
    expect(queue()).toEqual(["1.1.0", "1.3.0"]);
  });

  test("was lost is made again, and nothing is kept, for there is nothing", () => {
    setUpStaged(layout);
    unlinkSync(layout.plan);
    expect(types(stock())).toEqual(["document.rebuilt"]);
    expect(queue()).toEqual(["1.1.0"]);
    expect(readdirSync(layout.upgradeData).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  test("is torn is made again from the copy that was last good, with what a person wrote in it", () => {
    const info = setUpStaged(layout);
    const putOff = { ...info, upgradeTime: NOON + 7n, mood: "good" };
    writePlan(layout, { ...requirePlan(layout), queuedUp: [putOff], schema: 7 });
    keepLastGood(layout);
    writeFileSync(layout.plan, "{");
    stock();
    expect(requirePlan(layout)).toMatchObject({ queuedUp: [putOff], schema: 7 });
  });

  test("names the old build although current is the new one, whose documents nobody wrote, is brought after current", () => {
    const info = setUpStaged(layout);
    switchCurrent(layout, buildLayout(layout, info.name));
    expect(types(stock())).toEqual(["document.rebuilt"]);
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
  });

  test("names the new build although current is the old one, as the Rust program leaves it when it is killed, has it queued again", () => {
    const info = setUpStaged(layout);
    const later = upgradeInfo({ version: "1.2.0", upgradeTime: NOON + 1n });
    writePlan(layout, { current: info, queuedUp: [later] });
    expect(types(stock())).toEqual(["document.rebuilt"]);
    expect(requirePlan(layout).current.name).toBe("genesis");
    expect(queue()).toEqual(["1.1.0", "1.2.0"]);
    expect(readlinkSync(layout.current)).toBe("genesis");
  });

  test("names an older build than current does not have that one queued", () => {
    setUpStaged(layout);
    placeBuild(layout, upgradeInfo({ version: "0.9.0" }));
    writePlan(layout, { current: upgradeInfo({ version: "0.9.0" }), queuedUp: [] });
    stock();
    expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [] });
  });

  test("is lost together with the information of what runs is put together from what this home was last run with", () => {
    setUp(layout);
    for (const path of [layout.plan, buildLayout(layout, "genesis").info]) unlinkSync(path);
    stock();
    expect(requirePlan(layout).current).toMatchObject({ name: "genesis", version: "1.0.0", platforms: {} });
  });
});

describe("a history that is torn", () => {
  test("is kept", () => {
    setUp(layout);
    writeFileSync(layout.history, '{"history": [');
    expect(types(stock())).toEqual(["document.set-aside"]);
    expect(readFileSync(`${layout.history}.corrupt-${STAMP}`, "utf8")).toBe('{"history": [');
  });

  test("goes on from the copy that was last good", () => {
    setUp(layout);
    writeHistory(layout, { history: [{ performedAt: NOON, info: upgradeInfo() }] });
    keepLastGood(layout);
    writeFileSync(layout.history, "");
    expect(types(stock())).toEqual(["document.set-aside", "document.rebuilt"]);
    expect(readHistory(layout)).toMatchObject({ value: { history: [{ info: { name: "1.1.0" } }] } });
  });
});

describe("the record of this home", () => {
  test("that the Rust program wrote becomes ours, and its name a link to it", () => {
    setUp(layout);
    unlinkSync(layout.versionRecord);
    unlinkSync(layout.rustVersionRecord);
    const text = JSON.stringify({
      ...JSON.parse(
        JSON.stringify({ ...recordFor("1.0.0", "genesis"), upgradeTime: "2026-11-21T09:00:41.833556343Z" }),
      ),
      mood: "good",
    });
    writeFileSync(layout.rustVersionRecord, text);
    expect(stock()).toEqual([]);
    expect(JSON.parse(readFileSync(layout.versionRecord, "utf8"))).toEqual(JSON.parse(text));
    expect(readlinkSync(layout.rustVersionRecord)).toBe("current-version-info.json");
  });

  test("that is torn is kept, and gone on from the copy that was last good", () => {
    setUp(layout);
    keepLastGood(layout);
    writeFileSync(layout.versionRecord, "{");
    expect(types(stock())).toEqual(["document.set-aside", "document.rebuilt"]);
    expect(readFileSync(`${layout.versionRecord}.corrupt-${STAMP}`, "utf8")).toBe("{");
    expect(readVersionRecord(layout)).toMatchObject({ state: "found", value: { name: "genesis" } });
  });

  test("that is torn, without a copy, is kept, and the home is one of which nothing is known", () => {
    setUp(layout);
    writeFileSync(layout.versionRecord, "");
    expect(types(stock())).toEqual(["document.set-aside"]);
    expect(readVersionRecord(layout)).toEqual({ state: "missing" });
  });

  test("that is torn under the Rust program's name is kept as well", () => {
    setUp(layout);
    unlinkSync(layout.versionRecord);
    unlinkSync(layout.rustVersionRecord);
    writeFileSync(layout.rustVersionRecord, "torn");
    expect(types(stock())).toEqual(["document.set-aside"]);
    expect(readFileSync(`${layout.rustVersionRecord}.corrupt-${STAMP}`, "utf8")).toBe("torn");
  });

  test("that stands under both names and differs is ours, and the other is kept", () => {
    setUp(layout);
    unlinkSync(layout.rustVersionRecord);
    const other = JSON.stringify({ ...recordFor("1.1.0"), upgradeTime: "2026-11-21T12:00:00Z" });
    writeFileSync(layout.rustVersionRecord, other);
    expect(types(stock())).toEqual(["document.set-aside"]);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
    expect(readlinkSync(layout.rustVersionRecord)).toBe("current-version-info.json");
    expect(readFileSync(`${layout.rustVersionRecord}.superseded-${STAMP}`, "utf8")).toBe(other);
  });

  test("has its second name again when that was lost", () => {
    setUp(layout);
    unlinkSync(layout.rustVersionRecord);
    expect(stock()).toEqual([]);
    expect(readlinkSync(layout.rustVersionRecord)).toBe("current-version-info.json");
  });
});

describe("what killed writers left", () => {
  test("is swept from every folder that nymvisor writes in, and nothing of the living", () => {
    setUpStaged(layout);
    const { folder, bin } = buildLayout(layout, "1.1.0");
    mkdirSync(join(layout.backups, "1.1.0"), { recursive: true });
    const folders = [
      layout.upgradeData,
      layout.instanceData,
      layout.homeNymvisor,
      layout.genesis,
      join(layout.genesis, "bin"),
      folder,
      bin,
      join(layout.backups, "1.1.0"),
    ];
    const dead = folders.map((where) => join(where, ".x.tmp-999999999-1-1"));
    for (const path of dead) writeFileSync(path, "half");
    const living = temporaryName(layout.plan);
    writeFileSync(living, "half");
    const events = stock();
    expect(events.map((event) => (event.type === "sweep.removed" ? event.path : event.type)).toSorted()).toEqual(
      dead.toSorted(),
    );
    expect(existsSync(living)).toBe(true);
    expect(readdirSync(bin)).toEqual([basename(buildLayout(layout, "1.1.0").binary)]);
  });

  test("is swept where it is the lock of a turn or of a download, unless somebody holds it", () => {
    setUpStaged(layout);
    const download = partialNames(buildLayout(layout, "1.1.0").binary).lock;
    for (const path of [layout.turnLock, download])
      writeFileSync(path, '{"pid":999999999,"startTime":1,"purpose":""}\n');
    expect(stock()).toEqual([layout.turnLock, download].map((path) => ({ type: "sweep.removed", path })));
    const { lock } = tryLock(layout.turnLock, "upgrading another node");
    expect(stock()).toEqual([]);
    expect(existsSync(layout.turnLock)).toBe(true);
    lock?.release();
  });

  test("is not looked for where a link leads away from the upgrades", () => {
    setUp(layout);
    mkdirSync(home.at("elsewhere"));
    writeFileSync(home.at("elsewhere/.x.tmp-999999999-1-1"), "");
    symlinkSync(home.at("elsewhere"), join(layout.upgrades, "link"));
    expect(stock()).toEqual([]);
    expect(readdirSync(home.at("elsewhere"))).toHaveLength(1);
  });
});
