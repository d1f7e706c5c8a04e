import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readJson } from "../e2e/support/instance.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { waitFor } from "../support/wait.ts";
import { faultExecutable } from "./support/fault-executable.ts";
import { Matrix, type Road } from "./support/road.ts";
import { NEWER, STORE, TRACES, traceOf } from "./support/tiny-daemon.ts";
import type { World } from "./support/world.ts";

/**
 * Every effect of a probation, of its verdict and of a way back is where the machine loses its power, or where the disk
 * says no, as in kill-matrix.test.ts. Each road begins with a node that was stopped while its new version was on probation.
 */
const ALL = process.env.NYMVISOR_FAULT_MATRIX === "all";
const LIMIT = ALL ? 3_600_000 : 900_000;

let folder: string;
let server: ReleaseServer;
let worlds: Matrix;
/** Its home is saved twice: the copy, and the archive of that. */
let onProbation: World;

/** Only a death decides. */
const ENDLESS = { NYMVISOR_HEALTH_PROBATION: "1h", NYMVISOR_HEALTH_INTERVAL: "1h" };
const DYING = {
  ...ENDLESS,
  SAMPLE_DIES: "yes",
  DAEMON_MAX_STARTUP_FAILURES: "1",
  DAEMON_FAILURE_RESTART_DELAY: "10ms",
};
/** However long a busy machine takes to start it. */
const BRISK = {
  NYMVISOR_HEALTH_PROBATION: "30ms",
  NYMVISOR_HEALTH_INTERVAL: "10ms",
  NYMVISOR_HEALTH_GRACE: "1m",
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-faults-"));
  server = await startReleaseServer();
  await faultExecutable();
  worlds = new Matrix(server, mkdtempSync(join(folder, "templates-")), ALL, new Set());
  onProbation = worlds.world();
  await onProbation.takeIn("n1");
  writeFileSync(onProbation.at("n1", STORE.name), STORE.older);
  onProbation.announce(NEWER);
  const running = await onProbation.start(["run", "run"], { variables: ENDLESS });
  await onProbation.waitUntilRuns(NEWER, running);
  await waitFor("the archive", () => copies(onProbation).some((copy) => orderOf(copy).archived));
  expect((await running.stop()).status).toBe(0);
  onProbation.silence();
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function tryOut(road: Omit<Road, "announced" | "nodes" | "template">, template: World, least: number) {
  const began = performance.now();
  const matrix = new Matrix(server, mkdtempSync(join(folder, "road-")), ALL, new Set());
  await matrix.go({ ...road, template, announced: false, nodes: ["n1"] });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${road.name}: ${matrix.points} points, ${matrix.runs} runs, ${seconds} s`);
  expect(matrix.problems).toEqual([]);
  expect(matrix.points).toBeGreaterThanOrEqual(least);
  expect(matrix.missed).toEqual([]);
}

function below(path: string): string[] {
  return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
}

const copies = (world: World) => below(world.at("n1/nymvisor/copies"));
const orderOf = (copy: string) => readJson<{ archived: boolean }>(join(copy, "archive.json"));
const read = (world: World, ...names: string[]) => readFileSync(world.at(...names), "utf8");

interface OutcomeEntry {
  kind: string;
  name: string;
  state: string;
  wentBack: string | null;
  byHand: boolean;
}

function outcomes(world: World): OutcomeEntry[] {
  return readJson<{ outcomes: OutcomeEntry[] }>(join(world.instance().data, "upgrade-outcomes.json")).outcomes;
}

/** What there is only while something is under way. */
function pending(world: World): string[] {
  const { instanceData } = world.instance();
  return [
    ...["probation.json", "way-back.json", "output.log"].map((name) => join(instanceData, name)).filter(existsSync),
    ...copies(world),
    ...below(world.at("n1/nymvisor/restoring")),
  ];
}

/** What must hold whatever was interrupted, and (`isOver`) in the end. */
function* wayBackFaults(world: World, isOver: boolean, byHand = false): Generator<string> {
  yield* world.tornThings();
  const lines = world.events().filter(({ event }) => event === "started");
  const firstOld = lines.findIndex(({ version }) => version !== NEWER);
  if (firstOld !== -1 && lines.slice(firstOld).some(({ version }) => version === NEWER)) {
    yield `${NEWER} was started again after the way back`;
  }
  if (!isOver) return;
  // After the command a copy that was used goes when the node is run.
  const isRun = lines.length > 0;
  for (const path of pending(world)) if (isRun || !path.includes("/copies/")) yield `${path} is left`;
  if (read(world, "n1", STORE.name) !== STORE.older) yield "the store of the home is not that of the older version";
  if (!read(world, "n1/key.pem").includes("the key")) yield "the home lacks the key";
  if (read(world, "n1", TRACES).includes(traceOf(NEWER))) yield `the home holds what ${NEWER} has made of it`;
  const [kept, ...more] = below(world.at("n1/nymvisor/rolled-back"));
  if (kept === undefined || more.length > 0) {
    yield `homes that are kept: ${[kept, ...more]}`;
    return;
  }
  if (!existsSync(join(kept, "note.json"))) yield "what is kept has no note";
  if (!existsSync(join(kept, "home/key.pem"))) yield "what is kept lacks the key";
  if (readFileSync(join(kept, "home", STORE.name), "utf8") !== STORE.newer) yield "what is kept lacks the new store";
  const ran = lines.filter(({ version }) => version === NEWER).length + 1;
  const noted = readFileSync(join(kept, "home", TRACES), "utf8").split(traceOf(NEWER)).length - 1;
  if (noted !== ran) yield `${NEWER} ran ${ran} times, and what is kept tells of ${noted}`;
  const expected = byHand
    ? [`upgrade ${NEWER} rolled-back`, "rollback genesis passed"]
    : [`upgrade ${NEWER} rolled-back`];
  const found = outcomes(world).map(({ kind, name, state }) => `${kind} ${name} ${state}`);
  if (!Bun.deepEquals(found, expected)) yield `the outcomes are ${found.join(", ")}`;
  for (const outcome of outcomes(world)) {
    if (outcome.byHand !== byHand || outcome.wentBack !== "with-data")
      yield `the outcome is ${JSON.stringify(outcome)}`;
  }
  const performed = world.instance().performed();
  if (!Bun.deepEquals(performed, [NEWER])) yield `the history holds ${performed}`;
}

/** What a death, its verdict and the way back write; the rest is what every start does, which kill-matrix.test.ts has. */
const WAY_BACK =
  /^spawn-daemon |way-back|rolled-back|probation|outcomes|\/copies\/[^/]*(\/[^/]*)?$|\/current$|upgrade-plan|version-info|n1\/(key|store|versions)/;
/** What differs where the home comes from elsewhere, or a command puts it back. */
const EXCHANGE = /way-back\.json|restoring|operator|^rename .*\/n1\/(key|store|versions)/;

const isPutBack = (world: World) => pending(world).length === 0 && outcomes(world)[0]?.state === "rolled-back";

const PUT_BACK = {
  version: "genesis",
  words: ["run", "run"],
  dies: true,
  variables: DYING,
  isOver: isPutBack,
} as const;

function* passedFaults(world: World, isOver: boolean): Generator<string> {
  if (world.events().some(({ event, version }) => event === "started" && version !== NEWER)) yield "the old one ran";
  if (!isOver) return;
  for (const path of [...pending(world), ...below(world.at("n1/nymvisor/rolled-back"))]) yield `${path} is left`;
  if (read(world, "n1", STORE.name) !== STORE.newer) yield "the store of the home is not that of the new version";
  const found = outcomes(world).map(({ kind, name, state }) => `${kind} ${name} ${state}`);
  if (!Bun.deepEquals(found, [`upgrade ${NEWER} passed`])) yield `the outcomes are ${found.join(", ")}`;
}

describe("wherever there is a fault, one version runs in the end, on its own home, in", () => {
  test(
    "a version that dies and is put back from the copy",
    () =>
      tryOut(
        { ...PUT_BACK, name: "back from the copy", from: /^spawn-daemon /, of: WAY_BACK, faults: wayBackFaults },
        onProbation,
        60,
      ),
    LIMIT,
  );

  test(
    "a version that dies and is put back from the archive, for the copy is gone",
    async () => {
      const template = worlds.world(onProbation);
      for (const copy of copies(template)) rmSync(copy, { recursive: true });
      const of = EXCHANGE;
      await tryOut({ ...PUT_BACK, name: "back from the archive", of, faults: wayBackFaults }, template, 30);
    },
    LIMIT,
  );

  test(
    "rollback where nothing runs, once it is typed again or the node is run",
    async () => {
      const words = ["rollback", "--yes"];
      let turn = 0;
      const again = async (world: World) => {
        turn += 1;
        const isDecided = world.instance().record().name === "genesis" || isExchanging(world);
        if (isDecided && turn % 2 === 0) return;
        const { status, stderr } = await (await world.start(["rollback", "--to", "genesis", "--yes"])).ended();
        if (status !== 0 && !stderr.includes("is what this node runs")) throw new Error(stderr);
      };
      const faults = (world: World, isOver: boolean) => wayBackFaults(world, isOver, true);
      const road = { name: "rollback", version: "genesis", words, again, isCommand: true, isOver: isPutBack } as const;
      await tryOut({ ...road, of: EXCHANGE, variables: ENDLESS, faults }, onProbation, 15);
    },
    LIMIT,
  );

  test(
    "a version that proves itself: the verdict, and the copy that goes",
    () => {
      const isOver = (world: World) => pending(world).length === 0 && outcomes(world)[0]?.state === "passed";
      const road = { name: "passed", version: NEWER, words: ["run", "run"], variables: BRISK, isOver } as const;
      return tryOut({ ...road, from: /^spawn-daemon /, of: WAY_BACK, faults: passedFaults }, onProbation, 10);
    },
    LIMIT,
  );
});

function isExchanging(world: World): boolean {
  const path = join(world.instance().instanceData, "way-back.json");
  return existsSync(path) && readJson<{ state: string }>(path).state === "exchanging";
}
