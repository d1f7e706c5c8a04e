import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { nextYear, type PreparedNode, prepareNode } from "./support/prepared-node.ts";
import { hasSmallDisks, mountSmallDisk } from "./support/small-disk.ts";
import { contentsOf } from "./support/tree.ts";

/** The archive that an upgrade to 1.1.0 made, and there is but one. */
function archiveOf(backups: string): string {
  const names = readdirSync(join(backups, "1.1.0"));
  expect(names).toHaveLength(1);
  return join(backups, "1.1.0", names[0] ?? "");
}

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o7777).toString(8);
}

/** What plain tar makes of it, but for what describes the archive itself. */
function unpack(archive: string, folder: string): Record<string, string> {
  mkdirSync(folder);
  expect(Bun.spawnSync(["tar", "-xzpf", archive, "-C", folder]).exitCode).toBe(0);
  rmSync(join(folder, ".nymvisor-manifest.json"));
  return contentsOf(folder);
}

async function upgrade(node: PreparedNode, through: readonly string[] = []): Promise<string> {
  node.release("1.1.0");
  await using run = await node.run(["run"], { through });
  await run.waitForEvent("started", { version: "1.1.0" });
  await run.waitForLog(/backed up into|unsafe_skip_backup is set/);
  expect((await run.stop()).status).toBe(0);
  return run.stderr;
}

describe("the backup before an upgrade", () => {
  test("unpacks to the home as it was: contents, modes, links, odd names; without nymvisor's own folder", async () => {
    await using node = await prepareNode();
    const at = (...names: string[]) => join(node.daemonHome, ...names);
    mkdirSync(at("data", "nested", "nymvisor"), { recursive: true });
    mkdirSync(at("empty"), { mode: 0o700 });
    writeFileSync(at("data", "nested", "nymvisor", "kept"), "not the top-level one");
    writeFileSync(at("data", "secret.pem"), "key", { mode: 0o600 });
    writeFileSync(at("data", "empty file"), "");
    writeFileSync(at("data", `it's "odd" & é\n*`), "odd");
    writeFileSync(at("data", "x".repeat(200)), "long");
    writeFileSync(at("data", "store.db"), crypto.getRandomValues(Buffer.alloc(60_000)));
    symlinkSync("data/secret.pem", at("link"));
    symlinkSync("/nowhere", at("dangling"));
    symlinkSync(node.home.at("brought"), at("link to a folder"));
    chmodSync(at("data"), 0o750);
    const { nymvisor: _, ...before } = contentsOf(node.daemonHome);
    const expected = Object.fromEntries(Object.entries(before).filter(([path]) => !path.startsWith("nymvisor/")));
    await upgrade(node);
    expect(unpack(archiveOf(node.backups), node.home.at("unpacked"))).toEqual(expected);
  });

  test("is named after the moment in UTC", async () => {
    await using node = await prepareNode();
    const before = Date.now();
    const log = await upgrade(node);
    const archive = archiveOf(node.backups);
    const stamp = /backup-(\d{4})-(\d\d)-(\d\d)-(\d\d)(\d\d)(\d\d)(\d{3})-preupgrade\.tar\.gz$/.exec(archive);
    const [year, month, day, hour, minute, second, millisecond] = (stamp ?? []).slice(1).map(Number) as number[];
    const at = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second, millisecond);
    expect(at).toBeWithin(before, Date.now() + 1);
    expect(log).toContain(archive);
  });

  test.each(["000", "022", "077"])("is readable by its owner only, whatever the umask: %s", async (umask) => {
    await using node = await prepareNode();
    await upgrade(node, ["/bin/sh", "-c", `umask ${umask}; exec "$0" "$@"`]);
    const archive = archiveOf(node.backups);
    expect(modeOf(archive)).toBe("600");
    expect(modeOf(join(node.backups, "1.1.0"))).toBe("700");
  });

  test("goes into the folder of the configuration, which is never in it, wherever that is", async () => {
    await using node = await prepareNode();
    const backups = join(node.daemonHome, "data", "saved");
    const variables = { DAEMON_BACKUP_DATA_DIRECTORY: backups };
    mkdirSync(join(backups, "old"), { recursive: true });
    writeFileSync(join(backups, "old", "backup"), "of last year");
    writeFileSync(join(node.daemonHome, "data", "kept"), "x");
    node.release("1.1.0");
    await using run = await node.run(["run"], { variables });
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/backed up into/);
    const unpacked = unpack(archiveOf(backups), node.home.at("unpacked"));
    expect(Object.keys(unpacked)).toEqual(["data", "data/kept", "key.pem"]);
    expect(existsSync(join(node.backups, "1.1.0"))).toBe(false);
  });

  test("is made while nothing runs: what the daemon writes last is in it", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run(["run", "--write-every", "1", "--home", node.daemonHome]);
    await run.waitForLog(/1\.1\.0 is staged/);
    await waitFor("the daemon to write", () => existsSync(join(node.daemonHome, "data.log")));
    node.reschedule("1.1.0", new Date());
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/backed up into/);
    await run.stop();
    const unpacked = unpack(archiveOf(node.backups), node.home.at("unpacked"));
    const lines = (text = "") => text.split("\n").filter((line) => line.includes("1.0.0 "));
    const now = contentsOf(node.daemonHome)["data.log"];
    expect(lines(unpacked["data.log"]).length).toBeGreaterThan(0);
    expect(lines(unpacked["data.log"])).toEqual(lines(now));
  });

  test("is left out where the operator wants none, with a warning", async () => {
    await using node = await prepareNode({ settings: { DAEMON_UNSAFE_SKIP_BACKUP: "true" } });
    const log = await upgrade(node);
    expect(log).toMatch(/WARN +nymvisor: no backup before the upgrade 1\.1\.0/);
    expect(existsSync(join(node.backups, "1.1.0"))).toBe(false);
  });

  test("is made for a home that is a link", async () => {
    await using node = await prepareNode();
    const link = node.home.at("link");
    symlinkSync(node.daemonHome, link);
    node.release("1.1.0");
    await using run = await node.run(["run"], { variables: { DAEMON_HOME: link } });
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/backed up into/);
    expect(Object.keys(unpack(archiveOf(node.backups), node.home.at("unpacked")))).toEqual(["key.pem"]);
  });
});

