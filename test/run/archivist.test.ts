import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Archivist } from "../../src/run/archivist.ts";
import { copyPaths, writeNote } from "../../src/upgrade/copy/finished-copy.ts";
import { noteArchiveOrder } from "../../src/upgrade/pending-archives.ts";
import { removeWayBackJournal, type WayBackJournal, writeWayBackJournal } from "../../src/upgrade/way-back/journal.ts";
import { STANDING_CLOCK } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { upgradeInfo } from "../support/upgrades.ts";

const MINUTE_MS = 60_000;

describe("the archivist of a node that runs", () => {
  let home: TemporaryHome;
  let instance: EmptyInstance;
  let archived: string[];
  let discarded: string[];
  let undiscardable: string | undefined;
  let inUse: string | null;
  let onProbation: string | null;
  /** What becomes of an archive: by default it is made. */
  let archive: (signal: AbortSignal | undefined) => Promise<void>;
  let appointments: { milliseconds: number; callback: () => void }[];
  let archivist: Archivist;

  beforeEach(() => {
    home = temporaryHome();
    instance = emptyInstance(home);
    archived = [];
    discarded = [];
    undiscardable = undefined;
    inUse = null;
    onProbation = null;
    archive = async () => {};
    appointments = [];
    archivist = new Archivist({
      ...instance,
      environment: {},
      clock: {
        ...STANDING_CLOCK,
        after(milliseconds, callback) {
          const appointment = { milliseconds, callback };
          appointments.push(appointment);
          return () => {
            appointments = appointments.filter((one) => one !== appointment);
          };
        },
      },
      archiveInBackground: async ({ folder }, { signal }) => {
        await archive(signal);
        archived.push(folder);
        return { path: "", bytes: 0, files: 0, sourceBytes: 0, leftOut: [], disturbed: [] };
      },
      discardCopy: async (path) => {
        if (path === undiscardable) throw new Error("it cannot be removed");
        discarded.push(path);
        renameSync(path, home.at(`discarded-${discarded.length}`));
      },
      copyInUse: () => inUse,
      copyOnProbation: () => onProbation,
    });
  });

  afterEach(async () => {
    await archivist.close();
    home[Symbol.dispose]();
  });

  function putCopy(name: string, isFinished: boolean, at = 1n): string {
    const path = join(instance.layout.copies, name);
    const { tree } = copyPaths(path);
    mkdirSync(tree, { recursive: true });
    if (!isFinished) return path;
    const lists = { leftOut: [], disturbed: [], notKept: [], held: [] };
    const counts = { files: 0, bytes: 0, atStop: { files: 0, bytes: 0 }, changes: null };
    writeNote({ path, tree, home: instance.layout.home, finishedAt: 1n, bootId: "b", ...counts, ...lists });
    noteArchiveOrder(path, { name, from: null, at });
    return path;
  }

  const warnings = () => instance.events.filter(({ type }) => type === "warning");

  test("archives the copies that wait for it, removes them, and makes no appointment", async () => {
    const copy = putCopy("v2", true);
    await archivist.work();
    expect(archived).toEqual(["v2"]);
    expect(discarded).toEqual([copy]);
    expect(appointments).toEqual([]);
  });

  test("comes back to a copy whose note could not be read, though nothing is started again", async () => {
    const { note } = copyPaths(putCopy("v2", true));
    renameSync(note, home.at("note"));
    mkdirSync(note);
    await archivist.work();
    expect(archived).toEqual([]);
    expect(warnings()[0]).toMatchObject({ about: "the copies of the home" });
    expect(appointments.map(({ milliseconds }) => milliseconds)).toEqual([MINUTE_MS]);
    renameSync(note, home.at("folder"));
    renameSync(home.at("note"), note);
    appointments[0]?.callback();
    await archivist.work();
    expect(archived).toEqual(["v2"]);
    expect(appointments).toEqual([]);
  });

  test("archives though something that nobody needs cannot be removed, and tries that again", async () => {
    undiscardable = putCopy("left", false);
    putCopy("v2", true);
    await archivist.work();
    expect(archived).toEqual(["v2"]);
    expect(appointments.map(({ milliseconds }) => milliseconds)).toEqual([MINUTE_MS]);
    const left = undiscardable;
    undiscardable = undefined;
    appointments[0]?.callback();
    await archivist.work();
    expect(discarded).toContain(left);
    expect(appointments).toEqual([]);
  });

  test("archives the oldest copy first, one after the other", async () => {
    putCopy("a", true, 3n);
    putCopy("b", true, 1n);
    putCopy("c", true, 2n);
    let running = 0;
    archive = async () => {
      running += 1;
      expect(running).toBe(1);
      await Bun.sleep(1);
      running -= 1;
    };
    await Promise.all([archivist.work(), archivist.work()]);
    expect(archived).toEqual(["b", "c", "a"]);
  });

  test("leaves the copy of the upgrade that is under way alone, and keeps that of a version on probation", async () => {
    inUse = putCopy("now", true);
    onProbation = putCopy("probation", true);
    const unfinished = putCopy("unfinished", false);
    await archivist.work();
    expect(archived).toEqual(["probation"]);
    expect(discarded).toEqual([unfinished]);
    await archivist.work();
    expect(archived).toEqual(["probation"]);
  });

  test.each(["preparing", "exchanging"])(
    "leaves the copy alone that a way back takes the home from: %s",
    async (state) => {
      const copy = putCopy("v2", true);
      const { layout } = instance;
      const journal = { from: { name: "v2", version: "1.1.0" }, to: upgradeInfo({ version: "1.0.0" }), byHand: true };
      const rest = {
        build: sampleBuildInfo({ version: "1.0.0" }),
        movesCurrent: true,
        kept: null,
        exchange: null,
        why: "",
        startedAt: 1n,
      };
      writeWayBackJournal(layout, {
        ...journal,
        ...rest,
        state,
        saved: { kind: "copy", path: copy },
      } as WayBackJournal);
      await archivist.work();
      expect([archived, discarded]).toEqual([[], []]);
      removeWayBackJournal(layout);
      await archivist.work();
      expect(archived).toEqual(["v2"]);
    },
  );

  test("tries again later and later while archives fail, and from the first delay on after one that did not", async () => {
    const copy = putCopy("v2", true);
    archive = async () => {
      throw new Error("the disk says no");
    };
    const delays: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await archivist.work();
      expect(appointments).toHaveLength(1);
      delays.push(appointments[0]?.milliseconds ?? 0);
    }
    expect(delays[0]).toBe(MINUTE_MS);
    expect(delays[1]).toBeGreaterThan(delays[0] ?? 0);
    expect(delays[2]).toBeGreaterThan(delays[1] ?? 0);
    expect(existsSync(copy)).toBe(true);
    expect(instance.events.filter(({ type }) => type === "archive.failed")).toHaveLength(3);
    archive = async () => {};
    await archivist.work();
    expect([archived, appointments]).toEqual([["v2"], []]);
    putCopy("v3", true);
    archive = async () => {
      throw new Error("again");
    };
    await archivist.work();
    expect(appointments.map(({ milliseconds }) => milliseconds)).toEqual([MINUTE_MS]);
  });

  test("clears away what it can, though neither the plan nor the outcomes can be looked at", async () => {
    const { layout } = instance;
    mkdirSync(layout.outcomes, { recursive: true });
    mkdirSync(layout.replaced, { recursive: true });
    putCopy("v2", true);
    await archivist.work();
    const about = "what is kept of earlier upgrades";
    expect(warnings()).toMatchObject([{ about }, { about }]);
    expect(existsSync(layout.replaced)).toBe(false);
    expect(instance.events).toContainEqual({ type: "pruned", what: "replaced home", path: layout.replaced });
  });

  test("gives up when nymvisor ends, and leaves the copies without a word", async () => {
    const copies = [putCopy("v2", true), putCopy("v3", true, 2n)];
    const begun = Promise.withResolvers<void>();
    archive = (signal) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        begun.resolve();
      });
    const working = archivist.work();
    await begun.promise;
    await archivist.close();
    await working;
    expect(copies.map((copy) => existsSync(copy))).toEqual([true, true]);
    expect([archived, discarded, appointments]).toEqual([[], [], []]);
    expect(instance.events.filter(({ type }) => type === "archive.failed" || type === "warning")).toEqual([]);
    await archivist.work();
    expect(archived).toEqual([]);
  });
});
