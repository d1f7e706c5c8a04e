import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { writeTinyDaemon } from "../faults/support/tiny-daemon.ts";
import { World } from "../faults/support/world.ts";
import { startProgram } from "../support/program.ts";
import { startReleaseServer } from "../support/release-server.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

const UPGRADES = 100;
/** After so many a nymvisor is killed, every second one in the midst of a full disk. */
const UPGRADES_OF_ONE = 13;

/** Follows the link and runs what it leads to, over and over, until the last argument is a file. */
const RUNS_CURRENT = `
  ran=0
  while [ ! -e "$2" ]; do
    readlink "$1/current" >/dev/null || echo "no link after $ran"
    "$1/current/bin/nym-node" build-info >/dev/null || echo "nothing to run after $ran"
    ran=$((ran + 1))
  done
  echo "ran $ran"`;

/** Reads the documents, over and over. What was there once has to be there, and whole. */
const READS_DOCUMENTS = `
  import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
  const [stop, data, ...documents] = process.argv.slice(1);
  const seen = new Set();
  const wrong = new Set();
  let rounds = 0;
  for (; !existsSync(stop); rounds += 1) {
    try {
      readlinkSync(data + "/current");
      if ((statSync(data + "/current/bin/nym-node").mode & 0o111) === 0) wrong.add("not executable");
    } catch (error) { wrong.add("current: " + error.message); }
    for (const path of documents) {
      try {
        JSON.parse(readFileSync(path, "utf8"));
        seen.add(path);
      } catch (error) { if (seen.has(path) || error.code !== "ENOENT") wrong.add(path + ": " + error.message); }
    }
  }
  console.log(JSON.stringify({ rounds, seen: seen.size, wrong: [...wrong] }));`;

function queue(world: World, count: number): string[] {
  const instance = world.instance();
  const entries = Array.from({ length: count }, (_, index) => {
    const version = `1.1.${index}`;
    const entry = { manual: false, name: version, notes: "", publishDate: null, version, platforms: {} };
    return { ...entry, upgradeTime: "2026-01-01T00:00:00Z", binaryDetails: null };
  });
  for (const entry of entries) {
    writeTinyDaemon(instance.binaryOf(entry.name), entry.version);
    writeFileSync(instance.infoPathOf(entry.name), JSON.stringify(entry));
  }
  instance.writePlan({ ...instance.plan(), queuedUp: entries });
  return entries.map(({ name }) => name);
}

test("through a hundred upgrades, kills and full disks every reader finds current and the documents whole", async () => {
  using home = temporaryHome();
  const server = await startReleaseServer();
  try {
    using world = new World(server, home.path);
    await world.takeIn("n1");
    const instance = world.instance();
    const names = queue(world, UPGRADES);
    const [stop, trouble] = [world.at("stop"), world.at("trouble")];
    const runner = Bun.spawn(["nice", "sh", "-c", RUNS_CURRENT, "sh", instance.data, stop], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const { planPath, historyPath, recordPath } = instance;
    const args = [stop, instance.data, planPath, historyPath, recordPath];
    await using reader = startProgram(READS_DOCUMENTS, { args, through: ["nice"] });

    let isTroubled = false;
    for (let done = 0; done < UPGRADES; done = instance.performed().length) {
      const fault = { action: "ENOSPC", effect: "^(open|write|mkdir|symlink|link|rename) ", while: trouble } as const;
      const run = await world.start(["run", "run"], { fault });
      const goal = Math.min(done + UPGRADES_OF_ONE, UPGRADES);
      await waitFor(`${goal} upgrades`, () => run.hasEnded || instance.performed().length >= goal, { within: 60_000 });
      if (run.hasEnded) throw new Error(run.stderr);
      if (isTroubled) {
        writeFileSync(trouble, "");
        await waitFor(
          "a full disk to be met",
          () => run.hasEnded || world.faults() > 0 || instance.performed().length === UPGRADES,
        );
      }
      run.kill("SIGKILL");
      await run.exited;
      rmSync(trouble, { force: true });
      rmSync(world.at("record"), { force: true });
      isTroubled = !isTroubled;
    }

    await world.succeed(["daemon-build-info"]);
    writeFileSync(stop, "");
    const [ran, read] = await Promise.all([runner.stdout.text(), reader.stdout.text()]);
    expect(ran).toMatch(/^ran \d\d\d+\n$/);
    expect(JSON.parse(read)).toEqual({ rounds: expect.any(Number), seen: 3, wrong: [] });
    expect(JSON.parse(read).rounds).toBeGreaterThan(UPGRADES);
    expect(instance.performed()).toEqual(names);
    const last = await world.start(["run", "run"]);
    await world.waitUntilRuns(names.at(-1) ?? "", last);
    expect(await last.stop()).toMatchObject({ status: 0 });
    expect(await Array.fromAsync(world.leftovers(names.at(-1) ?? ""))).toEqual([]);
  } finally {
    server.close();
  }
}, 600_000);
