import { randomFillSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildExecutable } from "../build/compile.ts";
import { targetOfThisMachine } from "../build/targets.ts";
import { type ReleaseServer, startReleaseServer } from "../test/support/release-server.ts";
import { buildSampleNode } from "../test/support/sample-daemon.ts";
import { SampleEvents } from "../test/support/sample-events.ts";
import { cpuSecondsOf, median, memoryOf } from "./process-figures.ts";

/**
 * `bun run bench`: what an upgrade costs, beside a bare "SIGINT, wait, start" of the same two binaries in the same run.
 * Absolute times are this machine's; what counts is how far the figures lie above the bare ones.
 */

const MIB = 1024 * 1024;
const OLD = "1.0.0";
const NEW = "1.1.0";
const LONG_WAIT = { within: 120_000 };

interface Figures {
  /** Milliseconds from the old process's last word to the new one's first. */
  bareDowntime: number[];
  upgradeDowntime: number[];
  /** Milliseconds from the start of a process to the node's first word: of the node alone, and of `nymvisor run`. */
  bareStart: number[];
  runStart: number[];
  /** Mebibytes. */
  memoryAtRest: number[];
  memoryPeak: number[];
  /** Per cent of one core. */
  cpuAtRest: number[];
  /** Seconds from the announcement to the new version's first word. */
  wholeUpgrade: number[];
}

interface Options {
  rounds: number;
  homeMib: number;
  lineMibPerSecond: number;
  restSeconds: number;
}

interface Bench {
  folder: string;
  nymvisor: string;
  oldNode: string;
  newNode: string;
  options: Options;
  figures: Figures;
}

function nodeEnvironment(folder: string, events: SampleEvents, daemonHome: string): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: folder, SAMPLE_EVENTS: events.path, SAMPLE_HOME: daemonHome };
}

/** Half incompressible, half like a database's pages, in 64 files. */
function makeHome(path: string, mib: number): void {
  mkdirSync(join(path, "data"), { recursive: true });
  const bytes = Buffer.alloc((mib * MIB) / 64);
  for (let index = 0; index < 64; index += 1) {
    if (index % 2 === 0) randomFillSync(bytes);
    else bytes.fill(`row ${index} of a table, and some zeros: ${"\0".repeat(64)}`);
    writeFileSync(join(path, "data", `store-${index}.db`), bytes);
  }
}

/** The floor: the two binaries, without anything in between. */
async function bareRestart({ folder, oldNode, newNode, figures }: Bench, round: number): Promise<void> {
  const events = new SampleEvents(join(folder, `bare-${round}.jsonl`));
  const env = nodeEnvironment(folder, events, folder);
  const start = (binary: string) =>
    Bun.spawn([binary, "run"], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  const before = Date.now();
  const old = start(oldNode);
  const started = await events.wait("started", { version: OLD });
  figures.bareStart.push(started.at - before);
  old.kill("SIGINT");
  await old.exited;
  const next = start(newNode);
  const ended = await events.wait("exiting", { version: OLD });
  const again = await events.wait("started", { version: NEW });
  figures.bareDowntime.push(again.at - ended.at);
  next.kill("SIGINT");
  await next.exited;
}

async function upgrade(bench: Bench, server: ReleaseServer, round: number): Promise<void> {
  const { folder, nymvisor, oldNode, newNode, options, figures } = bench;
  const home = join(folder, `home-${round}`);
  const daemonHome = join(home, "node");
  makeHome(daemonHome, options.homeMib);
  const events = new SampleEvents(join(folder, `upgrade-${round}.jsonl`));
  const env = {
    ...nodeEnvironment(home, events, daemonHome),
    NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: `${server.url}/${round}/`,
    NYMVISOR_UPSTREAM_POLLING_RATE: "1s",
  };
  const init = Bun.spawnSync([nymvisor, "init", "--daemon-home", daemonHome, oldNode], { env, stdout: "ignore" });
  if (init.exitCode !== 0) throw new Error(`init ended with ${init.exitCode}: ${init.stderr}`);
  const before = Date.now();
  const supervisor = Bun.spawn([nymvisor, "run", "run"], {
    env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, `upgrade-${round}.log`)),
  });
  try {
    const started = await events.wait("started", { version: OLD });
    figures.runStart.push(started.at - before);
    const announcedAt = Date.now();
    announce(server, round, newNode, options.lineMibPerSecond);
    const again = await events.wait("started", { version: NEW, ...LONG_WAIT });
    const ended = await events.wait("exiting", { version: OLD });
    figures.upgradeDowntime.push(again.at - ended.at);
    figures.wholeUpgrade.push((again.at - announcedAt) / 1000);
    figures.memoryPeak.push(memoryOf(supervisor.pid).peak);
  } finally {
    supervisor.kill("SIGTERM");
    await supervisor.exited;
  }
  await rest(bench, env, events);
  rmSync(home, { recursive: true });
}

