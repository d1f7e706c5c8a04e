import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildLayout, type Layout } from "../../../src/model/paths.ts";
import { switchCurrent } from "../../../src/upgrade/current.ts";
import { writeHistory } from "../../../src/upgrade/shared-documents.ts";
import { othersAllow } from "../../../src/upgrade/way-back/others-allow.ts";
import { placeBuild, setUp } from "../../support/builds.ts";
import { emptyInstance } from "../../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
  setUp(layout);
  const infos = ["1.1.0", "1.2.0"].map((version) => upgradeInfo({ version }));
  for (const info of infos) placeBuild(layout, info);
  writeHistory(layout, { history: infos.map((info, index) => ({ performedAt: NOON + BigInt(index), info })) });
  switchCurrent(layout, buildLayout(layout, "1.1.0"));
});
afterEach(() => home[Symbol.dispose]());

/** An instance of which nothing tells what it runs. */
function addStranger(): void {
  mkdirSync(join(dirname(dirname(layout.instanceData)), "stranger", "data"), { recursive: true });
}

const from = { name: "1.1.0" };

test("a node that is alone takes current back with it", () => {
  expect(othersAllow(layout, { from, to: "genesis" })).toBe(true);
});

test("current stays for another node that may need it, and for those that are ahead of this one", () => {
  addStranger();
  expect(othersAllow(layout, { from, to: "genesis" })).toBe(false);
  expect(othersAllow(layout, { from: { name: "genesis" }, to: "1.2.0" })).toBe(false);
});

test("forward again current goes along whatever others run: this node would not start on less", () => {
  addStranger();
  expect(othersAllow(layout, { from, to: "1.2.0" })).toBe(true);
});
