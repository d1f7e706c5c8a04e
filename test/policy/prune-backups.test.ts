import { expect, test } from "bun:test";
import fc from "fast-check";
import type { BackupHead, BackupSummary } from "../../src/model/backups.ts";
import { backupsToPrune, type PruneRules } from "../../src/policy/prune-backups.ts";
import { binariesToPrune } from "../../src/policy/prune-binaries.ts";

const HEAD: BackupHead = { daemon: "nym-node", home: "/n", from: "1.0.0", taken: "stopped", note: "" };

function backup(age: number, changes: Partial<BackupSummary> = {}): BackupSummary {
  const path = `/backups/${age}${changes.kind ?? ""}`;
  return {
    name: `${age}`,
    path,
    upgrade: "v2",
    kind: "preupgrade",
    takenAt: BigInt(1000 - age),
    bytes: 1,
    head: HEAD,
    ...changes,
  };
}

const RULES: PruneRules = { keep: 3, keepFor: null, now: 1000n, needed: new Set(), isOwn: () => true };
const names = (backups: readonly BackupSummary[]) => backups.map(({ name }) => name);

test("all but the newest go, the oldest first", () => {
  expect(
    names(
      backupsToPrune(
        [1, 5, 3, 2, 4].map((age) => backup(age)),
        RULES,
      ),
    ),
  ).toEqual(["5", "4"]);
});

test("those made by hand are counted apart", () => {
  const manual = [1, 2, 3, 4].map((age) => backup(age, { kind: "manual" }));
  expect(names(backupsToPrune([...manual, backup(9), backup(8)], RULES))).toEqual(["4"]);
});

test("younger ones stay whatever their number", () => {
  const all = [1, 2, 3, 4, 5].map((age) => backup(age));
  expect(names(backupsToPrune(all, { ...RULES, keep: 1, keepFor: 4n }))).toEqual(["5", "4"]);
});

test("what is needed for a way back stays", () => {
  const all = [1, 2, 3, 4, 5].map((age) => backup(age));
  expect(names(backupsToPrune(all, { ...RULES, needed: new Set(["/backups/5"]) }))).toEqual(["4"]);
});

test("the newest that is known to be whole stays, also where newer ones are not", () => {
  const all = [1, 2, 3].map((age) => backup(age, { head: null }));
  expect(names(backupsToPrune([...all, backup(4), backup(5)], { ...RULES, keep: 1 }))).toEqual(["5", "3", "2"]);
  expect(names(backupsToPrune(all, { ...RULES, keep: 0 }))).toEqual(["3", "2"]);
});

test("another node's are never touched", () => {
  const all = [backup(1), backup(2), backup(3), backup(4, { head: { ...HEAD, home: "/other" } })];
  const isOwn = ({ head }: BackupSummary) => head?.home === "/n";
  expect(names(backupsToPrune(all, { ...RULES, keep: 1, isOwn }))).toEqual(["3", "2"]);
});

test("there is always a good one left, if there was one", () => {
  const any = fc.record({ age: fc.nat(50), good: fc.boolean(), manual: fc.boolean() });
  fc.assert(
    fc.property(fc.array(any), fc.nat(4), fc.option(fc.bigInt({ min: 0n, max: 60n })), (all, keep, keepFor) => {
      const backups = all.map(({ age, good, manual }, index) =>
        backup(age, { path: `${index}`, head: good ? HEAD : null, kind: manual ? "manual" : "preupgrade" }),
      );
      const gone = new Set(backupsToPrune(backups, { ...RULES, keep, keepFor }));
      const left = backups.filter((one) => !gone.has(one));
      if (backups.length > 0) expect(left.length).toBeGreaterThan(0);
      if (backups.some(({ head }) => head !== null)) expect(left.some(({ head }) => head !== null)).toBe(true);
    }),
  );
});

test("binaries go by when they were last switched to, but for those that are named", () => {
  const binaries = ["a", "b", "c", "d", "e"].map((name, index) => ({ name, since: BigInt(index) }));
  const gone = (keep: number, ...needed: string[]) =>
    binariesToPrune(binaries, keep, new Set(needed)).map(({ name }) => name);
  expect(gone(3)).toEqual(["a", "b"]);
  expect(gone(3, "a")).toEqual(["b"]);
  expect(gone(0, "e")).toEqual(["a", "b", "c", "d"]);
});
