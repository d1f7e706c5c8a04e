import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../../src/model/paths.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { type PlanWatcher, watchPlan } from "../../src/run/plan-watcher.ts";
import { writeFileDurably } from "../../src/system/durable.ts";
import { tryLock } from "../../src/system/lock.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { runProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let layout: Layout;
let watcher: PlanWatcher | undefined;
/** What a listener that reads at each call has seen, one after the other. */
let seen: string[];

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  layout = instance.layout;
  writeFileSync(layout.plan, "plan 000");
  switchCurrent(layout, buildLayout(layout, "genesis"));
  seen = [];
});
afterEach(async () => {
  await watcher?.close();
  home[Symbol.dispose]();
});

function read(): string {
  try {
    return readFileSync(layout.plan, "utf8");
  } catch {
    return "missing";
  }
}

function watch(): void {
  watcher = watchPlan(layout, () => void seen.push(read()), instance.emit);
}

/** Until it watches: chokidar needs a moment, in which a change would be noticed only a second later. */
async function watchFromNow(): Promise<void> {
  watch();
  let turn = 0;
  await waitFor("the watcher to be ready", () => {
    turn += 1;
    writeFileSync(layout.plan, `ready ${turn}`);
    return seen.length > 0;
  });
  writeFileSync(layout.plan, "plan 000");
  await waitFor("quiet", () => seen.at(-1) === "plan 000");
  seen.length = 0;
}

const until = (text: string) => waitFor(`"${text}" to be seen`, () => seen.at(-1) === text);

describe("a change of the plan is seen", () => {
  test("when it is written durably, as nymvisor does", async () => {
    await watchFromNow();
    writeFileDurably(layout.plan, "plan 001");
    await until("plan 001");
  });

  test("when an editor renames a file into its place", async () => {
    await watchFromNow();
    writeFileSync(home.at("edited"), "plan 001");
    renameSync(home.at("edited"), layout.plan);
    await until("plan 001");
  });

  test("when an editor moves the old one away, and writes a new one", async () => {
    await watchFromNow();
    renameSync(layout.plan, `${layout.plan}~`);
    writeFileSync(layout.plan, "plan 001");
    await until("plan 001");
  });

  test("when it is written in place, with the same size and its time set back", async () => {
    await watchFromNow();
    const past = new Date("2026-01-01T00:00:00Z");
    for (const text of ["plan 001", "plan 002", "plan 003"]) {
      writeFileSync(layout.plan, text);
      utimesSync(layout.plan, past, past);
    }
    await until("plan 003");
  });

  test("when it is removed, and when it is made again", async () => {
    await watchFromNow();
    unlinkSync(layout.plan);
    await until("missing");
    writeFileSync(layout.plan, "plan 001");
    await until("plan 001");
    writeFileSync(layout.plan, "plan 002");
    await until("plan 002");
  });

  test("when its whole folder is removed and made again", async () => {
    await watchFromNow();
    rmSync(layout.upgradeData, { recursive: true });
    mkdirSync(layout.upgradeData);
    writeFileSync(layout.plan, "plan 001");
    await until("plan 001");
    writeFileSync(layout.plan, "plan 002");
    await until("plan 002");
  });

  test("when it is made before anything watches", async () => {
    watch();
    writeFileSync(layout.plan, "plan 001");
    await until("plan 001");
  });

  test("when another process writes a hundred, to the last one", async () => {
    await watchFromNow();
    const code = `import { writeFileDurably } from "#/system/durable.ts";
      import { writeFileSync } from "node:fs";
      for (let turn = 1; turn <= 100; turn += 1) {
        const write = turn % 3 === 0 ? writeFileSync : writeFileDurably;
        write(process.argv[1], "plan " + String(turn).padStart(3, "0"));
      }`;
    await runProgram(code, { args: [layout.plan] });
    await until("plan 100");
  });

  test("when this process writes a hundred at once, to the last one", async () => {
    await watchFromNow();
    for (let turn = 1; turn <= 100; turn += 1) writeFileSync(layout.plan, `plan ${String(turn).padStart(3, "0")}`);
    await until("plan 100");
  });
});

describe("a change of current is seen", () => {
  test("when it is moved", async () => {
    await watchFromNow();
    switchCurrent(layout, buildLayout(layout, "1.1.0"));
    await waitFor("a call", () => seen.length > 0);
  });

  test("when it is removed", async () => {
    await watchFromNow();
    unlinkSync(layout.current);
    await waitFor("a call", () => seen.length > 0);
  });
});

describe("what is no change is not told:", () => {
  test("other files and folders beside the plan", async () => {
    await watchFromNow();
    for (let turn = 0; turn < 20; turn += 1) {
      tryLock(layout.upgradeLock, "this test").lock?.release();
      writeFileDurably(layout.history, `history ${turn}`);
      writeFileSync(join(layout.upgradeData, `.upgrade-plan.json.tmp-1-${turn}-1`), "");
      mkdirSync(join(layout.upgrades, `1.${turn}.0`));
      writeFileSync(join(layout.upgrades, `1.${turn}.0`, "upgrade-plan.json"), "");
    }
    writeFileDurably(layout.plan, "plan 001");
    await until("plan 001");
    expect(seen).toEqual(["plan 001"]);
  });

  test("anything after it was closed", async () => {
    await watchFromNow();
    await watcher?.close();
    writeFileDurably(layout.plan, "plan 001");
    const other = watchPlan(layout, () => {}, instance.emit);
    await other.close();
    expect(seen).toEqual([]);
  });
});

test("a watcher whose folder is not there yet sees the plan once it comes", async () => {
  rmSync(layout.upgradeData, { recursive: true });
  watch();
  mkdirSync(layout.upgradeData);
  writeFileSync(layout.plan, "plan 001");
  await until("plan 001");
});
