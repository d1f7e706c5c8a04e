import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import type { Outcome } from "../../../src/model/outcomes.ts";
import { buildLayout, type Layout } from "../../../src/model/paths.ts";
import { chooseWayBack, type WayBackWish } from "../../../src/run/rollback/choose.ts";
import { switchCurrent } from "../../../src/upgrade/current.ts";
import { writeOutcomes } from "../../../src/upgrade/outcomes.ts";
import { freeRolledBackFolder, rolledBackPaths, writeRolledBackNote } from "../../../src/upgrade/rolled-back.ts";
import { writeVersionRecord } from "../../../src/upgrade/shared-documents.ts";
import { readStaged } from "../../../src/upgrade/staged.ts";
import { placeBuild, setUp } from "../../support/builds.ts";
import { failureOf } from "../../support/failure.ts";
import { emptyInstance } from "../../support/instance.ts";
import { outcome } from "../../support/outcomes.ts";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../../support/upgrades.ts";

let folder: TemporaryHome;
let layout: Layout;
let outcomes: Outcome[];

/** The node has gone from genesis to first and on to second; homes are saved as genesis and first left them. */
beforeEach(() => {
  folder = temporaryHome();
  layout = emptyInstance(folder).layout;
  setUp(layout);
  placeBuild(layout, upgradeInfo({ name: "first", version: "1.1.0" }));
  placeBuild(layout, upgradeInfo({ name: "second", version: "1.2.0" }));
  const { home } = layout;
  outcomes = [
    outcome({ name: "first", home, performedAt: NOON + 1n }),
    outcome({ name: "second", from: "first", home, performedAt: NOON + 2n }),
  ];
  writeOutcomes(layout, { outcomes });
  runs("second", "1.2.0");
  save("genesis", NOON + 1n);
  save("first", NOON + 2n);
});

afterEach(() => folder[Symbol.dispose]());

function runs(name: string, version: string): void {
  switchCurrent(layout, buildLayout(layout, name));
  writeVersionRecord(layout, { name, version, upgradeTime: NOON, binaryDetails: sampleBuildInfo({ version }) });
}

/** As an earlier way back puts one aside. */
function save(name: string, at: bigint): string {
  const kept = freeRolledBackFolder(layout, name, at);
  mkdirSync(rolledBackPaths(kept).home, { recursive: true });
  writeRolledBackNote(kept, { name, version: "", to: "", at, why: "", byHand: true });
  return kept;
}

const choose = (wish: Partial<WayBackWish> = {}) => chooseWayBack(layout, { to: undefined, data: true, ...wish });

describe("a way back", () => {
  test("leads to the version before, with the newest home that it left", () => {
    const path = save("first", NOON + 50n);
    expect(choose()).toEqual({
      from: { name: "second", version: "1.2.0" },
      to: { name: "first", version: "1.1.0" },
      saved: { build: "first", at: NOON + 50n, kind: "kept", path, bytes: null, upgrade: null },
      notes: [],
    });
  });

  test("leads to any other by its name or version, or with the data as they are", () => {
    expect(choose({ to: "genesis" })).toMatchObject({ to: { name: "genesis", version: "1.0.0" } });
    expect(choose({ to: "1.1.0" })).toMatchObject({ to: { name: "first" } });
    expect(choose({ data: false })).toMatchObject({ to: { name: "first" }, saved: null });
  });

  test("leads forward again to what was gone back from", () => {
    runs("first", "1.1.0");
    save("second", NOON + 9n);
    expect(choose({ to: "second" })).toMatchObject({ from: { name: "first" }, saved: { at: NOON + 9n } });
  });

  test("says that the bytes failed here before, and that other nodes stay", () => {
    const sha256 = readStaged(buildLayout(layout, "first"))?.sha256 ?? "";
    const failed = outcome({ home: "/other", name: "x", sha256, state: "failed" });
    writeOutcomes(layout, { outcomes: [...outcomes, failed, outcome({ home: "/other", name: "second" })] });
    expect(choose().notes).toEqual([
      expect.stringContaining("first failed here before"),
      expect.stringContaining("Only this node goes back"),
    ]);
  });
});

describe("no way back leads", () => {
  test.each<[string, Partial<WayBackWish>, string]>([
    ["to what runs", { to: "second" }, "is what this node runs"],
    ["to what nobody knows", { to: "frist" }, "did you mean first?"],
    ["to a name that could be a path", { to: "../.." }, "there is no build called"],
  ])("%s", (_, wish, said) => {
    expect(failureOf(() => choose(wish)).message).toContain(said);
  });

  test("to a binary that is gone, or to one of several with the version", () => {
    placeBuild(layout, upgradeInfo({ name: "rebuilt", version: "1.1.0" }));
    expect(failureOf(() => choose({ to: "1.1.0" })).message).toContain("several builds are of version 1.1.0");
    rmSync(buildLayout(layout, "first").binary);
    expect(failureOf(() => choose())).toMatchObject({
      what: "the binary of first is gone",
      why: expect.stringContaining("this node can go to genesis"),
    });
  });

  test("to a version that left no home, which names --no-data and the others", () => {
    rmSync(layout.rolledBack, { recursive: true });
    expect(failureOf(() => choose())).toMatchObject({
      what: "no home is saved as first left it",
      why: expect.stringContaining("no other version"),
      next: expect.stringContaining("nymvisor rollback --to first --no-data"),
    });
  });

  test("from what nobody knows, or to what nothing tells", () => {
    writeOutcomes(layout, { outcomes: [] });
    expect(failureOf(() => choose()).message).toContain("nothing tells what this node ran before second");
    rmSync(layout.versionRecord);
    rmSync(layout.rustVersionRecord);
    expect(failureOf(() => choose()).message).toContain("nothing tells what this node runs");
  });
});
