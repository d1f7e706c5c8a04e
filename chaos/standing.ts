import { readFileSync } from "node:fs";
import {
  binaryIn,
  buildFolder,
  journalState,
  readCurrent,
  readPlan,
  readRecord,
  readStatus,
  type SharedPlaces,
} from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import { sha256 } from "./marked-daemon.ts";
import type { ChaosNode } from "./node.ts";

/** How a world stands, as far as it must come to rest. */
export interface Standing {
  /** Why it has not come to rest; null once it has. */
  restless: string | null;
  /** What could still be done although it rests: upgrades that are due, nodes that are behind. */
  open: string | null;
}

/** Looks once; what changes meanwhile makes it restless. */
export function lookAround(shared: SharedPlaces, nodes: readonly ChaosNode[], ledger: Ledger): Standing {
  const current = readCurrent(shared);
  const plan = readPlan(shared);
  if (plan.current.name !== current)
    return { restless: `the plan says ${plan.current.name}, current ${current}`, open: null };
  const version = ledger.versionOf(sha256(readFileSync(binaryIn(buildFolder(shared, current)))));
  const behind: string[] = [];
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
    if (record.name !== current) behind.push(`${node.id} is on ${record.name}`);
    else if (record.version !== version) {
      return { restless: `${node.id}: its record says ${record.version}, and current is ${version}`, open: null };
    }
  }
  const open = [...behind, ...dueOf(shared, nodes, ledger).map((name) => `${name} is due`)];
  if (readCurrent(shared) !== current) return { restless: "current has just moved", open: null };
  return { restless: null, open: open.length === 0 ? null : `current is ${current}: ${open.join(", ")}` };
}

function restlessness({ run, events }: ChaosNode, journal: string): string | null {
  if (!run?.isRunning) return "no nymvisor runs";
  const daemon = events.livingDaemon();
  if (daemon === undefined) return "no daemon runs";
  if (daemon.startedBy !== run.pid) return `the daemon ${daemon.pid} was started by ${daemon.startedBy}`;
  return journal === "none" ? null : `an upgrade is ${journal}`;
}

/** Upgrades of the plan that nothing stands against. */
function dueOf(shared: SharedPlaces, nodes: readonly ChaosNode[], ledger: Ledger): string[] {
  const refused = new Set(
    nodes.flatMap(({ places }) =>
      Object.entries(readStatus(places).upgrades).flatMap(([name, { state }]) => (state === "refused" ? [name] : [])),
    ),
  );
  return readPlan(shared)
    .queuedUp.filter(({ upgradeTime }) => Date.parse(upgradeTime) <= Date.now())
    .map(({ name }) => name)
    .filter((name) => ledger.get(name)?.kind === "good" && !refused.has(name));
}
