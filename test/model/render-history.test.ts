import { describe, expect, test } from "bun:test";
import { type HistoryEntry, renderHistory } from "../../src/model/render-history.ts";
import { NOON } from "../support/upgrades.ts";

const entry = (changes: Partial<HistoryEntry> = {}): HistoryEntry => ({
  kind: "upgrade",
  name: "nym-binaries-v2026.1",
  version: "1.1.0",
  from: "genesis",
  fromVersion: "1.0.0",
  performedAt: NOON,
  outcome: "passed",
  why: null,
  decidedAt: NOON + 60_000_000_000n,
  byHand: false,
  forgiven: false,
  wentBack: null,
  downtime: 1_204_000_000n,
  backup: "/n1/nymvisor/backups/b.tar.gz",
  kept: null,
  ...changes,
});

const text = (...changes: Partial<HistoryEntry>[]) =>
  renderHistory({ upgrades: changes.map(entry), unseen: null }, "text");

describe("the history", () => {
  test("tells of each upgrade what, from where, how it turned out, how long, and the backup", () => {
    expect(text({})).toBe(
      `2026-11-21T12:00:00Z  nym-binaries-v2026.1 (1.1.0), from genesis (1.0.0)
    passed at 2026-11-21T12:01:00Z
    down for 1s 204ms
    backup: /n1/nymvisor/backups/b.tar.gz
`,
    );
  });

  test.each<[Partial<HistoryEntry>, string]>([
    [{ outcome: "on-probation" }, "on probation"],
    [
      { outcome: "rolled-back", wentBack: "with-data", why: "it exited with 1" },
      "the node was put back at 2026-11-21T12:01:00Z, with its data: it exited with 1",
    ],
    [{ outcome: "rolled-back", wentBack: "without-data", forgiven: true }, "without its data; it may be tried again"],
    [{ outcome: "rolled-back", byHand: true, wentBack: "with-data" }, "a person went back from it"],
    [{ kind: "rollback", wentBack: "with-data" }, "a person went back to it, with its data"],
    [{ outcome: "failed", why: "it is not well" }, "and stays: it is not well"],
    [{ outcome: "left" }, "before there was a verdict"],
    [{ outcome: "unknown" }, "was not noted"],
    [{ kept: "/n1/nymvisor/rolled-back/x" }, "its own data: /n1/nymvisor/rolled-back/x"],
    [{ why: "a\u001b[31m\nb", outcome: "failed" }, String.raw`a\u001b[31m\nb`],
  ])("says of %j", (changes, words) => {
    expect(text(changes).replace(/\n +/g, " ")).toContain(words);
  });

  test("says that there is none, and why backups cannot be seen", () => {
    expect(renderHistory({ upgrades: [], unseen: "it is closed" }, "text")).toBe(
      "No upgrade was performed.\n\nWhether the backups are still there cannot be seen: it is closed\n",
    );
  });

  test("is one line for programs", () => {
    const { downtime: _, ...others } = entry();
    const json = renderHistory({ upgrades: [entry()], unseen: null }, "json");
    expect(json).toEndWith("\n");
    expect(JSON.parse(json)).toEqual({
      upgrades: [
        {
          ...others,
          downtimeMs: 1204,
          performedAt: "2026-11-21T12:00:00Z",
          decidedAt: "2026-11-21T12:01:00Z",
        },
      ],
      unseen: null,
    });
  });
});
