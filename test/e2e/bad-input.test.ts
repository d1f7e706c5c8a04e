import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HOSTILE_KINDS, type HostileKind, sampleBuildInfo, writeHostileDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor, processesOf, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

/** What the error says beside the binary's path. Those that hang have a test of their own. */
const SAID: Partial<Record<HostileKind, string | RegExp>> = {
  missing: "no binary",
  "a folder": "folder",
  "not executable": "chmod a+x",
  empty: "empty",
  "foreign ELF": process.arch === "arm64" ? "x86_64" : "aarch64",
  "prints garbage": "not JSON",
  "prints half an object": "not JSON",
  "prints an array": "build information",
  "prints too few fields": "build_version",
  "prints bytes that are no text": "not JSON",
  "prints 100 MB": "1048576 bytes",
  fails: "cannot do that",
  "dies of a signal": "SIGSEGV",
};
const KINDS = HOSTILE_KINDS.flatMap((kind) => {
  const said = SAID[kind];
  return said === undefined ? [] : [[kind, said] as const];
});

describe("a binary that is no binary (or worse) is refused, and nothing is changed:", () => {
  test.each(KINDS)("%s, by init", async (kind, said) => {
    using home = temporaryHome();
    const binary = writeHostileDaemon(home.at("given", "nym-node"), kind);
    const before = stateOf(home);
    expectFailure(await nymvisor(home, ["init", "--daemon-home", "node", binary]), 1, binary, said);
    expect(stateOf(home)).toEqual(before);
    expect(processesOf(home)).toEqual([]);
  });

  test.each(KINDS)("%s, by add-upgrade", async (kind, said) => {
    using home = temporaryHome();
    await takeIn(home);
    const binary = writeHostileDaemon(home.at("given", "nym-node"), kind);
    const before = stateOf(home);
    expectFailure(await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", "--now", binary]), 1, binary, said);
    expect(stateOf(home)).toEqual(before);
  });

  test("one that calls itself something that cannot be a folder", async () => {
    using home = temporaryHome();
    for (const name of ["../../escaped", "", ".hidden", "a/b"]) {
      const answer = JSON.stringify(sampleBuildInfo({ name, version: "1.0.0" }));
      writeFileSync(home.at("nym-node"), `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
      const before = stateOf(home);
      expectFailure(
        await nymvisor(home, ["init", "--daemon-home", "node", home.at("nym-node")]),
        1,
        home.at("nym-node"),
      );
      expect(stateOf(home)).toEqual(before);
    }
  });

  test("one that leaves a child behind is answered for, and the child ended", async () => {
    using home = temporaryHome();
    const answer = JSON.stringify(sampleBuildInfo({ version: "1.0.0" }));
    const script = `#!/bin/sh\n(trap '' HUP INT TERM; exec sleep 600) &\necho '${answer}'\n`;
    writeFileSync(home.at("nym-node"), script, { mode: 0o755 });
    await succeed(home, ["init", "--daemon-home", home.at("node"), home.at("nym-node")]);
    expect(processesOf(home)).toEqual([]);
  });

  test("the genesis binary of an instance that is run", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binary = instance.binaryOf("genesis");
    writeHostileDaemon(binary, "prints garbage");
    expectFailure(await nymvisor(home, ["run"]), 1, binary, "not JSON");
    chmodSync(binary, 0o644);
    expectFailure(await nymvisor(home, ["run"]), 1, binary, "chmod a+x");
    rmSync(binary);
    expectFailure(await nymvisor(home, ["run"]), 1, binary);
  });
});

describe("a name that would be a path", () => {
  const HOSTILE: readonly (readonly [what: string, name: string])[] = [
    ["two dots", ".."],
    ["one dot", "."],
    ["nothing", ""],
    ["a slash", "a/b"],
    ["a way out", "../../../escaped"],
    ["an absolute path", "/etc"],
    ["a newline", "a\nb"],
    ["an escape code", "a\u001b[31mb"],
    ["a control character of C1", "a\u009bb"],
    ["a leading dot", ".hidden"],
    ["200 bytes", "x".repeat(200)],
    ["129 bytes in fewer characters", "ü".repeat(65)],
  ];

  test.each<readonly [string, string]>([...HOSTILE, ["the first build's", "genesis"], ["the link's", "current"]])(
    "is refused for an upgrade as a usage error: %s",
    async (_what, name) => {
      using home = temporaryHome();
      await takeIn(home);
      const binary = nextBinary(home, "1.1.0");
      const before = stateOf(home);
      for (const flags of [[], ["--force"], ["--add-binary"]]) {
        expectFailure(
          await nymvisor(home, ["add-upgrade", ...flags, `--upgrade-name=${name}`, binary]),
          2,
          "--upgrade-name",
        );
      }
      expect(stateOf(home)).toEqual(before);
    },
  );

  test.each(HOSTILE.filter(([, name]) => name !== ""))("is refused as an instance's id: %s", async (_what, id) => {
    using home = temporaryHome();
    const binary = nextBinary(home, "1.0.0");
    const before = stateOf(home);
    const words = ["init", "--daemon-home", "node", binary];
    expectFailure(await nymvisor(home, [...words, `--id=${id}`]), 2, "id");
    const variables = { NYMVISOR_ID: id };
    for (const ended of [await nymvisor(home, words, { variables }), await nymvisor(home, ["config"], { variables })]) {
      expect(ended.status).not.toBe(0);
      expect(ended).toMatchObject({ stdout: "", signal: null });
    }
    expect(stateOf(home)).toEqual(before);
  });

  test.each(["νεφέλη 2", "ü".repeat(64), 'it\'s a "name" & more', "-dash", "2026.20-gruyère", "…"])(
    "is fine when it only looks odd: %s",
    async (name) => {
      using home = temporaryHome();
      const instance = await takeIn(home);
      await succeed(home, ["add-upgrade", `--upgrade-name=${name}`, nextBinary(home, "1.1.0")]);
      expect(instance.queue()).toEqual([name]);
      expect(instance.infoOf(name).name).toBe(name);
    },
  );

  test("is never followed when it stands in a plan that a person edited", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const plan = instance.plan();
    const names = HOSTILE.map(([, name]) => name);
    const entries = names.map((name) => ({
      ...plan.current,
      name,
      version: "1.1.0",
      upgradeTime: "2026-01-01T00:00:00Z",
    }));
    instance.writePlan({ ...plan, queuedUp: entries });
    await succeed(home, ["add-upgrade", "--upgrade-name", "good", "--upgrade-delay", "1h", nextBinary(home, "1.1.0")]);
    expect(instance.queue()).toEqual([...names, "good"]);
    expect(Object.keys(stateOf(home)).filter((path) => /escaped|hidden/.test(path))).toEqual([]);
  });
});

describe("folders that lie in each other", () => {
  test("a home in its own backup folder is refused", async () => {
    using home = temporaryHome();
    const binary = nextBinary(home, "1.0.0");
    const before = stateOf(home);
    const words = [
      "init",
      "--daemon-home",
      home.at("backups/node"),
      "--daemon-backup-data-directory",
      home.at("backups"),
    ];
    expectFailure(await nymvisor(home, [...words, binary]), 2, home.at("backups/node"), home.at("backups"));
    expect(stateOf(home)).toEqual(before);
  });

  test("a backup folder in the home is refused, except in what is nymvisor's there", async () => {
    using home = temporaryHome();
    const binary = nextBinary(home, "1.0.0");
    const before = stateOf(home);
    const words = ["init", "--daemon-home", home.at("node"), "--daemon-backup-data-directory"];
    expectFailure(await nymvisor(home, [...words, home.at("node/backups"), binary]), 2, home.at("node/backups"));
    expect(stateOf(home)).toEqual(before);
    await succeed(home, [...words, home.at("node/nymvisor/mine"), binary]);
  });

  test("a home that is its backup folder is refused, also by variables, and by run of an instance that was edited so", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const variables = { DAEMON_BACKUP_DATA_DIRECTORY: instance.daemonHome };
    for (const words of [["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")], ["run"]]) {
      expectFailure(await nymvisor(home, words, { variables }), 1, instance.daemonHome, "DAEMON_BACKUP_DATA_DIRECTORY");
    }
  });
});

describe("a daemon home that is not there", () => {
  test("is a usage error of run", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    rmSync(instance.daemonHome, { recursive: true });
    expectFailure(await nymvisor(home, ["run"]), 2, instance.daemonHome);
    mkdirSync(join(instance.daemonHome, ".."), { recursive: true });
    writeFileSync(instance.daemonHome, "a file");
    expectFailure(await nymvisor(home, ["run"]), 2, instance.daemonHome);
  });
});
