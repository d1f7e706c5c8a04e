import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Backups, readTree } from "../../chaos/backups.ts";
import { makeBox } from "../../chaos/box.ts";
import { DaemonCensus } from "../../chaos/daemon-census.ts";
import { type NodePlaces, nodePlaces, type SharedPlaces, sharedPlaces } from "../../chaos/disk.ts";
import { EventLog } from "../../chaos/event-log.ts";
import {
  checkBackups,
  checkLedger,
  checkMarks,
  checkNothingLeft,
  checkNothingSetAside,
} from "../../chaos/invariants.ts";
import { Ledger } from "../../chaos/ledger.ts";
import { type DaemonEvent, DIARY } from "../../chaos/marked-daemon.ts";
import type { ChaosNode } from "../../chaos/node.ts";
import { readTraces } from "../../chaos/traces.ts";
import { type Invariant, Violation } from "../../chaos/violation.ts";
import { WatchedDocument } from "../../chaos/watched-document.ts";
import { HomeCopy } from "../../src/upgrade/copy/home-copy.ts";
import { contentsOf } from "../support/contents.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

/** That each invariant is found broken where it is, and whole where it is. */

let home: TemporaryHome;
let shared: SharedPlaces;
let places: NodePlaces;

beforeEach(() => {
  home = temporaryHome();
  shared = sharedPlaces(home.path);
  places = nodePlaces(home.path, "node-1");
});
afterEach(() => home[Symbol.dispose]());

/** The invariant that is found broken; null: none. */
async function broken(check: () => unknown): Promise<Invariant | null> {
  try {
    await check();
    return null;
  } catch (error) {
    if (error instanceof Violation) return error.invariant;
    throw error;
  }
}

function write(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
}

const entry = (name: string) => ({ name, version: name, upgradeTime: "2026-01-01T00:00:00Z", platforms: {} });

function writeShared(current: string, queued: readonly string[], performed: readonly string[]): void {
  write(shared.plan, { current: entry(current), queuedUp: queued.map(entry) });
  write(shared.history, { history: performed.map((name) => ({ info: entry(name) })) });
}

describe("what daemons have noted", () => {
  const node = (events: readonly Partial<DaemonEvent>[]): ChaosNode => {
    const path = home.at("events");
    write(path, events.map((event) => `${JSON.stringify({ pid: 7, version: "1.0.0", at: 0, ...event })}\n`).join(""));
    return { id: "node-1", events: new EventLog(path, places.home) } as unknown as ChaosNode;
  };
  const check = (...events: Partial<DaemonEvent>[]) =>
    broken(() => checkMarks([node(events)], makeBox(home.at("box"), false)));

  test("is in order where one was started, interrupted once, and ended", async () => {
    expect(await check({ event: "started" }, { event: "interrupted", count: 1 }, { event: "exiting" })).toBe(null);
  });

  test.each([
    ["another daemon that lived when it started", { event: "not-alone" }, "one-daemon"],
    ["that it ran though its checksum is wrong", { event: "forbidden" }, "verified"],
    ["a second SIGINT", { event: "interrupted", count: 2 }, "conduct"],
  ] as const)("tells of %s", async (_, event, invariant) => {
    expect(await check({ event: "started" }, event)).toBe(invariant);
  });
});

describe("an upgrade that was taken", () => {
  const ledger = (kind: "good" | "wrong-checksum" = "good") => {
    const made = new Ledger();
    made.add({ name: "1.1.0", version: "1.1.0", by: "release", kind }).taken = true;
    return made;
  };
  const check = (made: Ledger) => broken(() => checkLedger(shared, [{ places } as ChaosNode], made));

  test.each([
    ["stands in the plan", ["1.1.0"], []],
    ["stands in the history", [], ["1.1.0"]],
  ])("is there when it %s", async (_, queued, performed) => {
    writeShared("genesis", queued, performed);
    expect(await check(ledger())).toBe(null);
  });

  test("is lost when it stands in neither", async () => {
    writeShared("genesis", [], []);
    expect(await check(ledger())).toBe("once-each");
  });

  test("is not lost when it was refused with a reason, and is when there is none", async () => {
    writeShared("genesis", [], []);
    write(places.status, { upgrades: {}, refused: { "1.1.0": "" } });
    expect(await check(ledger())).toBe("once-each");
    write(places.status, { upgrades: {}, refused: { "1.1.0": "its version is lower" } });
    expect(await check(ledger())).toBe(null);
  });

  test("must not be performed when its bytes are wrong", async () => {
    writeShared("1.1.0", [], ["1.1.0"]);
    expect(await check(ledger("wrong-checksum"))).toBe("verified");
  });
});

