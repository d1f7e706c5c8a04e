import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { waitFor } from "../support/wait.ts";
import { faultExecutable } from "./support/fault-executable.ts";
import { Matrix, type Road } from "./support/road.ts";
import type { World } from "./support/world.ts";

/**
 * Every effect of an upgrade, on each of its roads, is where the machine loses its power, or where the disk says no.
 * Afterwards the released executable is started, as a service manager does; nobody mends anything.
 *
 * `NYMVISOR_FAULT_MATRIX=all` tries each point in all ways, also where two of them leave the same.
 */
const ALL = process.env.NYMVISOR_FAULT_MATRIX === "all";
const LIMIT = ALL ? 3_600_000 : 900_000;

let folder: string;
let server: ReleaseServer;
let worlds: Matrix;
/** A node of 1.0.0. */
let taken: World;
const known = new Set<string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-faults-"));
  server = await startReleaseServer();
  await faultExecutable();
  worlds = new Matrix(server, mkdtempSync(join(folder, "templates-")), ALL, known);
  taken = worlds.world();
  await taken.takeIn("n1");
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function tryOut(road: Road, least: number): Promise<void> {
  const began = performance.now();
  const matrix = new Matrix(server, mkdtempSync(join(folder, "road-")), ALL, known);
  await matrix.go(road);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${road.name}: ${matrix.points} points, ${matrix.runs} runs, ${seconds} s`);
  expect(matrix.problems).toEqual([]);
  expect(matrix.points).toBeGreaterThanOrEqual(least);
  expect(matrix.missed).toEqual([]);
}

/** The commands about backups: once typed again, or after the next run, all is as it should be. */
const COMMAND = { version: "genesis", nodes: ["n1"], announced: false, isCommand: true } as const;

const RUN = { words: ["run", "run"], version: "1.1.0", nodes: ["n1"] } as const;

/** What a start does before the daemon runs, because of an upgrade that is not over in this home. */
const RECOVERY = {
  until: /^spawn-daemon /,
  of: /^spawn-daemon |journal|current|upgrade-(plan|history)|backups|copies\/[^/]+\/\.?(copy|archive)|nym-node$|instances\/n1\/data$/,
};

/** A node that was killed at its first effect of this name. */
async function killedAt(effect: string, action: "kill-before" | "kill-after"): Promise<World> {
  const world = worlds.world(taken);
  world.announce("1.1.0");
  const running = await world.start(RUN.words, { fault: { action, effect, occurrence: 1 } });
  expect(await running.ended()).toMatchObject({ signal: "SIGKILL" });
  for (const { pid } of world.daemons()) process.kill(pid, "SIGKILL");
  return world;
}

/** Backups that people made: none is torn, and in the end there is one. */
function* backupFaults(world: World, isOver: boolean): Generator<string> {
  const backups = world.manualBackups();
  for (const path of backups) yield* world.archiveFaults(path);
  if (isOver && backups.length === 0) yield "there is no backup in the end";
}

/** The newest that are to stay are there at any time. */
function* prunedTooMuch(world: World, isOver: boolean): Generator<string> {
  const names = world.archives("1.0.1").map((path) => basename(path));
  for (const day of ["03", "04", "05"]) {
    if (!names.some((name) => name.includes(`2025-01-${day}`))) yield `the backup of ${day} is gone`;
  }
  if (isOver && names.length !== 3) yield `${names.length} backups are left`;
  if (isOver && world.archives("1.0.0").length > 0) yield "the oldest backup is left";
}

/** A home that is put back is all of the one or all of the other, once it is over; the backup is there at any time. */
function* mixedHome(world: World, isOver: boolean): Generator<string> {
  const [backup] = world.manualBackups();
  if (backup === undefined) yield "the backup is gone";
  else yield* world.archiveFaults(backup);
  if (!isOver) return;
  const isNew = existsSync(world.at("n1/data/new"));
  const isOld = existsSync(world.at("n1/data/old"));
  const isOldKey = readFileSync(world.at("n1/key.pem"), "utf8").includes("the key of the node");
  if (isNew === isOld || isOld !== isOldKey) yield `the home is mixed: new ${isNew}, old ${isOld}, old key ${isOldKey}`;
  const restoring = world.at("n1/nymvisor/restoring");
  if (existsSync(restoring) && readdirSync(restoring).length > 0) yield "what was unpacked is left";
}

describe("the node runs again, the upgrade is done once, and nothing is left, wherever there is a fault in", () => {
  test(
    "an upgrade that is announced and downloaded: from the start of run to its end",
    () => tryOut({ ...RUN, name: "download", template: taken, announced: true }, 200),
    LIMIT,
  );

  test(
    "an upgrade that add-upgrade has queued",
    async () => {
      const template = worlds.world(taken);
      await template.succeed(["add-upgrade", "--upgrade-name", "1.1.0", "--now", template.binary("1.1.0")]);
      await tryOut({ ...RUN, name: "queued", template, announced: false, onlyNew: true }, 0);
    },
    LIMIT,
  );

  test(
    "add-upgrade itself, once it is typed again",
    async () => {
      const words = ["add-upgrade", "--upgrade-name", "1.1.0", "--now", taken.at("binaries/1.1.0/nym-node")];
      taken.binary("1.1.0");
      const again = (world: World) => world.succeed([...words, "--force"]);
      await tryOut(
        { ...RUN, name: "add-upgrade", template: taken, announced: false, words, again, isCommand: true },
        20,
      );
    },
    LIMIT,
  );

  test(
    "init, once it is typed again",
    async () => {
      const template = worlds.world();
      template.prepare("n1");
      const words = ["init", "--id", "n1", template.binary("1.0.0")];
      const again = (world: World) => world.succeed(words);
      const road = { name: "init", template, words, version: "genesis", nodes: ["n1"], announced: false } as const;
      await tryOut({ ...road, again, isCommand: true }, 40);
    },
    LIMIT,
  );

  test(
    "backup create of a node that is stopped, once it is typed again",
    async () => {
      const words = ["backup", "create"];
      const again = (world: World) => world.succeed(words);
      const road = { ...COMMAND, name: "backup create, stopped", template: taken, words, again } as const;
      await tryOut({ ...road, of: /\/backups/, faults: backupFaults }, 10);
    },
    LIMIT,
  );

  test(
    "backup create of a node that runs, once it is typed again",
    async () => {
      const words = ["backup", "create"];
      const again = async (world: World) => {
        using _ = world.pretendToRun();
        await world.succeed(words);
      };
      const road = { ...COMMAND, name: "backup create, running", template: taken, words, again } as const;
      const beside = (world: World) => world.pretendToRun();
      const of = /spawn-archive|\/(copies|backups)/;
      await tryOut({ ...road, beside, of, onlyNew: true, faults: backupFaults }, 30);
    },
    LIMIT,
  );

  test(
    "backup prune, once it is typed again",
    async () => {
      const template = worlds.world(taken);
      for (const day of ["01", "02", "03", "04", "05"]) template.addArchive("1.0.1", `2025-01-${day}-000000000`);
      template.addArchive("1.0.0", "2025-01-01-000000000");
      const words = ["backup", "prune"];
      const again = (world: World) => world.succeed(words);
      const faults = (world: World, isOver: boolean) => prunedTooMuch(world, isOver);
      await tryOut({ ...COMMAND, name: "backup prune", template, words, again, of: /\/backups/, faults }, 3);
    },
    LIMIT,
  );

  test(
    "backup restore, once it is typed again or the node is run",
    async () => {
      const template = worlds.world(taken);
      mkdirSync(template.at("n1/data"));
      writeFileSync(template.at("n1/data/old"), "old");
      await template.succeed(["backup", "create"]);
      rmSync(template.at("n1/data/old"));
      writeFileSync(template.at("n1/data/new"), "new");
      writeFileSync(template.at("n1/key.pem"), "the key of another node\n");
      const [backup = ""] = template.manualBackups();
      const words = ["backup", "restore", basename(backup).slice(7, 27), "--yes"];
      let run = 0;
      const again = async (world: World) => {
        run += 1;
        // Every other time it is the next run that finds what is there.
        if (run % 2 === 0) await world.succeed(words);
      };
      const of = /restor|\/replaced|\/n1\/(data|key)/;
      const road = { ...COMMAND, name: "backup restore", template, words, again, of } as const;
      await tryOut({ ...road, faults: mixedHome }, 15);
    },
    LIMIT,
  );

  test(
    "an upgrade that another node of the box has made, and this one follows",
    async () => {
      const template = worlds.world(taken);
      await template.takeIn("n2");
      template.announce("1.1.0");
      const variables = { NYMVISOR_HEALTH_PROBATION: "30ms", NYMVISOR_HEALTH_INTERVAL: "10ms" };
      const leader = await template.start(["run", "run"], { node: "n2", variables });
      await template.waitUntilRuns("1.1.0", leader, "n2");
      // Until its version has proven itself nobody follows it.
      const probation = join(template.instance("n2").instanceData, "probation.json");
      await waitFor("the verdict", () => !existsSync(probation));
      await leader.stop();
      await tryOut({ ...RUN, name: "forward", template, announced: false, ...RECOVERY }, 5);
    },
    LIMIT,
  );

  test(
    "the recovery of an upgrade that was interrupted after the switch",
    async () => {
      const template = await killedAt("^rename .*/current$", "kill-after");
      await tryOut({ ...RUN, name: "finish", template, announced: false, ...RECOVERY }, 5);
    },
    LIMIT,
  );

  test(
    "the recovery of an upgrade that was interrupted when its copy was complete, and what removes the copy",
    async () => {
      const template = await killedAt("^rename .*/copies/[^/]*/archive\\.json$", "kill-after");
      const until = /^remove .*\/copies\/[^/]+$/;
      const of = new RegExp(`${RECOVERY.of.source}|${until.source}`);
      await tryOut({ ...RUN, name: "undo", template, announced: false, until, of }, 8);
    },
    LIMIT,
  );

  test(
    "the archive that is written from a copy, by its own process and by the one that waits for it",
    async () => {
      const template = await killedAt("^spawn-archive ", "kill-before");
      for (const day of ["01", "02", "03"]) template.addArchive("1.0.1", `2025-01-${day}-000000000`);
      const of = /^spawn-archive | archive:|\/copies|\/backups/;
      await tryOut({ ...RUN, name: "archive", template, announced: false, archives: true, of }, 40);
    },
    LIMIT,
  );
});
