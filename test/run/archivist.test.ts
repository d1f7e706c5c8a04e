import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Archivist } from "../../src/run/archivist.ts";
import { copyPaths, writeNote } from "../../src/upgrade/copy/finished-copy.ts";
import { noteArchiveOrder } from "../../src/upgrade/pending-archives.ts";
import { STANDING_CLOCK } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

const MINUTE_MS = 60_000;

describe("the archivist of a node that runs", () => {
  let home: TemporaryHome;
  let instance: EmptyInstance;
  let archived: string[];
  let discarded: string[];
  let undiscardable: string | undefined;
  let appointments: { milliseconds: number; callback: () => void }[];
  let archivist: Archivist;

  beforeEach(() => {
    home = temporaryHome();
    instance = emptyInstance(home);
    archived = [];
    discarded = [];
    undiscardable = undefined;
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
      archiveInBackground: async ({ folder }) => {
        archived.push(folder);
        return { path: "", bytes: 0, files: 0, sourceBytes: 0, leftOut: [], disturbed: [] };
      },
      discardCopy: async (path) => {
        if (path === undiscardable) throw new Error("it cannot be removed");
        discarded.push(path);
        renameSync(path, home.at(`discarded-${discarded.length}`));
      },
      copyInUse: () => null,
      copyOnProbation: () => null,
    });
  });

  afterEach(async () => {
    await archivist.close();
    home[Symbol.dispose]();
  });

  function putCopy(name: string, isFinished: boolean): string {
    const path = join(instance.layout.copies, name);
    const { tree } = copyPaths(path);
    mkdirSync(tree, { recursive: true });
    if (!isFinished) return path;
    const lists = { leftOut: [], disturbed: [], notKept: [], held: [] };
    const counts = { files: 0, bytes: 0, atStop: { files: 0, bytes: 0 }, changes: null };
    writeNote({ path, tree, home: instance.layout.home, finishedAt: 1n, bootId: "b", ...counts, ...lists });
    noteArchiveOrder(path, { name, from: null, at: 1n });
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
});
