import { existsSync, readFileSync } from "node:fs";
import {
  binaryIn,
  buildFolder,
  journalState,
  type OutcomeEntry,
  readCurrent,
  readOperator,
  readOutcomes,
  readPlan,
  readRecord,
  readStatus,
  type SharedPlaces,
  wayBackState,
} from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import { sha256 } from "./marked-daemon.ts";
import type { ChaosNode } from "./node.ts";
import { Violation } from "./violation.ts";

/** Of whom it is asked how they stand. */
export interface Scene {
  shared: SharedPlaces;
  nodes: readonly ChaosNode[];
  ledger: Ledger;
  /** What an operator does now and then, for nobody waits for ever. */
  tend(): Promise<void>;
  /** Aborted when there is nobody left to ask. */
  over: AbortSignal;
}

/** How long a world may take to come to rest once nothing is done to it any more. */
const REST_LIMIT_MS = 40_000;
const NUDGE_EVERY_MS = 200;
const LOOK_EVERY_MS = 8;

/**
 * Waits until a daemon runs on every home that is wanted, no upgrade is under way, and all documents agree on what runs.
 * @param patience how many milliseconds are waited besides for upgrades that nothing stands against; they may stay open then
 * @throws {Violation} if it does not come to rest, or does not come to the end of the upgrades though there is no limit.
 */
export async function comeToRest(scene: Scene, patience = Number.POSITIVE_INFINITY): Promise<void> {
  const began = performance.now();
  let tending: Promise<void> | undefined;
  for (let nudged = began; ; ) {
    scene.over.throwIfAborted();
    const { restless, open } = lookAround(scene);
    const now = performance.now();
    if (restless === null && (open === null || now - began >= patience)) return tending;
    if (now - began >= REST_LIMIT_MS) {
      throw new Violation("recovery", `after ${Math.round(now - began)} ms: ${restless ?? open}`);
    }
    if (now - nudged >= NUDGE_EVERY_MS) {
      // As an operator would who does not want to wait for the next try.
      for (const { run } of scene.nodes) if (run?.listens) run.signal("SIGHUP");
      nudged = now;
      tending ??= scene.tend().finally(() => {
        tending = undefined;
      });
    }
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

/** How a world stands, as far as it must come to rest. */
interface Standing {
  /** Why it has not come to rest; null once it has. */
  restless: string | null;
  /** What could still be done although it rests: upgrades that are due, nodes that are behind. */
  open: string | null;
}

/** Looks once; what changes meanwhile makes it restless. */
function lookAround({ shared, nodes, ledger }: Scene): Standing {
  const current = readCurrent(shared);
  const plan = readPlan(shared);
  if (plan.current.name !== current)
    return { restless: `the plan says ${plan.current.name}, current ${current}`, open: null };
  const version = ledger.versionOf(sha256(readFileSync(binaryIn(buildFolder(shared, current)))));
  const behind: string[] = [];
  const outcomes = readOutcomes(shared);
  const ordered = readOperator(shared).goBack;
  for (const node of nodes) {
    const journal = journalState(node.places);
    if (!node.isWanted) continue;
    const restless = restlessness(node, journal);
    if (restless !== null) return { restless: `${node.id}: ${restless}`, open: null };
    const record = readRecord(node.places);
    const daemon = node.events.livingDaemon();
    if (daemon?.version !== record.version) {
      return { restless: `${node.id}: ${daemon?.version} runs, and its record says ${record.version}`, open: null };
    }
    if (ordered.some(({ home }) => home === node.places.home)) {
      return { restless: `${node.id}: a way back is ordered`, open: null };
    }
    if (record.name !== current) {
      if (mayFollow(outcomes, node.places.home, current)) behind.push(`${node.id} is on ${record.name}`);
    } else if (record.version !== version) {
      return { restless: `${node.id}: its record says ${record.version}, and current is ${version}`, open: null };
    }
  }
  const open = [...behind, ...dueOf(shared, nodes, ledger)];
  if (readCurrent(shared) !== current) return { restless: "current has just moved", open: null };
  return { restless: null, open: open.length === 0 ? null : `current is ${current}: ${open.join(", ")}` };
}

/** Not to what it has gone back from, nor to what has failed elsewhere and stays there. */
function mayFollow(outcomes: readonly OutcomeEntry[], home: string, name: string): boolean {
  const own = outcomes.findLast((outcome) => outcome.home === home && outcome.name === name);
  if (own?.state === "rolled-back") return false;
  return !outcomes.some(({ name: other, state, byHand }) => {
    return other === name && (state === "failed" || state === "rolled-back") && !byHand;
  });
}

function restlessness({ run, events, places }: ChaosNode, journal: string): string | null {
  if (!run?.isRunning) return "no nymvisor runs";
  const daemon = events.livingDaemon();
  if (daemon === undefined) return "no daemon runs";
  if (daemon.startedBy !== run.pid) return `the daemon ${daemon.pid} was started by ${daemon.startedBy}`;
  const wayBack = wayBackState(places);
  if (wayBack !== "none") return `a way back is ${wayBack}`;
  if (existsSync(places.probation)) return `${daemon.version} is on probation`;
  return journal === "none" ? null : `an upgrade is ${journal}`;
}

/** What is due: upgrades that nothing stands against, and others of which no `upgrade-status.json` says why they wait. */
function dueOf(shared: SharedPlaces, nodes: readonly ChaosNode[], ledger: Ledger): string[] {
  const said = nodes.map(({ places }) => readStatus(places).upgrades);
  return readPlan(shared)
    .queuedUp.filter(({ upgradeTime }) => Date.parse(upgradeTime) <= Date.now())
    .flatMap(({ name }) => {
      const found = said.map((upgrades) => upgrades[name]);
      if (found.some((status) => status?.state === "refused")) return [];
      if (ledger.get(name)?.kind === "good") return [`${name} is due`];
      return found.some((status) => status?.reason) ? [] : [`nothing says why ${name} waits`];
    });
}
