/*
 * A process that does nothing but look: at `current`, at every document, at the process table, hundreds of times a second
 * for as long as a world lasts. What it finds broken it tells at once. Started by `onlooker-process.ts`.
 */
import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import { DaemonCensus } from "./daemon-census.ts";
import { binaryIn, buildFolder, type Entry, type PlanFile } from "./disk.ts";
import { sha256 } from "./marked-daemon.ts";
import type { OnlookerMessage, OnlookerTask } from "./onlooker-messages.ts";
import { Violation } from "./violation.ts";
import { WatchedDocument } from "./watched-document.ts";

/** What it looks at must not wait for it. */
const NICENESS = 10;
const PAUSE_MS = 1;
/** Running a program costs as much as many looks. */
const EXECUTE_EVERY_MS = 40;

const { shared, nodes } = JSON.parse(process.argv[2] ?? "") as OnlookerTask;
const plan = new WatchedDocument(shared.plan, true);
const history = new WatchedDocument(shared.history, true);
const documents = [
  new WatchedDocument(shared.outcomes, true),
  new WatchedDocument(shared.operator, true),
  ...nodes.flatMap((node) => [
    new WatchedDocument(node.versionRecord, true),
    new WatchedDocument(node.journal, false),
    new WatchedDocument(node.probation, false),
    new WatchedDocument(node.wayBack, false),
    new WatchedDocument(node.status, true),
    new WatchedDocument(node.daemonRecord, false),
  ]),
];
const infos = new Map<string, WatchedDocument[]>();
const census = new DaemonCensus(nodes.map(({ home }) => home));
const taken = new Set<string>();
const seenCurrent = new Set<string>();
const tally = { looks: 0, executions: 0 };
/** Of those in the plan, whose documents are written still: what runs, and what came last. */
let fresh: readonly string[] = [];

function tell(message: OnlookerMessage): void {
  process.send?.(message);
}

function look(): void {
  lookAtCurrent();
  lookAtPlan();
  for (const name of fresh) lookAtBuild(name);
  for (const document of documents) document.read();
  census.take();
  tally.looks += 1;
}

function lookAtCurrent(): void {
  let target: string;
  let bytes: Buffer;
  let mode: number;
  try {
    target = readlinkSync(shared.current);
    const file = openSync(binaryIn(shared.current), "r");
    try {
      mode = fstatSync(file).mode;
      bytes = readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Violation("whole-current", `${shared.current} leads nowhere: ${error}`);
  }
  if (!/^(genesis|upgrades\/[^/]+)$/.test(target)) throw new Violation("whole-current", `it is a link to ${target}`);
  if ((mode & 0o111) === 0) throw new Violation("whole-current", `what ${target} holds is not executable`);
  const digest = sha256(bytes);
  if (seenCurrent.has(digest)) return;
  seenCurrent.add(digest);
  tell({ type: "current-seen", target, digest });
}

function namesIn({ current, queuedUp }: PlanFile): string[] {
  return [current.name, ...queuedUp.map(({ name }) => name)];
}

/** Whatever stood in the plan once stands there still, or in the history, which is read after it. */
function lookAtPlan(): void {
  const before = plan.read();
  const after = history.read();
  if (!before.changed && !after.changed) return;
  const planned = before.value as unknown as PlanFile | undefined;
  if (planned === undefined) throw new Violation("documents", `${shared.plan} is not there`);
  const performed = ((after.value?.history ?? []) as { info: Entry }[]).map(({ info }) => info.name);
  const twice = performed.filter((name, index) => performed.indexOf(name) !== index);
  if (twice.length > 0) throw new Violation("once-each", `the history holds ${twice.join(", ")} more than once`);
  const names = namesIn(planned);
  const doubled = names.filter((name, index) => names.indexOf(name) !== index);
  if (doubled.length > 0) throw new Violation("once-each", `the plan holds ${doubled.join(", ")} more than once`);
  const there = new Set([...names, ...performed]);
  const lost = [...taken].filter((name) => !there.has(name));
  if (lost.length > 0) throw new Violation("once-each", `neither plan nor history holds ${lost.join(", ")} any more`);
  for (const name of there) {
    if (name === "genesis" || taken.has(name)) continue;
    taken.add(name);
    tell({ type: "taken", name });
  }
  fresh = [planned.current.name, ...names.slice(1).slice(-3)];
}

function lookAtBuild(name: string): void {
  const folder = buildFolder(shared, name);
  const known = infos.get(name) ?? [
    new WatchedDocument(join(folder, "upgrade-info.json"), true),
    new WatchedDocument(join(folder, "staged.json"), true),
  ];
  infos.set(name, known);
  for (const document of known) document.read();
}

function execute(): void {
  const { status, signal, stdout, error } = spawnSync(
    binaryIn(shared.current),
    ["--no-banner", "build-info", "--output=json"],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Violation("whole-current", `it cannot be run: ${error ?? signal ?? status}`);
  try {
    JSON.parse(stdout);
  } catch {
    throw new Violation("whole-current", `it answers ${JSON.stringify(stdout)}`);
  }
  tally.executions += 1;
}

process.on("message", () => tell({ type: "tally", ...tally }));
process.on("disconnect", () => process.exit(0));
setPriority(NICENESS);
try {
  look();
  tell({ type: "ready" });
  for (let nextExecution = 0; ; ) {
    look();
    if (performance.now() >= nextExecution) {
      execute();
      nextExecution = performance.now() + EXECUTE_EVERY_MS;
    }
    await Bun.sleep(PAUSE_MS);
  }
} catch (error) {
  if (!(error instanceof Violation)) throw error;
  tell({ type: "violation", invariant: error.invariant, what: error.what });
}
