import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseInstant } from "../../../src/model/instant.ts";
import { type BulkDisk, nodeBulkDisk, useBulkDisk } from "../../../src/system/bulk-disk.ts";
import { treeFilter } from "../../../src/upgrade/archive/path-patterns.ts";
import { backUp } from "../../../src/upgrade/backup.ts";
import { dropReplaced, restoreHome, settleRestore } from "../../../src/upgrade/backups/restore.ts";
import { type EmptyInstance, emptyInstance } from "../../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { type Snapshot, snapshot } from "../archive/tree-snapshot.ts";

const AT = parseInstant("2026-11-21T09:08:32.737Z");

let folder: TemporaryHome;
let instance: EmptyInstance;
let home: string;

beforeEach(() => {
  folder = temporaryHome();
  instance = emptyInstance(folder);
  ({ home } = instance.layout);
  fill("old");
});

afterEach(() => folder[Symbol.dispose]());

function fill(version: string): void {
  mkdirSync(join(home, "data/deep"), { recursive: true });
  mkdirSync(join(home, "config"), { recursive: true });
  for (const name of ["data/deep/a.sqlite", "data/b.sqlite", "config/config.toml", "top"]) {
    writeFileSync(join(home, name), `${version} ${name}`);
  }
}

/** The home goes on: files change, come and go. */
function goOn(): void {
  fill("new");
  writeFileSync(join(home, "data/came.sqlite"), "new");
  writeFileSync(join(home, "came"), "new");
  rmSync(join(home, "config"), { recursive: true });
}

const tree = (path = home): Record<string, Snapshot> => snapshot(path, (name) => name === "nymvisor");
const contents = (path: string) => readFileSync(join(home, path), "utf8");
const make = async () =>
  (await backUp({ home, backups: instance.layout.backups, name: "v2", at: AT, ...changes })).path;
const changes = {};

function restore(archive: string, only?: string) {
  const filter = only === undefined ? undefined : treeFilter([only]);
  return restoreHome({ layout: instance.layout, archive, at: AT, only: filter });
}

test("the home becomes what it was, and what was there is kept", async () => {
  const before = tree();
  const archive = await make();
  goOn();
  const later = tree();
  const { replaced, head, restored } = await restore(archive);
  expect(tree()).toEqual(before);
  expect(tree(replaced)).toEqual(later);
  expect(head).toBeDefined();
  expect(restored).toBe(7);
  expect(existsSync(instance.layout.restoreJournal)).toBe(false);
  expect(readdirSync(instance.layout.restoring)).toEqual([]);
  expect(existsSync(archive)).toBe(true);
});

test("what was kept goes when it is not needed any more", async () => {
  const archive = await make();
  const { replaced } = await restore(archive);
  expect(await dropReplaced(instance.layout)).toBe(instance.layout.replaced);
  expect(existsSync(replaced)).toBe(false);
  expect(await dropReplaced(instance.layout)).toBeUndefined();
});

test("only what is asked for is exchanged", async () => {
  const archive = await make();
  goOn();
  await restore(archive, "data/**/*.sqlite");
  expect(contents("data/b.sqlite")).toBe("old data/b.sqlite");
  expect(contents("data/deep/a.sqlite")).toBe("old data/deep/a.sqlite");
  expect(contents("data/came.sqlite")).toBe("new");
  expect(contents("top")).toBe("new top");
  expect(existsSync(join(home, "config"))).toBe(false);
});

test("a folder that the home does not have any more comes back with what is asked for", async () => {
  const archive = await make();
  goOn();
  await restore(archive, "config/config.toml");
  expect(contents("config/config.toml")).toBe("old config/config.toml");
  expect(contents("top")).toBe("new top");
});

test("a pattern that nothing matches changes nothing", async () => {
  const archive = await make();
  const before = tree();
  await expect(restore(archive, "nothing*")).rejects.toThrow("holds nothing that the pattern asks for");
  expect(tree()).toEqual(before);
  expect(existsSync(instance.layout.restoreJournal)).toBe(false);
});

