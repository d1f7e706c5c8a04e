import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseInstant } from "../../src/model/instant.ts";
import { renderConfigFile } from "../../src/system/config-file.ts";
import { backUp } from "../../src/upgrade/backup.ts";
import { configurationWith } from "../support/configuration.ts";
import { startProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";
import { nymvisor } from "./nymvisor.ts";

let folder: TemporaryHome;
let home: string;
let backups: string;

beforeEach(() => {
  folder = temporaryHome();
  home = folder.at("node");
  backups = join(home, "nymvisor/backups");
  mkdirSync(join(home, "nymvisor"), { recursive: true });
  mkdirSync(join(home, "data"));
  writeFileSync(join(home, "data/keys"), "old");
  const config = folder.at(".nym/nymvisors/instances/n1/config");
  mkdirSync(config, { recursive: true });
  const configuration = configurationWith({ DAEMON_HOME: home, NYMVISOR_ID: "n1", NYMVISOR_BACKUP_KEEP: "1" });
  writeFileSync(join(config, "config.toml"), renderConfigFile(configuration));
});

afterEach(() => folder[Symbol.dispose]());

const type = (...words: string[]) => nymvisor(["backup", ...words], { variables: { HOME: folder.path } });

async function made(stamp: string, upgrade = "v2"): Promise<string> {
  const facts = { daemon: "nym-node", upgrade, from: "1.0.0", taken: "stopped", note: "" } as const;
  return (await backUp({ home, backups, name: upgrade, at: parseInstant(stamp), facts })).path;
}

test("what there is is listed, the newest first, for people and for programs", async () => {
  expect((await type("list")).stdout).toBe(`there is no backup in ${backups}\n`);
  await made("2026-11-20T09:08:32.737Z");
  const path = await made("2026-11-21T09:08:32.737Z", "v3");
  const { status, stdout } = await type("list");
  expect(status).toBe(0);
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(/^NAME +TAKEN +SIZE +WHY +STATE +NOTE$/),
    expect.stringMatching(/^2026-11-21-090832737 +2026-11-21T09:08:32Z +\S+ B +before v3 from 1.0.0 +proven$/),
    expect.stringMatching(/^2026-11-20-090832737 .* before v2 from 1.0.0/),
    "",
  ]);
  const { folder: where, backups: found } = JSON.parse((await type("list", "-o", "json")).stdout);
  expect(where).toBe(backups);
  expect(found[0]).toMatchObject({ name: "2026-11-21-090832737", path, upgrade: "v3", hasManifest: true, home });
});

test("one that is damaged is told, and the status says so", async () => {
  const path = await made("2026-11-21T09:08:32.737Z");
  expect(await type("verify")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("all of it as its manifest"),
  });
  const bytes = readFileSync(path);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const { status, stdout } = await type("verify", "2026-11-21-090832737");
  expect(status).toBe(1);
  expect(stdout).toStartWith("2026-11-21-090832737: DAMAGED: ");
});

test("a backup of the Rust program is listed, verified as far as it goes, and restored", async () => {
  mkdirSync(join(backups, "v2"), { recursive: true });
  const path = join(backups, "v2/backup-2026-11-21-090832737-preupgrade.tar.gz");
  const tar = ["tar", "-czf", path, "--format=gnu", "--exclude=./nymvisor", "-C", home, "."];
  expect(Bun.spawnSync(tar).exitCode).toBe(0);
  expect((await type("list")).stdout).toContain("no manifest");
  expect((await type("verify")).stdout).toContain("readable to its end; it has no manifest");
  writeFileSync(join(home, "data/keys"), "new");
  expect((await type("restore", "2026-11-21-090832737", "--yes")).status).toBe(0);
  expect(readFileSync(join(home, "data/keys"), "utf8")).toBe("old");
});

test("a restore without a terminal needs a yes, and says what it did", async () => {
  await made("2026-11-21T09:08:32.737Z");
  writeFileSync(join(home, "data/keys"), "new");
  const unasked = await type("restore", "2026-11-21-090832737");
  expect(unasked).toMatchObject({ status: 2, stderr: expect.stringContaining("--yes") });
  expect(readFileSync(join(home, "data/keys"), "utf8")).toBe("new");
  const { status, stdout } = await type("restore", "2026-11-21-090832737", "--yes", "-o", "json");
  expect(status).toBe(0);
  const { replaced, entries, proof } = JSON.parse(stdout);
  expect({ entries, proof }).toEqual({ entries: 2, proof: "whole" });
  expect(readFileSync(join(home, "data/keys"), "utf8")).toBe("old");
  expect(readFileSync(join(replaced, "data/keys"), "utf8")).toBe("new");
});

test("a restore elsewhere leaves the home alone, and never mixes with what is there", async () => {
  await made("2026-11-21T09:08:32.737Z");
  const to = folder.at("look");
  expect((await type("restore", "2026-11-21-090832737", "--to", to)).status).toBe(0);
  expect(readFileSync(join(to, "data/keys"), "utf8")).toBe("old");
  const again = await type("restore", "2026-11-21-090832737", "--to", to);
  expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining("is not empty") });
});

