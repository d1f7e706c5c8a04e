import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, truncateSync } from "node:fs";
import type { Layout } from "../../src/model/paths.ts";
import { JOURNAL_STATES, type Journal, readJournal, removeJournal, writeJournal } from "../../src/upgrade/journal.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

const journal: Journal = {
  state: "stopping",
  kind: "upgrade",
  from: "genesis",
  to: upgradeInfo({ severity: "high" }),
  build: sampleBuildInfo({ version: "1.1.0" }),
  copy: null,
  trial: null,
  backup: null,
  startedAt: NOON + 123_456_789n,
  performedAt: null,
};

describe("the journal", () => {
  test.each(JOURNAL_STATES)("in the state %s is read as it was written", (state) => {
    const written = { ...journal, state, performedAt: NOON + 1n, backup: "/backups/it's one.tar.gz" };
    writeJournal(layout, written);
    expect(readJournal(layout)).toEqual({ state: "found", value: written });
  });

  test("is for nobody else to read, and lies with the instance", () => {
    writeJournal(layout, journal);
    expect(statSync(layout.journal).mode & 0o777).toBe(0o600);
    expect(layout.journal).toStartWith(`${layout.instanceData}/`);
  });

  test("is there only while an upgrade is under way", () => {
    expect(readJournal(layout)).toEqual({ state: "missing" });
    writeJournal(layout, journal);
    removeJournal(layout);
    removeJournal(layout);
    expect(existsSync(layout.journal)).toBe(false);
  });

  test("that is torn is unusable at every length", () => {
    writeJournal(layout, journal);
    const { length } = readFileSync(layout.journal);
    for (let size = length - 1; size >= 0; size -= 37) {
      truncateSync(layout.journal, size);
      expect(readJournal(layout).state).toBe("unusable");
    }
  });
});