describe("backups", () => {
  const DIARY_BEFORE = "start 1.0.0\nstop 1.0.0\n";
  const ledger = new Ledger();
  ledger.add({ name: "upgrade", version: "1.1.0", by: "hand", kind: "good" });

  /** A home, and a backup of it as it is now; then the home moves on to the next version. */
  function moveHome({ diary = DIARY_BEFORE, key = "secret", folderMode = 0o700, fileMode = 0o600 } = {}): Backups {
    write(join(places.home, "key"), "secret");
    write(join(places.home, DIARY), DIARY_BEFORE);
    const backups = new Backups(places, readTree(places.home, ["nymvisor"]), home.at("scratch"));
    const saved = home.at("saved");
    write(join(saved, "key"), key);
    write(join(saved, DIARY), diary);
    const folder = join(places.backups, "upgrade");
    const archive = join(folder, "backup-1-preupgrade.tar.gz");
    mkdirSync(folder, { recursive: true });
    Bun.spawnSync(["tar", "-czf", archive, "-C", saved, "key", DIARY]);
    chmodSync(places.backups, 0o700);
    chmodSync(folder, folderMode);
    chmodSync(archive, fileMode);
    write(join(places.home, DIARY), `${DIARY_BEFORE}start 1.1.0\n`);
    writeShared("upgrade", [], ["upgrade"]);
    return backups;
  }
  const check = (backups: Backups) => broken(() => checkBackups(shared, [backups], ledger));

  test("cover the move that they were made for", async () => {
    const backups = moveHome();
    expect(await check(backups)).toBe(null);
    expect(backups.moves).toBe(1);
  });

  test.each([
    ["made before the daemon had stopped", { diary: "start 1.0.0\n" }, "backups"],
    ["made after the new version had started", { diary: `${DIARY_BEFORE}start 1.1.0\n` }, "backups"],
    ["that hold something else than the home", { key: "other" }, "backups"],
    ["that others may read", { fileMode: 0o644 }, "private"],
    ["that others may list", { folderMode: 0o755 }, "private"],
  ] as const)("%s do not", async (_, change, invariant) => {
    expect(await check(moveHome(change))).toBe(invariant);
  });

  test("that are torn do not", async () => {
    const backups = moveHome();
    writeFileSync(join(places.backups, "upgrade/backup-1-preupgrade.tar.gz"), "half");
    expect(await check(backups)).toBe("backups");
  });

  describe("that are copies, which wait for their archives,", () => {
    const copy = () => join(places.copies, "upgrade-1");

    /** As {@link moveHome}, with a copy of the home in place of the archive. */
    async function moveCopiedHome(): Promise<Backups> {
      const backups = moveHome();
      rmSync(join(places.backups, "upgrade"), { recursive: true });
      write(join(places.home, DIARY), "start 1.0.0\n");
      mkdirSync(places.copies, { mode: 0o700 });
      const none = { excluded: [], exclude: [], rebuildable: [] };
      const copying = await HomeCopy.begin({ home: places.home, destination: copy(), ...none });
      await copying.round();
      write(join(places.home, DIARY), DIARY_BEFORE);
      await copying.finish({ mapped: new Set() });
      write(join(copy(), "archive.json"), { name: "upgrade" });
      write(join(places.home, DIARY), `${DIARY_BEFORE}start 1.1.0\n`);
      return backups;
    }

    test("cover the move that they were made for, and are left as they are", async () => {
      const backups = await moveCopiedHome();
      const before = contentsOf(copy());
      expect(await check(backups)).toBe(null);
      expect(backups.moves).toBe(1);
      expect(contentsOf(copy())).toEqual(before);
    });

    test.each(["copy.json", "archive.json"])("do not without %s", async (name) => {
      const backups = await moveCopiedHome();
      rmSync(join(copy(), name));
      expect(await check(backups)).toBe("backups");
    });

    test("do not when they hold something else than the home", async () => {
      const backups = await moveCopiedHome();
      writeFileSync(join(copy(), "home/more"), "than the home");
      expect(await check(backups)).toBe("backups");
    });

    test("do not any more when they are gone and there is no archive", async () => {
      const backups = await moveCopiedHome();
      expect(await check(backups)).toBe(null);
      rmSync(copy(), { recursive: true });
      expect(await check(backups)).toBe("backups");
    });
  });
});