test("a damaged backup changes nothing, and leaves nothing", async () => {
  const archive = await make();
  const bytes = readFileSync(archive);
  writeFileSync(archive, bytes.subarray(0, bytes.length - 30));
  const before = tree();
  await expect(restore(archive)).rejects.toThrow("the archive is damaged");
  expect(tree()).toEqual(before);
  expect(existsSync(instance.layout.restoreJournal)).toBe(false);
  expect(readdirSync(instance.layout.restoring)).toEqual([]);
  expect(readdirSync(instance.layout.replaced)).toEqual([]);
});

test("backups that lie in the home stay where they are", async () => {
  const backups = join(home, "data/saved");
  Object.assign(instance.layout, { backups });
  const archive = await make();
  goOn();
  await restore(archive);
  expect(contents("data/b.sqlite")).toBe("old data/b.sqlite");
  expect(existsSync(archive)).toBe(true);
  // And where the folder above them goes.
  rmSync(join(home, "data/b.sqlite"));
  await restore(archive, "data");
  expect(existsSync(archive)).toBe(true);
  expect(contents("data/b.sqlite")).toBe("old data/b.sqlite");
});

test("a home that is reached through a link is exchanged where it is", async () => {
  const link = folder.at("link");
  symlinkSync(home, link);
  const archive = await make();
  goOn();
  await restoreHome({ layout: { ...instance.layout, home: link }, archive, at: AT });
  expect(contents("top")).toBe("old top");
});

test("an instance whose own data lies in the home is refused", async () => {
  const archive = await make();
  const layout = { ...instance.layout, upgradeData: join(home, "data") };
  await expect(restoreHome({ layout, archive, at: AT })).rejects.toThrow("which nymvisor needs, lies in it");
});

describe("interrupted at every change of the disk", () => {
  class PowerCut extends Error {}

  afterEach(() => useBulkDisk(nodeBulkDisk));

  /** Lets so many changes pass, and none after them. */
  function cutAfter(count: number): { reached(): boolean } {
    let left = count;
    const harmless = ["closeSync", "lstatSync", "readdirSync"];
    const guarded = Object.entries(nodeBulkDisk).map(([name, act]) => [
      name,
      (...values: unknown[]) => {
        const counts = !harmless.includes(name);
        if (left <= 0 && counts) throw new PowerCut(name);
        if (counts) left -= 1;
        return (act as (...values: unknown[]) => unknown)(...values);
      },
    ]);
    useBulkDisk(Object.fromEntries(guarded) as unknown as BulkDisk);
    return { reached: () => left <= 0 };
  }

  test("the home is what it was before, or what the backup holds", async () => {
    const old = tree();
    const archive = await make();
    goOn();
    const later = tree();
    const outcomes = new Set<string>();
    for (let count = 0; ; count += 1) {
      const cut = cutAfter(count);
      const ended = await restore(archive).then(
        () => true,
        () => false,
      );
      const reached = cut.reached();
      useBulkDisk(nodeBulkDisk);
      const settled = await settleRestore(instance.layout);
      outcomes.add(settled);
      expect(tree()).toEqual(settled === "undone" || (settled === "none" && !ended) ? later : old);
      expect(await settleRestore(instance.layout)).toBe("none");
      const kept = readdirSync(instance.layout.replaced);
      if (settled === "finished" || ended) expect(kept).toHaveLength(1);
      await dropReplaced(instance.layout);
      if (ended && !reached) break;
      rmSync(join(home, "config"), { recursive: true, force: true });
      for (const name of ["data", "top", "came"]) rmSync(join(home, name), { recursive: true, force: true });
      fill("old");
      goOn();
      Object.assign(later, tree());
    }
    expect([...outcomes].sort()).toEqual(["finished", "none", "undone"]);
  });
});