describe("a backup that cannot be made keeps the node running on the old version,", () => {
  test.each([
    ["a file lies where the backups belong", ""],
    ["a file lies where the folder of the upgrade belongs", "1.1.0"],
  ])("says why, in the log and for later, and is made when it can be: %s", async (_, name) => {
    await using node = await prepareNode();
    const obstacle = join(node.backups, name);
    rmSync(obstacle, { recursive: true, force: true });
    writeFileSync(obstacle, "");
    node.release("1.1.0");
    await using run = await node.run();
    const line = await run.waitForLog(/1\.1\.0 failed/);
    expect(line).toContain(obstacle);
    await waitFor("the reason", () => node.status().upgrades["1.1.0"]?.reason?.includes(obstacle));
    expect(node.current()).toBe("genesis");
    expect(node.events.of("signal")).toEqual([]);
    await node.oneRuns();
    rmSync(obstacle);
    // Something in the plan is touched: that is when it is looked at again at once.
    node.editPlan((plan) => plan);
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/backed up into/);
    archiveOf(node.backups);
  });

  test.skipIf(!hasSmallDisks)("because there is no room; the node is never stopped for it", async () => {
    await using node = await prepareNode();
    const small = node.home.at("small");
    mkdirSync(small);
    await using disk = await mountSmallDisk(small, 1 << 20);
    writeFileSync(join(node.daemonHome, "store.db"), crypto.getRandomValues(Buffer.alloc(60_000)));
    node.release("1.1.0");
    const variables = { DAEMON_BACKUP_DATA_DIRECTORY: small };
    await using run = await node.run(["run"], { variables, through: disk.through });
    expect(await run.waitForLog(/1\.1\.0 failed/)).toMatch(/no room for the backup/);
    await waitFor("the reason", () => /no room/.test(node.status().upgrades["1.1.0"]?.reason ?? ""));
    expect(node.events.of("signal")).toEqual([]);
    await node.oneRuns();
    const remount = ["mount", "-o", "remount,size=200m", small];
    expect(Bun.spawnSync([...disk.through, ...remount]).exitCode).toBe(0);
    node.editPlan((plan) => plan);
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/backed up into/);
    expect(statSync(archiveOf(disk.seen(small))).size).toBeGreaterThan(60_000);
    await run.stop();
  });
});
