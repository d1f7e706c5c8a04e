import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NymvisorError } from "../../../src/model/errors.ts";
import { buildLayout, type Layout } from "../../../src/model/paths.ts";
import type { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { requireOperator, writeOperator } from "../../../src/upgrade/operator.ts";
import { changeOutcome, noteOutcome } from "../../../src/upgrade/outcomes.ts";
import { pendingArchives } from "../../../src/upgrade/pending-archives.ts";
import { readProbation, removeProbation } from "../../../src/upgrade/probation-note.ts";
import { findRolledBack, rolledBackPaths } from "../../../src/upgrade/rolled-back.ts";
import { readVersionRecord, requirePlan, writeVersionRecord } from "../../../src/upgrade/shared-documents.ts";
import { readWayBackJournal } from "../../../src/upgrade/way-back/journal.ts";
import type { WayBackContext } from "../../../src/upgrade/way-back/turn-back.ts";
import { placeBinary } from "../../support/builds.ts";
import { emptyInstance } from "../../support/instance.ts";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";
import { NOON } from "../../support/upgrades.ts";
import type { Snapshot } from "../archive/tree-snapshot.ts";
import { WayBackFixture } from "./way-back-fixture.ts";

let fixture: WayBackFixture;
let layout: Layout;

beforeEach(() => {
  fixture = new WayBackFixture();
  ({ layout } = fixture);
});
afterEach(() => fixture[Symbol.dispose]());

const stateOfJournal = () => {
  const found = readWayBackJournal(layout);
  return found.state === "found" ? found.value.state : found.state;
};

/** That the node is on genesis, with that home, and that everything says so. */
function expectBack(home: Record<string, Snapshot>): void {
  expect(fixture.home()).toEqual(home);
  expect(fixture.current()).toBe("genesis");
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis", version: "1.0.0" } });
  expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [] });
  expect(readProbation(layout).state).toBe("missing");
}

/** That the new version stands as if nothing had been tried. */
function expectUntouched(home: Record<string, Snapshot>): void {
  expect(fixture.home()).toEqual(home);
  expect(fixture.current()).toBe("1.1.0");
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: "1.1.0" } });
  expect(readProbation(layout)).toMatchObject({ value: { name: "1.1.0" } });
  expect(fixture.outcomes()).toMatchObject([{ name: "1.1.0", state: "on-probation" }]);
  expect(fixture.leftovers()).toEqual([]);
}

