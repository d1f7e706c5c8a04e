import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Archivist } from "../../src/run/archivist.ts";
import { copyPaths, writeNote } from "../../src/upgrade/copy/finished-copy.ts";
import { noteArchiveOrder, upgradeCopies } from "../../src/upgrade/pending-archives.ts";
import { STANDING_CLOCK } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON } from "../support/upgrades.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let archived: string[];
let onProbation: string | null;
/** Each archive waits for this, or for being called off. */
let mayFinish: PromiseWithResolvers<void>;
let begun: PromiseWithResolvers<void>;
let archivist: Archivist;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  archived = [];
  onProbation = null;
  mayFinish = Promise.withResolvers();
  begun = Promise.withResolvers();
  archivist = new Archivist({
    ...instance,
    environment: {},
    clock: STANDING_CLOCK,
    archiveInBackground: async ({ folder }, { signal }) => {
      begun.resolve();
      const calledOff = new Promise<never>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      await Promise.race([mayFinish.promise, calledOff]);
      archived.push(folder);
      return { path: "", bytes: 0, files: 0, sourceBytes: 0, leftOut: [], disturbed: [] };
    },
    discardCopy: async (path) => rmSync(path, { recursive: true }),
    copyInUse: () => null,
    copyOnProbation: () => onProbation,
  });
});
afterEach(async () => {
  await archivist.close();
  home[Symbol.dispose]();
});

function putCopy(name: string, at = NOON): string {
  const path = join(instance.layout.copies, name);
  const { tree } = copyPaths(path);
  mkdirSync(tree, { recursive: true });
  const nothing = { leftOut: [], disturbed: [], notKept: [], held: [], changes: null, atStop: { files: 0, bytes: 0 } };
  writeNote({ path, tree, home: instance.layout.home, finishedAt: at, bootId: "b", files: 1, bytes: 7, ...nothing });
  noteArchiveOrder(path, { name, from: null, at });
  return path;
}

test("the copy of a version on probation is archived once, and goes with the verdict", async () => {
  const copy = putCopy("1.1.0");
  onProbation = copy;
  mayFinish.resolve();
  await archivist.work();
  await archivist.work();
  expect(archived).toEqual(["1.1.0"]);
  expect(upgradeCopies(instance.layout)).toMatchObject([{ copy, archived: true }]);
  onProbation = null;
  await archivist.work();
  expect(existsSync(copy)).toBe(false);
});

test("a copy that is needed for a way back is let go of at once, though it is being archived", async () => {
  const copy = putCopy("1.1.0");
  onProbation = copy;
  const working = archivist.work();
  await begun.promise;
  await archivist.release(copy);
  await working;
  expect(archived).toEqual([]);
  expect(instance.said()).toEqual([]);
  // Nor is it taken again, or cleared away, while the way back is at work on it.
  onProbation = null;
  mayFinish.resolve();
  await archivist.work();
  expect(archived).toEqual([]);
  expect(existsSync(copy)).toBe(true);
});

test("a copy that was not used after all is archived", async () => {
  const copy = putCopy("1.1.0");
  await archivist.release(copy);
  mayFinish.resolve();
  await archivist.work();
  expect(archived).toEqual([]);
  archivist.takeBack();
  await archivist.work();
  expect(archived).toEqual(["1.1.0"]);
});

test("letting go of a copy disturbs the archive of no other, and waits for none", async () => {
  const [first, second] = [putCopy("1.1.0"), putCopy("1.2.0", NOON + 5n)];
  const working = archivist.work();
  await begun.promise;
  await archivist.release(second);
  mayFinish.resolve();
  await working;
  expect(archived).toEqual(["1.1.0"]);
  expect(existsSync(first)).toBe(false);
  expect(existsSync(second)).toBe(true);
});
