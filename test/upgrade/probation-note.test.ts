import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { NO_PROGRESS } from "../../src/policy/probation.ts";
import {
  copyOnProbation,
  type ProbationNote,
  readProbation,
  removeProbation,
  whyNoWayBack,
  writeProbation,
} from "../../src/upgrade/probation-note.ts";
import { setUp } from "../support/builds.ts";
import { configurationWith } from "../support/configuration.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON } from "../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  ({ layout } = emptyInstance(home));
  setUp(layout);
});
afterEach(() => home[Symbol.dispose]());

function note(changes: Partial<ProbationNote> = {}): ProbationNote {
  return {
    kind: "upgrade",
    name: "1.1.0",
    version: "1.1.0",
    build: sampleBuildInfo({ version: "1.1.0" }),
    sha256: "ab",
    from: "genesis",
    fromVersion: null,
    checks: [
      { kind: "url", url: "http://127.0.0.1:8080/api/v1/health" },
      { kind: "port", host: "::1", port: 1789 },
    ],
    saved: "/saved",
    performedAt: NOON,
    progress: { ...NO_PROGRESS, spent: 5n, proven: 3n, deaths: 1 },
    ...changes,
  };
}

test("what is written is read again, to the nanosecond, and is nobody else's", () => {
  writeProbation(layout, note());
  expect(readProbation(layout)).toEqual({ state: "found", value: note() });
  expect(statSync(layout.probation).mode & 0o777).toBe(0o600);
  removeProbation(layout);
  expect(readProbation(layout).state).toBe("missing");
});

describe("a way back", () => {
  const { rollback } = configurationWith({ DAEMON_HOME: "/n1" });
  const withoutData = { rollback: { ...rollback, without_data: true } };

  test("is there where the home was saved and the binary is there", () => {
    expect(whyNoWayBack(layout, { rollback }, { saved: "/saved", from: "genesis" })).toBeNull();
  });

  test("without a saved home is there only if its operator says so", () => {
    const unsaved = { saved: null, from: "genesis" };
    expect(whyNoWayBack(layout, { rollback }, unsaved)).toContain("[rollback] without_data is off");
    expect(whyNoWayBack(layout, withoutData, unsaved)).toBeNull();
  });

  test("is not there without the binary, with or without data", () => {
    const { binary } = buildLayout(layout, "genesis");
    rmSync(binary);
    for (const saved of [null, "/saved"]) {
      expect(whyNoWayBack(layout, withoutData, { saved, from: "genesis" })).toContain(binary);
    }
  });
});

describe("the copy that a way back would need", () => {
  test("is found where the home lies by now", () => {
    const copy = join(layout.copies, "1.1.0-x");
    mkdirSync(copy, { recursive: true });
    expect(copyOnProbation(layout, note({ saved: "/where/the/home/was/copies/1.1.0-x" }))).toBe(copy);
  });

  test.each<[string, ProbationNote | undefined]>([
    ["nothing is on probation", undefined],
    ["nothing was saved", note({ saved: null })],
    ["it is an archive", note({ saved: "/backups/1.1.0/x.tar.gz" })],
  ])("is none where %s", (_, tried) => {
    expect(copyOnProbation(layout, tried)).toBeNull();
    expect(existsSync(layout.copies)).toBe(false);
  });
});
