import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NO_WISHES } from "../../src/model/operator.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { renderConfigFile } from "../../src/system/config-file.ts";
import { keepLastGood } from "../../src/upgrade/last-good.ts";
import { writeOperator } from "../../src/upgrade/operator.ts";
import { type ProbationNote, writeProbation } from "../../src/upgrade/probation-note.ts";
import { pruneBinaries } from "../../src/upgrade/prune-binaries.ts";
import { writeVersionRecord } from "../../src/upgrade/shared-documents.ts";
import { placeBuild, setUp } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

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

test("what a way back needs stays: the build before the one on probation, and one that a person ordered", () => {
  const { layout } = instance;
  setUp(layout);
  for (const [index, name] of ["ordered", "before", "older", "newer"].entries()) {
    utimesSync(placeBuild(layout, upgradeInfo({ name })).binary, index, index);
  }
  writeProbation(layout, probation("before"));
  writeOperator(layout, { ...NO_WISHES, goBack: [{ home: layout.home, to: "ordered", saved: null, since: NOON }] });
  expect(pruneBinaries({ ...instance, needed: new Set() })).toEqual(["older"]);
});

function probation(from: string): ProbationNote {
  const progress = { spent: 0n, proven: 0n, deaths: 0, quits: 0, failed: null };
  const tried = { sha256: null, from, fromVersion: null, checks: [], saved: null, performedAt: NOON, progress };
  return { ...tried, kind: "upgrade", name: "newer", version: "2", build: sampleBuildInfo({ version: "2" }) };
}

describe("what a neighbour's home is on stays:", () => {
  const NAMES = ["oldest", "older", "newer"] as const;

  function neighbour(): EmptyInstance {
    setUp(instance.layout);
    for (const [index, name] of NAMES.entries()) {
      utimesSync(placeBuild(instance.layout, upgradeInfo({ name })).binary, index, index);
    }
    const other = emptyInstance(folder, "n2");
    const config = join(dirname(other.layout.instanceData), "config");
    mkdirSync(config);
    writeFileSync(join(config, "config.toml"), renderConfigFile(other.configuration));
    return other;
  }
  const record = (name: string) => {
    const binaryDetails = sampleBuildInfo({ version: "1.0.0" });
    return { name, version: "1.0.0", upgradeTime: NOON, binaryDetails };
  };
  const prune = () => pruneBinaries({ ...instance, needed: new Set() });

  test("by its own record", () => {
    writeVersionRecord(neighbour().layout, record("older"));
    expect(prune()).toEqual(["oldest"]);
  });

  test("by its last good copy, should its home be elsewhere than its configuration says", () => {
    const { layout } = neighbour();
    writeVersionRecord(layout, record("oldest"));
    keepLastGood(layout);
    rmSync(layout.versionRecord);
    expect(prune()).toEqual(["older"]);
  });

  test("with what it would be put back on", () => {
    const { layout } = neighbour();
    writeVersionRecord(layout, record("newer"));
    writeProbation(layout, probation("oldest"));
    expect(prune()).toEqual([]);
    rmSync(layout.probation);
    expect(prune()).toEqual(["oldest"]);
  });

  test("where nothing tells what it is on, nothing goes", () => {
    neighbour();
    expect(prune()).toEqual([]);
  });

  test("unless it is of another daemon", () => {
    const { layout, configuration } = neighbour();
    const other = { ...configuration, daemon: { ...configuration.daemon, name: "nym-api" } };
    writeFileSync(join(dirname(layout.instanceData), "config/config.toml"), renderConfigFile(other));
    expect(prune()).toEqual(["oldest", "older"]);
  });
});
