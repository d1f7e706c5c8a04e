import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { type Entry, Instance } from "./support/instance.ts";
import { type Ended, nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";

const ODD: readonly (readonly [what: string, name: string])[] = [
  ["spaces", " two  words "],
  ["quotes", `it's "quoted"`],
  ["what a shell would act on", "a&b;c|d$(touch escaped)`e`>f*?"],
  ["a backslash and what TOML escapes", "back\\slash\\n\\u0041#=["],
  ["a newline and a tab", "new\nline\tand tab"],
  ["non-ASCII", "Wolke ☁ 雲 é e\u0301"],
  ["percent signs, as in a URL", "50%20off%n"],
  ["a leading dash", "-rf"],
];

/** An upgrade's name and an instance's id may hold all of that but control characters. */
const asName = (name: string) => name.replace(/[\n\t]/g, " ");

test.each(ODD)("paths and names with %s go the whole road: init, run, add-upgrade, upgrade", async (_what, odd) => {
  using home = temporaryHome(`${odd} home`);
  const daemonHome = home.at(`${odd} node`);
  const dataFolder = home.at(`${odd} data`);
  const backups = home.at(`${odd} backups`);
  const id = asName(`${odd} id`);
  const name = asName(`${odd} 1.1.0`);
  const first = writeSampleDaemon(home.at(`${odd} binaries`, "1.0.0", `${odd}`), { version: "1.0.0" });
  const second = writeSampleDaemon(home.at(`${odd} binaries`, "1.1.0", `${odd}`), { version: "1.1.0" });
  mkdirSync(join(daemonHome, odd), { recursive: true });
  writeFileSync(join(daemonHome, odd, odd), "kept");
  const folders = [
    `--daemon-home=${daemonHome}`,
    `--upgrade-data-directory=${dataFolder}`,
    `--daemon-backup-data-directory=${backups}`,
  ];
  const answer = await succeed(home, ["init", "-o", "json", `--id=${id}`, ...folders, first]);
  expect(JSON.parse(answer)).toMatchObject({
    nymvisor: { id, upgrade_data_directory: dataFolder },
    daemon: { home: daemonHome, backup_data_directory: backups },
  });
  expect(await succeed(home, ["config", "-o", "json"])).toBe(answer);

  const instance = new Instance(home, { id, daemonHome, data: join(dataFolder, "nym-node") });
  await using run = await startNymvisor(home, ["run", odd, "--", odd]);
  expect((await run.waitForEvent("started", { version: "1.0.0" })).args).toEqual([odd, "--", odd]);
  const added = await succeed(home, ["add-upgrade", "-o", "json", `--upgrade-name=${name}`, "--now", second]);
  expect((JSON.parse(added) as Entry).name).toBe(name);
  await run.waitForEvent("started", { version: "1.1.0" });
  await run.waitForLog(/^.*the upgrade .* is done; the daemon was down for/);
  await run.waitForLog(/backed up into/);
  expect(await run.stop()).toMatchObject({ status: 0 });

  expect(instance.current()).toBe(`upgrades/${name}`);
  expect(instance.plan()).toMatchObject({ current: { name, version: "1.1.0" }, queuedUp: [] });
  expect(instance.record()).toMatchObject({ name });
  expect(await succeed(home, ["daemon-build-info"])).toContain("1.1.0");
  const [archive = ""] = readdirSync(join(backups, name));
  const listing = Bun.spawnSync(["tar", "--quoting-style=literal", "-tzf", join(backups, name, archive)]);
  expect(listing.stdout.toString()).toContain(`${odd}/${odd}\n`);
  expect(readdirSync(home.path).filter((path) => path === "escaped")).toEqual([]);
  // Every line of the log is whole: nothing in a path breaks one.
  for (const line of run.stderr.trimEnd().split("\n")) {
    expect(line).toMatch(/^(\d{4}-\d\d-\d\dT\S+Z (INFO |WARN |ERROR|DEBUG) nymvisor: |nym-node 1\.\d\.0 logs here$)/);
  }
});

test("an error that names an odd path is still one block that a terminal can show", async () => {
  using home = temporaryHome("new\nline \u001b[31m home");
  const ended: Ended = await nymvisor(home, ["init", `--daemon-home=${home.at("node")}`, home.at("no binary")]);
  expect(ended).toMatchObject({ status: 1, stdout: "" });
  expect(ended.stderr).toContain("no binary");
  expect(ended.stderr).not.toContain("\u001b");
});

test("a working folder that was removed is named as the reason", async () => {
  using home = temporaryHome();
  mkdirSync(home.at("gone"));
  const through = ["sh", "-c", 'rmdir "$PWD"; exec "$0" "$@"'];
  const ended = await nymvisor(home, ["config"], { cwd: home.at("gone"), through });
  expect(ended).toMatchObject({ status: 1, stdout: "" });
  expect(ended.stderr).toContain("working directory");
});