describe("a way back", () => {
  test.each(["copy", "archive"] as const)("from the %s puts the home back as it was at the stop", async (kind) => {
    const before = await fixture.upgrade("1.1.0", kind);
    const after = fixture.home();
    const saved = fixture.saved();
    expect(saved.kind).toBe(kind);
    const result = await fixture.goBack({ saved });
    expect(result).toMatchObject({ outcome: "done", name: "genesis", version: "1.0.0", unrecorded: null });
    expectBack(before);
    expect(fixture.leftovers().filter((name) => name !== saved.path.split("/").at(-1))).toEqual([]);
    expect(pendingArchives(layout)).toEqual([]);
    const [kept] = findRolledBack(layout);
    expect(kept).toMatchObject({ name: "1.1.0", to: "genesis", why: "it exited", byHand: false });
    expect(result.kept).toBe(kept?.folder ?? "");
    expect(fixture.home(rolledBackPaths(result.kept ?? "").home)).toEqual(after);
    expect(fixture.outcomes()).toMatchObject([
      {
        name: "1.1.0",
        state: "rolled-back",
        why: "it exited",
        wentBack: "with-data",
        kept: result.kept,
        byHand: false,
      },
    ]);
    expect(requireOperator(layout)).toMatchObject({ pin: null, hold: null });
    expect(fixture.at.instance.said().filter((type) => /way-back|put-back/.test(type))).toEqual([
      "way-back.started",
      "node.put-back",
    ]);
  });

  test.each(["copy", "archive"] as const)("from the %s has all ready before the daemon is stopped", async (kind) => {
    await fixture.upgrade("1.1.0", kind);
    const after = fixture.home();
    const steps: string[] = [];
    const step = (name: string) => steps.push(`${name}, journal ${stateOfJournal()}`);
    const { settleCopy: settle, extractArchive: extract } = fixture.context();
    await fixture.goBack(
      {},
      {
        releaseCopy: async () => void step("release"),
        settleCopy: (...values) => settle(...values).finally(() => step("settled")),
        extractArchive: (...values) => extract(...values).finally(() => step("unpacked")),
        stopDaemon: async (why) => {
          step(why);
          expect(fixture.home()).toEqual(after);
          return true;
        },
      },
    );
    const prepared = { copy: ["release", "settled"], archive: ["unpacked"] }[kind];
    expect(steps).toEqual([...prepared, "back to genesis"].map((name) => `${name}, journal preparing`));
  });

  test("goes forward again with what it had put aside, by hand", async () => {
    const before = await fixture.upgrade("1.1.0");
    const after = fixture.home();
    await fixture.goBack();
    const kept = fixture.saved("1.1.0");
    expect(kept.kind).toBe("kept");
    const from = { name: "genesis", version: "1.0.0" };
    const result = await fixture.goBack({ from, to: "1.1.0", saved: kept, byHand: true });
    expect(result).toMatchObject({ outcome: "done", name: "1.1.0" });
    expect(fixture.home()).toEqual(after);
    expect(fixture.current()).toBe("1.1.0");
    // What was used up is no saved home any more; the one of genesis is.
    expect(findRolledBack(layout).map(({ name }) => name)).toEqual(["genesis"]);
    expect(fixture.home(rolledBackPaths(result.kept ?? "").home)).toEqual(before);
  });

  test("without data leaves the home alone", async () => {
    await fixture.upgrade("1.1.0", "nothing");
    const after = fixture.home();
    const result = await fixture.goBack({ saved: null });
    expect(result).toMatchObject({ outcome: "done", kept: null });
    expectBack(after);
    expect(fixture.outcomes()).toMatchObject([{ state: "rolled-back", wentBack: "without-data", kept: null }]);
    expect(existsSync(layout.rolledBack)).toBe(false);
  });

  test("leaves a home alone that nobody stopped", async () => {
    await fixture.upgrade("1.1.0");
    expect(await fixture.goBack({}, { stopDaemon: async () => false })).toMatchObject({ stoppedAt: null });
  });

  test("keeps backups where they are that lie in the home", async () => {
    const backups = join(layout.home, "my/backups");
    Object.assign(layout, { backups });
    await fixture.upgrade("1.1.0", "archive");
    const result = await fixture.goBack();
    expect(result).toMatchObject({ outcome: "done" });
    expect(readdirSync(backups)).toEqual(["1.1.0"]);
    expect(fixture.current()).toBe("genesis");
  });

  test("that is to be written down later leaves its journal for that", async () => {
    const before = await fixture.upgrade("1.1.0");
    const result = await fixture.goBack({}, { recordsLater: true });
    expect(result).toMatchObject({ outcome: "done", unrecorded: null, toRecord: true });
    expect(stateOfJournal()).toBe("exchanging");
    expect(fixture.outcomes()).toMatchObject([{ state: "on-probation" }]);
    expect(fixture.home()).toEqual(before);
    expect(await fixture.nextStart()).toBe("exchanged");
    expectBack(before);
    expect(fixture.outcomes()).toMatchObject([{ state: "rolled-back" }]);
    expect(stateOfJournal()).toBe("missing");
  });
});

describe("a way back by hand", () => {
  test("pins what it goes to, is noted as a person's, and ends the order of this home alone", async () => {
    await fixture.upgrade("1.1.0");
    const order = { home: layout.home, to: "genesis", saved: null, since: NOON };
    const other = { ...order, home: "/another" };
    writeOperator(layout, { ...requireOperator(layout), goBack: [order, other] });
    await fixture.goBack({ byHand: true, why: "a person ordered it" });
    expect(requireOperator(layout)).toMatchObject({ pin: { release: "genesis" }, goBack: [other], hold: null });
    expect(fixture.outcomes()).toMatchObject([
      { name: "1.1.0", kind: "upgrade", state: "rolled-back", byHand: true },
      { name: "genesis", kind: "rollback", from: "1.1.0", state: "passed", byHand: true, wentBack: "with-data" },
    ]);
  });

  test("twice in a row holds nothing", async () => {
    for (const version of ["1.1.0", "1.2.0"]) {
      await fixture.upgrade(version);
      await fixture.goBack({ from: { name: version, version }, byHand: true });
    }
    expect(requireOperator(layout).hold).toBeNull();
  });
});