/** A run that has nothing to do, asking for releases at the default rate. */
async function rest(
  { nymvisor, options, figures }: Bench,
  env: Record<string, string>,
  events: SampleEvents,
): Promise<void> {
  const count = events.of("started").length + 1;
  const before = Date.now();
  const supervisor = Bun.spawn([nymvisor, "run", "run"], {
    env: { ...env, NYMVISOR_UPSTREAM_POLLING_RATE: "1h" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    const started = await events.wait("started", { count });
    figures.runStart.push(started.at - before);
    await Bun.sleep(2_000);
    const used = cpuSecondsOf(supervisor.pid);
    await Bun.sleep(options.restSeconds * 1000);
    figures.cpuAtRest.push(((cpuSecondsOf(supervisor.pid) - used) / options.restSeconds) * 100);
    figures.memoryAtRest.push(memoryOf(supervisor.pid).now);
  } finally {
    supervisor.kill("SIGTERM");
    await supervisor.exited;
  }
}

function announce(server: ReleaseServer, round: number, binary: string, mibPerSecond: number): void {
  const path = `/binaries/${round}`;
  server.serveFile(path, binary, { bytesPerSecond: mibPerSecond * MIB });
  const checksum = new Bun.CryptoHasher("sha256").update(readFileSync(binary)).digest("hex");
  server.announce(`${round}/nym-node`, {
    manual: false,
    name: `bench-${round}`,
    notes: "",
    publishDate: null,
    version: NEW,
    platforms: { any: { checksum, checksumAlgorithm: "sha256", url: `${server.url}${path}` } },
    upgradeTime: new Date().toISOString(),
    binaryDetails: null,
  });
}

interface Row {
  figure: string;
  unit: string;
  values: readonly number[];
  goal: string;
  reached: boolean | null;
}

function rowsOf(figures: Figures): Row[] {
  const over = (values: readonly number[], floor: readonly number[]) => median(values) - median(floor);
  const rows: Omit<Row, "reached">[] = [
    {
      figure: "bare restart: old process's end to new one's start",
      unit: "ms",
      values: figures.bareDowntime,
      goal: "",
    },
    {
      figure: "upgrade: old process's end to new one's start",
      unit: "ms",
      values: figures.upgradeDowntime,
      goal: "bare + 1000",
    },
    { figure: "the node's own start", unit: "ms", values: figures.bareStart, goal: "" },
    { figure: "from `nymvisor run` to the node's start", unit: "ms", values: figures.runStart, goal: "own + 60" },
    { figure: "whole upgrade, from announcement", unit: "s", values: figures.wholeUpgrade, goal: "" },
    { figure: "memory at rest", unit: "MiB", values: figures.memoryAtRest, goal: "60" },
    { figure: "memory at its peak", unit: "MiB", values: figures.memoryPeak, goal: "" },
    { figure: "CPU at rest", unit: "% of a core", values: figures.cpuAtRest, goal: "0.5" },
  ];
  const judged = new Map<string, boolean>([
    ["bare + 1000", over(figures.upgradeDowntime, figures.bareDowntime) <= 1000],
    ["own + 60", over(figures.runStart, figures.bareStart) <= 60],
    ["60", median(figures.memoryAtRest) < 60],
    ["0.5", median(figures.cpuAtRest) < 0.5],
  ]);
  return rows.map((row) => ({ ...row, reached: judged.get(row.goal) ?? null }));
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ figure, unit, values, goal, reached }) => {
    const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(1));
    const verdict = reached === null ? "" : reached ? "reached" : "NOT reached";
    return `| ${figure} | ${median(values).toFixed(1)} ${unit} | ${low} to ${high} | ${goal === "" ? "" : `≤ ${goal}`} | ${verdict} |`;
  });
  return ["| figure | median | range | goal | |", "|---|---|---|---|---|", ...lines].join("\n");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      "home-mib": { type: "string", default: "64" },
      "line-mib": { type: "string", default: "20" },
      "rest-seconds": { type: "string", default: "20" },
    },
  });
  const options: Options = {
    rounds: Number(values.rounds),
    homeMib: Number(values["home-mib"]),
    lineMibPerSecond: Number(values["line-mib"]),
    restSeconds: Number(values["rest-seconds"]),
  };
  const folder = mkdtempSync(join(tmpdir(), "nymvisor-bench-"));
  const server = await startReleaseServer();
  try {
    const [nymvisor, oldNode, newNode] = ["nymvisor", "old-node", "new-node"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await buildExecutable({ target: targetOfThisMachine(), outfile: nymvisor });
    await buildSampleNode({ version: OLD, outfile: oldNode });
    await buildSampleNode({ version: NEW, outfile: newNode });
    const figures: Figures = {
      bareDowntime: [],
      upgradeDowntime: [],
      bareStart: [],
      runStart: [],
      memoryAtRest: [],
      memoryPeak: [],
      cpuAtRest: [],
      wholeUpgrade: [],
    };
    const bench: Bench = { folder, nymvisor, oldNode, newNode, options, figures };
    for (let round = 0; round < options.rounds; round += 1) {
      await bareRestart(bench, round);
      await upgrade(bench, server, round);
      process.stderr.write(`round ${round + 1} of ${options.rounds} is done\n`);
    }
    const rows = rowsOf(figures);
    const machine = { processor: cpus()[0]?.model, cores: cpus().length, memoryMib: Math.round(totalmem() / MIB) };
    const results = join(import.meta.dir, "results");
    mkdirSync(results, { recursive: true });
    const path = join(results, "bench.json");
    writeFileSync(
      path,
      `${JSON.stringify({ at: new Date().toISOString(), machine, options, figures, rows }, null, 2)}\n`,
    );
    process.stdout.write(`${table(rows)}\n\n${JSON.stringify({ machine, options })}\nwritten to ${path}\n`);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
