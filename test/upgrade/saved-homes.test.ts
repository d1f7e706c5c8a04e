import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatStamp, type Instant } from "../../src/model/instant.ts";
import type { Layout } from "../../src/model/paths.ts";
import { backUp } from "../../src/upgrade/backup.ts";
import { copyPaths, writeNote } from "../../src/upgrade/copy/finished-copy.ts";
import { noteArchiveOrder } from "../../src/upgrade/pending-archives.ts";
import { freeRolledBackFolder, rolledBackPaths, writeRolledBackNote } from "../../src/upgrade/rolled-back.ts";
import { listSavedHomes, newestSavedHome, savedFor } from "../../src/upgrade/saved-homes.ts";
import { writeHistory } from "../../src/upgrade/shared-documents.ts";
import { placeBuild, setUp } from "../support/builds.ts";
import { emptyInstance } from "../support/instance.ts";
import { outcome } from "../support/outcomes.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

/** Archives' names tell milliseconds. */
const SECOND = 1_000_000_000n;

let folder: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  folder = temporaryHome();
  layout = emptyInstance(folder).layout;
  setUp(layout);
  for (const version of ["1.1.0", "1.2.0"]) placeBuild(layout, upgradeInfo({ version }));
});

afterEach(() => folder[Symbol.dispose]());

async function archive(upgrade: string, from: string | null, at: Instant): Promise<string> {
  const facts = { daemon: layout.daemon, upgrade, from, taken: "stopped", note: "" } as const;
  return (await backUp({ home: layout.home, backups: layout.backups, name: upgrade, at, facts })).path;
}

function copy(upgrade: string, from: string | null, at: Instant): string {
  const path = join(layout.copies, `${upgrade}-${formatStamp(at)}`);
  const { tree } = copyPaths(path);
  mkdirSync(tree, { recursive: true });
  const nothing = { leftOut: [], disturbed: [], notKept: [], held: [], changes: null, atStop: { files: 0, bytes: 0 } };
  writeNote({ path, tree, home: layout.home, finishedAt: at, bootId: "b", files: 1, bytes: 7, ...nothing });
  noteArchiveOrder(path, { name: upgrade, from, at });
  return path;
}

function keep(name: string, at: Instant): string {
  const kept = freeRolledBackFolder(layout, name, at);
  mkdirSync(rolledBackPaths(kept).home, { recursive: true });
  writeRolledBackNote(kept, { name, version: name, to: "genesis", at, why: "", byHand: true });
  return kept;
}

const own = (changes: Parameters<typeof outcome>[0]) => outcome({ home: layout.home, ...changes });
const steps = () => [
  own({ name: "1.1.0", performedAt: NOON + SECOND }),
  own({ name: "1.2.0", from: "1.1.0", performedAt: NOON + 11n * SECOND }),
];

test("copies, archives and what was put aside are listed with the build that left them, the newest first", async () => {
  const first = await archive("1.1.0", "1.0.0", NOON);
  const second = copy("1.2.0", "1.1.0", NOON + 10n * SECOND);
  const third = keep("1.2.0", NOON + 20n * SECOND);
  expect(listSavedHomes(layout, steps())).toEqual([
    { build: "1.2.0", at: NOON + 20n * SECOND, kind: "kept", path: third, bytes: null, upgrade: null },
    { build: "1.1.0", at: NOON + 10n * SECOND, kind: "copy", path: second, bytes: 7, upgrade: "1.2.0" },
    { build: "genesis", at: NOON, kind: "archive", path: first, bytes: expect.any(Number), upgrade: "1.1.0" },
  ]);
});

test("a copy comes before the archive that is being made of it", async () => {
  const path = copy("1.2.0", "1.1.0", NOON + 10n * SECOND + 5n);
  await archive("1.2.0", "1.1.0", NOON + 10n * SECOND);
  expect(newestSavedHome(listSavedHomes(layout, steps()), "1.1.0")?.path).toBe(path);
});

test("copies that are no backup of anything, and a person's backups, are left out", async () => {
  const path = copy("1.2.0", "1.1.0", NOON);
  await archive("1.1.0", "1.0.0", NOON);
  const manual = join(layout.backups, "manual");
  mkdirSync(manual);
  writeFileSync(join(manual, `backup-${formatStamp(NOON)}-manual.tar.gz`), "");
  rmSync(join(path, "archive.json"));
  expect(listSavedHomes(layout, steps()).map(({ kind }) => kind)).toEqual(["archive"]);
});

describe("the build is told", () => {
  const buildOf = (outcomes = steps()) => listSavedHomes(layout, outcomes).map(({ build }) => build);

  test("by the outcome that names the backup, whatever else is said", async () => {
    const backup = await archive("1.2.0", "9.9.9", NOON);
    expect(buildOf([own({ name: "1.2.0", from: "1.1.0", backup, performedAt: NOON - SECOND })])).toEqual(["1.1.0"]);
  });

  test("by the version where nothing is noted of the time", async () => {
    writeHistory(layout, { history: [{ performedAt: NOON, info: upgradeInfo({ version: "1.1.0" }) }] });
    // The history is of another node, which was ahead.
    await archive("1.2.0", "1.0.0", NOON + SECOND);
    expect(buildOf([])).toEqual(["genesis"]);
  });

  test("by the history alone where the backup tells no version", async () => {
    writeHistory(layout, { history: [{ performedAt: NOON, info: upgradeInfo({ version: "1.1.0" }) }] });
    await archive("1.2.0", null, NOON + SECOND);
    expect(buildOf([])).toEqual(["1.1.0"]);
  });

  test("not at all where several builds have the version, or none has", async () => {
    placeBuild(layout, upgradeInfo({ name: "rebuilt", version: "1.1.0" }));
    await archive("1.2.0", "1.1.0", NOON);
    await archive("1.2.0", "3.0.0", NOON + SECOND);
    expect(buildOf([])).toEqual([]);
  });
});

test("in a folder that several nodes share only this home's own count", async () => {
  const shared = { ...layout, backups: folder.at("shared") };
  await backUp({ home: layout.home, backups: shared.backups, name: "1.1.0", at: NOON });
  const other = emptyInstance(folder, "n2").layout;
  await backUp({ home: other.home, backups: shared.backups, name: "1.1.0", at: NOON });
  expect(listSavedHomes(shared, steps()).map(({ build }) => build)).toEqual(["genesis"]);
});

test("the backup of a switch is found where its copy has become an archive", async () => {
  const path = copy("1.2.0", "1.1.0", NOON + 10n * SECOND);
  const [, second = own({})] = steps();
  const noted = { ...second, backup: path };
  expect(savedFor(listSavedHomes(layout, [noted]), noted)?.path).toBe(path);
  rmSync(path, { recursive: true });
  expect(savedFor(listSavedHomes(layout, [noted]), noted)).toBeUndefined();
  const archived = await archive("1.2.0", "1.1.0", NOON + 10n * SECOND);
  expect(savedFor(listSavedHomes(layout, [noted]), noted)?.path).toBe(archived);
  expect(savedFor(listSavedHomes(layout, [second]), second)).toBeUndefined();
});