describe("two ways back in a row", () => {
  test("hold all upgrades until a person says otherwise, and say why", async () => {
    await fixture.upgrade("1.1.0");
    await fixture.goBack();
    await fixture.upgrade("1.2.0");
    expect(requireOperator(layout).hold).toBeNull();
    await fixture.goBack({ from: { name: "1.2.0", version: "1.2.0" } });
    expect(requireOperator(layout).hold).toMatchObject({ until: null, why: expect.stringContaining("two versions") });
    expect(findRolledBack(layout).map(({ name }) => name)).toEqual(["1.1.0", "1.2.0"]);
  });

  test("hold nothing where a version has passed between", async () => {
    await fixture.upgrade("1.1.0");
    await fixture.goBack();
    await fixture.upgrade("1.1.5");
    const passed = fixture.outcomes().at(-1);
    if (passed === undefined) throw new Error("nothing is noted");
    changeOutcome(layout, passed, { state: "passed" });
    removeProbation(layout);
    await fixture.upgrade("1.2.0");
    await fixture.goBack({ from: { name: "1.2.0", version: "1.2.0" }, to: "1.1.5", saved: fixture.saved("1.1.5") });
    expect(requireOperator(layout).hold).toBeNull();
  });

  test("leave a person's own hold as it is", async () => {
    await fixture.upgrade("1.1.0");
    await fixture.goBack();
    const hold = { since: NOON, until: NOON + 5n };
    writeOperator(layout, { ...requireOperator(layout), hold });
    await fixture.upgrade("1.2.0");
    await fixture.goBack({ from: { name: "1.2.0", version: "1.2.0" } });
    expect(requireOperator(layout).hold).toMatchObject(hold);
  });
});

describe("a way back that cannot be", () => {
  const never: Partial<WayBackContext> = {
    stopDaemon: () => {
      throw new Error("the daemon was stopped");
    },
  };

  test("for the binary is gone would fail again for ever", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const { binary } = buildLayout(layout, "genesis");
    const request = fixture.request();
    rmSync(binary);
    const result = await fixture.goBack(request, never);
    expect(result).toMatchObject({ outcome: "failed", stopped: false, hopeless: true });
    expect(result).toMatchObject({ reason: expect.stringContaining(binary) });
    expectUntouched(after);
  });

  test("for the binary is another one by now would fail again for ever", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const request = fixture.request();
    placeBinary(layout, "genesis", "3.0.0");
    const result = await fixture.goBack(request, never);
    expect(result).toMatchObject({ outcome: "failed", stopped: false, hopeless: true });
    expectUntouched(after);
  });

  test("for what nymvisor needs lies in the home would fail again for ever", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const inHome = { ...layout, instanceData: join(layout.home, "instances/n1/data") };
    const result = await fixture.goBack({}, { ...never, layout: inHome });
    expect(result).toMatchObject({ outcome: "failed", hopeless: true, reason: expect.stringContaining("lies in it") });
    expectUntouched(after);
  });

  test("for the archive is damaged leaves everything as it was", async () => {
    await fixture.upgrade("1.1.0", "archive");
    const after = fixture.home();
    const { path, bytes } = fixture.saved();
    truncateSync(path, (bytes ?? 0) - 20);
    const result = await fixture.goBack({}, never);
    expect(result).toMatchObject({ outcome: "failed", stopped: false, hopeless: false });
    expectUntouched(after);
  });

  test("for the copy has just become an archive finds that at the next attempt", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const gone = async (copy: string) => rmSync(copy, { recursive: true });
    const result = await fixture.goBack({}, { ...never, releaseCopy: gone });
    expect(result).toMatchObject({ outcome: "failed", stopped: false, hopeless: false });
    expectUntouched(after);
  });

  test("for the log of the copy cannot be read leaves everything as it was", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const failing: typeof settleCopy = async () => Promise.reject(new NymvisorError({ what: "the log is damaged" }));
    const result = await fixture.goBack({}, { ...never, settleCopy: failing });
    expect(result).toMatchObject({ outcome: "failed", reason: "the log is damaged", stopped: false });
    expectUntouched(after);
  });

  test("for the daemon could not be stopped leaves everything as it was", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const result = await fixture.goBack({}, { stopDaemon: async () => Promise.reject(new Error("it hangs")) });
    expect(result).toMatchObject({ outcome: "failed", reason: expect.stringContaining("it hangs"), stopped: false });
    expectUntouched(after);
  });
});

