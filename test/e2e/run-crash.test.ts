import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { waitFor } from "../support/wait.ts";
import { readJson } from "./support/instance.ts";
import { processesOf, type RunningNymvisor } from "./support/nymvisor.ts";
import { nextYear, type PreparedNode, prepareNode } from "./support/prepared-node.ts";

async function kill(run: RunningNymvisor): Promise<void> {
  run.signal("SIGKILL");
  await run.exited;
}

/** Whether a document reads as one; absent is as good. */
function isWhole(path: string): boolean {
  return !existsSync(path) || typeof readJson(path) === "object";
}

/** What must hold whenever nobody is at it: after a kill as well as after an end. */
function expectValid(node: PreparedNode): void {
  expect(["genesis", "upgrades/1.1.0"]).toContain(node.current());
  expect(existsSync(join(node.data, "current/bin/nym-node"))).toBe(true);
  const names = ["upgrade-plan.json", "upgrade-history.json", "upgrades/1.1.0/upgrade-info.json"];
  for (const path of [...names.map((name) => join(node.data, name)), node.recordPath]) {
    expect([path, isWhole(path)]).toEqual([path, true]);
  }
  expect(node.performed().length).toBeLessThan(2);
}

/** A lock that nobody holds may lie there until it is needed again; this one is needed for an upgrade only. */
const LEFTOVERS = /journal|(?<!turn)\.lock$|\.tmp|\.part|daemon\.json/;

/** That the next run does what is left to do, once, with one daemon. */
async function expectRecovery(node: PreparedNode): Promise<void> {
  expectValid(node);
  await using run = await node.run();
  const [, pid] = /\(pid (\d+)\)/.exec(await run.waitForLog(/1\.1\.0 1\.1\.0 started/)) ?? [];
  await waitFor("its daemon to run", () => node.running().includes(Number(pid)));
  expect(node.running()).toEqual([Number(pid)]);
  await waitFor("the documents", () => node.performed().length > 0);
  const isCopied = () =>
    existsSync(join(node.daemonHome, "nymvisor/copies")) &&
    readdirSync(join(node.daemonHome, "nymvisor/copies")).length > 0;
  await waitFor("the archive", () => existsSync(node.backups) && !isCopied(), { within: 20_000 });
  expect((await run.stop()).status).toBe(0);

  expect(node.current()).toBe("upgrades/1.1.0");
  expect(node.performed()).toEqual(["1.1.0"]);
  expect(node.queue()).toEqual([]);
  expect(node.plan().current.name).toBe("1.1.0");
  expect(node.record()).toMatchObject({ name: "1.1.0", binaryDetails: sampleBuildInfo({ version: "1.1.0" }) });
  expect(node.events.of("signal").filter(({ count }) => count > 1)).toEqual([]);
  expect(processesOf(node.home)).toEqual([]);
  const files = [...new Bun.Glob("**").scanSync({ cwd: node.home.path, dot: true, onlyFiles: true })];
  expect(files.filter((path) => LEFTOVERS.test(path))).toEqual([]);
  const archives = files.filter((path) => /backup-.*-preupgrade\.tar\.gz$/.test(path));
  expect(archives.length).toBeGreaterThan(0);
  for (const archive of archives) expect(Bun.spawnSync(["tar", "-tzf", node.home.at(archive)]).exitCode).toBe(0);
}

/** A node with an upgrade that takes a moment in each of its steps. */
async function prepareUpgrade(): Promise<PreparedNode> {
  const node = await prepareNode({ behaviour: { stopDelay: 30 } });
  for (let index = 0; index < 40; index += 1) {
    mkdirSync(join(node.daemonHome, `data-${index}`));
    writeFileSync(join(node.daemonHome, `data-${index}`, "store.db"), `page ${index} `.repeat(5_000));
  }
  node.release("1.1.0", { padding: 300_000, serving: { bytesPerSecond: 5_000_000 } });
  return node;
}

describe("nymvisor is killed (SIGKILL) and run again: one daemon runs, and the upgrade is done once,", () => {
  test.each([
    "genesis 1.0.0 started",
    "is in the plan",
    "staging the upgrade",
    "is staged",
    "upgrading from",
    "stopping the daemon",
    "copying the home",
    "the home is copied",
    "the copy is complete",
    "current is now",
    "1.1.0 1.1.0 started",
    "is done",
    "backed up into",
  ])("when it has just logged '%s'", async (words) => {
    const line = new RegExp(words.replaceAll(".", "\\."));
    await using node = await prepareUpgrade();
    await using run = await node.run();
    await run.waitForLog(line);
    await kill(run);
    await expectRecovery(node);
  });

  test.each(["copying", "stopping", "backing-up", "switching", "recording"])(
    "when its journal says %s",
    async (state) => {
      await using node = await prepareUpgrade();
      const journal = join(node.instanceData, "journal.json");
      await using run = await node.run();
      await waitFor(`the journal to say ${state}, or the upgrade to be over`, () => {
        if (!existsSync(journal)) return node.current() !== "genesis";
        return readFileSync(journal, "utf8").includes(`"state": "${state}"`);
      });
      await kill(run);
      await expectRecovery(node);
    },
  );

  test("again and again, each time a little later", async () => {
    await using node = await prepareUpgrade();
    for (let round = 0; round < 30 && node.performed().length === 0; round += 1) {
      await using run = await node.run();
      await Bun.sleep(10 + round * 12);
      await kill(run);
      expect(node.running().length).toBeLessThan(2);
      expectValid(node);
    }
    await expectRecovery(node);
  });
});

test("a backup that was interrupted by a kill leaves nothing that is taken for one", async () => {
  await using node = await prepareUpgrade();
  mkdirSync(join(node.daemonHome, "big"));
  // Less than what is archived at the lowest priority, which may take long on a machine that tests keep busy.
  for (let index = 0; index < 3; index += 1) {
    writeFileSync(join(node.daemonHome, "big", `${index}`), crypto.getRandomValues(Buffer.alloc(65_536)));
    writeFileSync(join(node.daemonHome, "big", `${index}`), Buffer.alloc(8 << 20, `${Math.random()}`), { flag: "a" });
  }
  await using run = await node.run();
  await run.waitForLog(/1\.1\.0 1\.1\.0 started/);
  const folder = join(node.backups, "1.1.0");
  await waitFor("the archive to be begun", () => existsSync(folder) && readdirSync(folder).length > 0);
  await kill(run);
  const left = existsSync(join(node.backups, "1.1.0")) ? readdirSync(join(node.backups, "1.1.0")) : [];
  const taken = left.filter((name) => /^backup-.*-preupgrade\.tar\.gz$/.test(name));
  for (const name of taken) {
    expect(Bun.spawnSync(["tar", "-tzf", join(node.backups, "1.1.0", name)]).exitCode).toBe(0);
  }
  await expectRecovery(node);
  for (const name of readdirSync(join(node.backups, "1.1.0"))) expect(name).toEndWith("-preupgrade.tar.gz");
});

test("an upgrade that is still to come is not lost when nymvisor is killed long before it is due", async () => {
  await using node = await prepareNode();
  node.release("1.1.0", { due: nextYear() });
  await using killed = await node.run();
  await killed.waitForLog(/1\.1\.0 is staged/);
  await kill(killed);
  await using run = await node.run();
  await run.waitForLog(/1\.1\.0 is staged/);
  expect(node.queue()).toEqual(["1.1.0"]);
  expect(node.downloads()).toHaveLength(1);
});
