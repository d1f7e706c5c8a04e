import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { buildLayout } from "../../src/model/paths.ts";
import { pruneBinaries } from "../../src/upgrade/prune-binaries.ts";
import { placeBuild, setUp } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { upgradeInfo } from "../support/upgrades.ts";

let folder: TemporaryHome;
let instance: EmptyInstance;

beforeEach(() => {
  folder = temporaryHome();
  instance = emptyInstance(folder, "n1", { NYMVISOR_UPGRADE_KEEP_BINARIES: "1" });
});

afterEach(() => folder[Symbol.dispose]());

const has = (name: string) => existsSync(buildLayout(instance.layout, name).binary);

test("binaries of earlier upgrades go, and never genesis, current, or those of the plan", () => {
  const { layout } = instance;
  setUp(layout, upgradeInfo({ name: "queued" }));
  for (const [index, name] of ["oldest", "older", "newer", "queued", "needed"].entries()) {
    utimesSync(placeBuild(layout, upgradeInfo({ name })).binary, index, index);
  }
  expect(pruneBinaries({ ...instance, needed: new Set(["needed"]) })).toEqual(["oldest", "older"]);
  expect(["genesis", "oldest", "older", "newer", "queued", "needed"].filter(has)).toEqual([
    "genesis",
    "newer",
    "queued",
    "needed",
  ]);
  expect(readdirSync(buildLayout(layout, "oldest").folder).sort()).toEqual(["bin", "upgrade-info.json"]);
});

test("where nothing tells what runs, nothing goes", () => {
  const { layout } = instance;
  setUp(layout);
  for (const name of ["a", "b", "c"]) placeBuild(layout, upgradeInfo({ name }));
  rmSync(layout.current);
  expect(pruneBinaries({ ...instance, needed: new Set() })).toEqual([]);
});