describe("a way back that is given up", () => {
  const stop = new NymvisorError({ what: "nymvisor was asked to stop" });

  test("while the archive is unpacked does not stop the daemon", async () => {
    await fixture.upgrade("1.1.0", "archive");
    const after = fixture.home();
    const { extractArchive } = fixture.context();
    const result = await fixture.goBack(
      {},
      {
        extractArchive: (request) => {
          fixture.at.controller.abort(stop);
          return extractArchive(request);
        },
      },
    );
    expect(result).toMatchObject({ outcome: "given-up", reason: stop.message, stopped: false });
    expectUntouched(after);
  });

  test("while the daemon stops leaves the new version", async () => {
    await fixture.upgrade("1.1.0");
    const after = fixture.home();
    const stopDaemon = async () => {
      fixture.at.controller.abort(stop);
      return true;
    };
    expect(await fixture.goBack({}, { stopDaemon })).toMatchObject({ outcome: "given-up", stopped: true });
    expectUntouched(after);
  });

  test("once it is decided goes on to its end", async () => {
    const before = await fixture.upgrade("1.1.0");
    const emit: WayBackContext["emit"] = ({ type }) => {
      if (type === "node.put-back") fixture.at.controller.abort(stop);
    };
    expect(await fixture.goBack({}, { emit })).toMatchObject({ outcome: "done", unrecorded: null });
    expectBack(before);
  });
});

describe("where other nodes share the upgrades", () => {
  /** Another instance, whose home is on that build. */
  function neighbour(name: string, version = name): Layout {
    const other = emptyInstance(fixture.at.home, "n2").layout;
    const toml = `[daemon]\nname = "${layout.daemon}"\nhome = "${other.home}"\n`;
    const config = join(dirname(other.instanceData), "config");
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, "config.toml"), toml);
    const binaryDetails = sampleBuildInfo({ version });
    writeVersionRecord(other, { name, version, upgradeTime: NOON, binaryDetails });
    return other;
  }

  test("current goes back with the first of them", async () => {
    const before = await fixture.upgrade("1.1.0");
    neighbour("genesis", "1.0.0");
    await fixture.goBack();
    expectBack(before);
  });

  test.each<[string, () => void]>([
    ["one is on the new version by now", () => void neighbour("1.1.0")],
    [
      "the new version has passed on one",
      () => {
        const other = neighbour("genesis", "1.0.0");
        const [own] = fixture.outcomes();
        if (own === undefined) throw new Error("nothing is noted");
        noteOutcome(layout, { ...own, home: other.home, state: "passed" });
      },
    ],
    ["nobody can tell what one is on", () => void emptyInstance(fixture.at.home, "n2")],
  ])("current stays, and this home is behind it, where %s", async (_, arrange) => {
    const before = await fixture.upgrade("1.1.0");
    arrange();
    const saved = fixture.saved();
    expect(await fixture.goBack({ saved })).toMatchObject({ outcome: "done", name: "genesis" });
    expect(fixture.home()).toEqual(before);
    expect(fixture.current()).toBe("1.1.0");
    expect(requirePlan(layout).current.name).toBe("1.1.0");
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
    expect(fixture.outcomes()).toContainEqual(expect.objectContaining({ home: layout.home, state: "rolled-back" }));
    await fixture.nextStart();
    expect(fixture.current()).toBe("1.1.0");
  });
});
