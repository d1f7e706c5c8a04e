import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "../build/compile.ts";
import { targetOfThisMachine } from "../build/targets.ts";
import { startReleaseServer } from "../test/support/release-server.ts";
import { buildSampleNode } from "../test/support/sample-daemon.ts";
import { watchNode } from "./watch-node.ts";

/**
 * `bun run demo`: the executable's main job, live. Nothing is faked: the executable downloads over HTTP, stops and starts
 * a real process, and what is told at the end is read from the disk and from the node's own answers.
 */

const OLD = "1.0.0";
const NEW = "1.1.0";
const LINE_BYTES_PER_SECOND = 25 * 1024 * 1024;
/** The whole demo ends by itself long before; this is for a machine on which something hangs. */
const LIMIT_MS = 180_000;

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const bold = (text: string) => (colour ? `\u001b[1m${text}\u001b[0m` : text);
const dim = (text: string) => (colour ? `\u001b[2m${text}\u001b[0m` : text);
const say = (text: string) => process.stdout.write(`${text}\n`);
const step = (text: string) => say(`\n${bold(`▸ ${text}`)}`);

async function demo(folder: string): Promise<void> {
  const nymvisor = join(folder, "nymvisor");
  const [oldNode, newNode] = [join(folder, "nym-node"), join(folder, "release", "nym-node")];
  step("Building nymvisor, and two versions of a sample node (about 100 MiB each, as real ones)");
  mkdirSync(join(folder, "release"));
  await buildExecutable({ target: targetOfThisMachine(), outfile: nymvisor });
  await buildSampleNode({ version: OLD, outfile: oldNode });
  await buildSampleNode({ version: NEW, outfile: newNode });

  const home = join(folder, "home");
  const daemonHome = join(home, ".nym", "nym-nodes", "demo");
  makeNodeHome(daemonHome);
  await using server = closing(await startReleaseServer());
  const port = freePort();
  const environment = {
    PATH: process.env.PATH ?? "",
    TERM: process.env.TERM ?? "dumb",
    HOME: home,
    SAMPLE_HOME: daemonHome,
    NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: `${server.url}/`,
    NYMVISOR_UPSTREAM_POLLING_RATE: "1s",
  };

  step("Taking the node in: nymvisor init");
  const init = Bun.spawnSync([nymvisor, "init", "--daemon-home", daemonHome, oldNode], {
    env: environment,
    stdout: "ignore",
    stderr: "inherit",
  });
  if (init.exitCode !== 0) throw new Error(`nymvisor init ended with ${init.exitCode}`);

  step(`Running it: nymvisor run run --http ${port}`);
  const supervisor = Bun.spawn([nymvisor, "run", "run", "--http", `${port}`, "--write-every", "20"], {
    env: environment,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  const watch = watchNode(port);
  try {
    const died = supervisor.exited.then((code) => {
      throw new Error(`nymvisor ended with ${code} in the middle of the demo`);
    });
    died.catch(() => {});
    await Promise.race([watch.answered(OLD), died]);
    step(`The node serves as ${OLD}. Announcing ${NEW}, on a line of 25 MiB/s`);
    announce(server, newNode);
    const announcedAt = performance.now();
    await Promise.race([watch.answered(NEW), died]);
    const took = performance.now() - announcedAt;
    step(`The node serves as ${NEW}. Stopping nymvisor, as systemd would`);
    supervisor.kill("SIGTERM");
    await supervisor.exited.catch(() => {});
    account(home, daemonHome, took, watch.outage(OLD, NEW));
  } finally {
    supervisor.kill("SIGTERM");
    await supervisor.exited;
    await watch.stop();
  }
}

const FILE_BYTES = 800 * 1024;

/** 32 MB in 40 files: half of it can be compressed, half cannot. */
function makeNodeHome(path: string): void {
  mkdirSync(join(path, "data"), { recursive: true });
  for (let index = 0; index < 40; index += 1) {
    const bytes = index % 2 === 0 ? randomBytes(FILE_BYTES) : Buffer.alloc(FILE_BYTES, `page ${index} of a database `);
    writeFileSync(join(path, "data", `store-${index}.db`), bytes);
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function announce(server: Awaited<ReturnType<typeof startReleaseServer>>, binary: string): void {
  server.serveFile("/binaries/nym-node", binary, { bytesPerSecond: LINE_BYTES_PER_SECOND });
  const checksum = new Bun.CryptoHasher("sha256").update(readFileSync(binary)).digest("hex");
  const platform = { checksum, checksumAlgorithm: "sha256", url: `${server.url}/binaries/nym-node` };
  server.announce("nym-node", {
    manual: false,
    name: "2026.20-demo",
    notes: "",
    publishDate: new Date().toISOString(),
    version: NEW,
    platforms: { any: platform },
    upgradeTime: new Date().toISOString(),
    binaryDetails: null,
  });
}

/** One screen: what happened, how long the node was away, where everything lies. All of it as found. */
function account(home: string, daemonHome: string, took: number, outage: number): void {
  const data = join(home, ".nym", "nymvisors", "data", "nym-node");
  const history = JSON.parse(readFileSync(join(data, "upgrade-history.json"), "utf8")).history as {
    performedAt: string;
    info: { name: string; version: string };
  }[];
  const record = JSON.parse(readFileSync(join(daemonHome, "nymvisor", "current-version-info.json"), "utf8"));
  const [done] = history;
  if (done === undefined || done.info.version !== NEW || record.version !== NEW) {
    throw new Error("the documents do not tell of the upgrade that was seen");
  }
  const backups = join(daemonHome, "nymvisor", "backups", done.info.name);
  const archives = readdirSync(backups).map((name) => join(backups, name));
  say(`\n${bold("What happened")}`);
  say(`  ${done.info.name} (${done.info.version}) was performed at ${done.performedAt}`);
  say(`  from the announcement to the first answer of the new version  ${(took / 1000).toFixed(1)} s`);
  say(`  ${bold(`the node did not answer for                                   ${outage.toFixed(0)} ms`)}`);
  say(dim("  (its own stop and start included; the download took none of it)"));
  say(`\n${bold("Where everything lies")} ${dim(`(below ${home})`)}`);
  const rows: [string, string][] = [
    ["the binaries and the plan", data],
    [`current -> ${readlinkSync(join(data, "current"))}`, join(data, "current")],
    ["the history", join(data, "upgrade-history.json")],
    ["the configuration", join(home, ".nym/nymvisors/instances/nym-node-default/config/config.toml")],
    ["what this home runs", join(daemonHome, "nymvisor", "current-version-info.json")],
    ...archives.map((path): [string, string] => [`the backup, ${(statSync(path).size / 1e6).toFixed(1)} MB`, path]),
  ];
  for (const [what, path] of rows) say(`  ${what.padEnd(36)} ${path.slice(home.length + 1)}`);
}

function closing<T extends { close(): void | Promise<void> }>(resource: T): T & AsyncDisposable {
  return Object.assign(resource, {
    async [Symbol.asyncDispose]() {
      await resource.close();
    },
  });
}

const folder = mkdtempSync(join(tmpdir(), "nymvisor-demo-"));
const limit = setTimeout(() => {
  process.stderr.write("the demo did not end in time\n");
  process.exit(1);
}, LIMIT_MS);
const began = performance.now();
try {
  await demo(folder);
  say(
    dim(
      `\nThat took ${((performance.now() - began) / 1000).toFixed(0)} s. Nothing runs any more, and ${folder} is removed.`,
    ),
  );
} catch (error) {
  process.stderr.write(`the demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  clearTimeout(limit);
  rmSync(folder, { recursive: true, force: true });
}