test("nothing is restored while nymvisor runs, and its pid is told", async () => {
  await made("2026-11-21T09:08:32.737Z");
  const holder = startProgram(
    `import { tryLock } from "#/system/lock.ts";
     tryLock(process.argv[1], "run");
     console.log("held");
     await Bun.sleep(60_000);`,
    { args: [join(home, "nymvisor/run.lock")] },
  );
  await holder.stdout.getReader().read();
  const { status, stderr } = await type("restore", "2026-11-21-090832737", "--yes");
  holder.kill();
  await holder.exited;
  expect(status).toBe(1);
  expect(stderr).toContain(`kill ${holder.pid}`);
});

test("a backup is made by hand, of a node that does not run, and can be verified", async () => {
  const { status, stdout } = await type("create", "--note", "before the move", "-o", "json");
  expect(status).toBe(0);
  const { path, taken } = JSON.parse(stdout);
  expect(taken).toBe("stopped");
  expect(path).toStartWith(join(backups, "manual/backup-"));
  expect((await type("list")).stdout).toContain("before the move");
  expect((await type("verify", path)).status).toBe(0);
});

test("the oldest are removed as the settings say, and shown before with --dry-run", async () => {
  const oldest = await made("2026-11-19T09:08:32.737Z");
  const newest = await made("2026-11-21T09:08:32.737Z");
  expect((await type("prune", "--dry-run")).stdout).toStartWith("would remove 2026-11-19-090832737");
  expect(existsSync(oldest)).toBe(true);
  expect((await type("prune")).stdout).toStartWith("removed 2026-11-19-090832737");
  expect([oldest, newest].map(existsSync)).toEqual([false, true]);
  expect((await type("prune")).stdout).toBe("there is no backup that the settings let go\n");
});

test("what ways back have put aside is removed by hand too, all of it", async () => {
  const kept = join(dirname(backups), "rolled-back", "1.1.0-2026-11-21-120000000");
  mkdirSync(join(kept, "home"), { recursive: true });
  expect((await type("prune", "--dry-run")).stdout).toContain(`would remove what was put aside in ${kept}`);
  expect(existsSync(kept)).toBe(true);
  expect(JSON.parse((await type("prune", "-o", "json")).stdout)).toMatchObject({ backups: [], rolledBack: [kept] });
  expect(existsSync(dirname(kept))).toBe(false);
});

test.each([
  [["restor"], "did you mean restore?"],
  [[], "needs one of create, list, verify, restore, prune"],
  [["--all"], "needs one of"],
  [["restore"], "nymvisor backup restore needs <NAME>"],
  [["list", "--nonsense"], "has no flag --nonsense"],
])("nymvisor backup %p is a usage error", async (words, said) => {
  expect(await type(...words)).toMatchObject({ status: 2, stderr: expect.stringContaining(said) });
});

test.each([[["backup", "--help"]], [["help", "backup"]]])("%p lists the commands of the group", async (words) => {
  const { status, stdout } = await nymvisor(words);
  expect(status).toBe(0);
  for (const name of ["create", "list", "verify", "restore", "prune"]) expect(stdout).toContain(`  backup ${name}`);
});

test("each of them has a help of its own", async () => {
  const { stdout } = await nymvisor(["help", "backup", "restore"]);
  expect(stdout).toContain("nymvisor backup restore [OPTIONS] <NAME>");
  expect((await nymvisor(["backup", "restore", "--help"])).stdout).toBe(stdout);
});

test("a node that runs is backed up while it goes on, or is held for a moment", async () => {
  const node = Bun.spawn(["sh", "-c", 'while :; do echo x >> "$0"; sleep 0.01; done', join(home, "data/log")], {
    env: { PATH: process.env.PATH ?? "", NYMVISOR_DAEMON_HOME: home },
  });
  const data = folder.at(".nym/nymvisors/instances/n1/data");
  mkdirSync(data, { recursive: true });
  const supervisor = startProgram(
    `import { tryLock } from "#/system/lock.ts";
     tryLock(process.argv[1], "run");
     console.log("held");
     await Bun.sleep(60_000);`,
    { args: [join(data, "run.lock")] },
  );
  await supervisor.stdout.getReader().read();
  // What a command that was killed has left.
  mkdirSync(join(home, "nymvisor/copies/manual-2026-11-20-090832737/home"), { recursive: true });
  mkdirSync(join(home, "data/replay-detection"));
  writeFileSync(join(home, "data/replay-detection/rot-1.bloom"), "bloom");
  try {
    const live = JSON.parse((await type("create", "-o", "json")).stdout);
    expect(Bun.spawnSync(["tar", "-tzf", live.path]).stdout.toString()).toContain("data/replay-detection/rot-1.bloom");
    expect(live).toMatchObject({ taken: "live", pausedFor: null });
    const paused = JSON.parse((await type("create", "--stop", "-o", "json")).stdout);
    expect(paused).toMatchObject({ taken: "paused", pausedFor: expect.any(Number) });
    expect((await type("verify", "--all")).status).toBe(0);
    expect(readdirSync(join(home, "nymvisor/copies"))).toEqual([]);
    const size = statSync(join(home, "data/log")).size;
    await waitFor("the node to go on", () => statSync(join(home, "data/log")).size > size);
  } finally {
    for (const process of [node, supervisor]) process.kill("SIGKILL");
    await Promise.all([node.exited, supervisor.exited]);
  }
});