describe("a document that is watched", () => {
  const document = (stays: boolean) => new WatchedDocument(places.journal, stays);

  test.each([
    ["is empty", ""],
    ["is half of one", '{"state": "stop'],
    ["lacks a field", { state: "stopping", kind: "upgrade" }],
  ])("is found broken when it %s", async (_, content) => {
    write(places.journal, content);
    expect(await broken(() => document(false).read())).toBe("documents");
  });

  test("may be gone when it may, and not otherwise", async () => {
    for (const stays of [true, false]) {
      write(places.journal, { state: "stopping", kind: "upgrade", to: {} });
      const watched = document(stays);
      expect(watched.read().changed).toBe(true);
      await Bun.file(places.journal).delete();
      expect(await broken(() => watched.read())).toBe(stays ? "documents" : null);
    }
  });
});

describe("what is left at the end", () => {
  test.each(["journal.json", "upgrade.lock", ".upgrade-plan.json.tmp-12-34-1", "daemon.json"])(
    "is found when it is %s",
    async (name) => {
      write(home.at("data", name), "");
      expect(await broken(() => checkNothingLeft(home.path))).toBe("tidy");
    },
  );

  test("is nothing when it belongs there", async () => {
    writeShared("genesis", [], []);
    expect(await broken(() => checkNothingLeft(home.path))).toBe(null);
    expect(await broken(() => checkNothingSetAside(home.path))).toBe(null);
  });

  test("is found when it was set aside", async () => {
    write(`${shared.plan}.corrupt-2026-11-21-120000000`, "");
    expect(await broken(() => checkNothingSetAside(home.path))).toBe("documents");
  });
});

test("two daemons of one home are counted, and one of each home is not", async () => {
  using processes = new MarkedProcesses();
  const homes = [home.at("a"), home.at("b")];
  const start = (of: string) =>
    Bun.spawn(["sleep", "600"], { env: { ...processes.environment, NYMVISOR_DAEMON_HOME: of }, detached: true });
  const census = new DaemonCensus(homes);
  for (const of of homes) start(of);
  await processes.wait(2);
  expect(await broken(() => census.take())).toBe(null);
  start(homes[0] ?? "");
  await waitFor("the census to see both", async () => (await broken(() => census.take())) === "one-daemon");
});

test("a mistake of nymvisor's own, and a home that changes while it is saved, are heard in the log", async () => {
  const counts = {};
  const hear = (line: string) => broken(() => readTraces(line, counts));
  expect(await hear("WARN nymvisor: nymvisor itself: TypeError: x is undefined")).toBe("conduct");
  expect(await hear("WARN nymvisor: a file grew while it was backed up, though the daemon had stopped: x")).toBe(
    "backups",
  );
  expect(await hear("WARN nymvisor: a daemon that an earlier nymvisor left (pid 7) still runs; stopping it")).toBe(
    null,
  );
  expect(counts).toEqual({ "orphans stopped": 1 });
});
