import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { type Instance, nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";
import { stateOf } from "./support/tree.ts";

/** What a JSON document may hold that no nymvisor wrote. The whole one is what nymvisor did write. */
const DAMAGES: readonly (readonly [what: string, damage: (whole: string) => string | Uint8Array])[] = [
  ["empty", () => ""],
  ["half-written", (whole) => whole.slice(0, whole.length / 2)],
  ["foreign", () => '{"jobs": [{"name": "backup", "at": "daily"}]}'],
  ["a list", (whole) => `[${whole}]`],
  ["zeros, as after a power cut", (whole) => new Uint8Array(whole.length)],
];

const WHAT = DAMAGES.map(([what]): [string] => [what]);

/** Each byte as a character. */
function bytesOf(path: string): string {
  return readFileSync(path, "latin1");
}

/** Damages a file. @returns the bytes that are there now. */
function damage(path: string, what: string): string {
  const spoil = DAMAGES.find(([name]) => name === what)?.[1] ?? String;
  writeFileSync(path, spoil(readFileSync(path, "utf8")));
  return bytesOf(path);
}

/** The file beside it under which a document was kept that could not be used. */
function keptAside(path: string): string {
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.`));
  expect(names).toHaveLength(1);
  return join(dirname(path), names[0] ?? "");
}

async function addUpgrade(home: ReturnType<typeof temporaryHome>, instance: Instance, ...flags: string[]) {
  const binary = nextBinary(home, "1.1.0");
  const before = stateOf(home);
  const ended = await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", ...flags, binary]);
  return { ended, before, instance };
}

describe("a configuration that is", () => {
  const CONFIGS: readonly (readonly [what: string, content: string | Uint8Array])[] = [
    ["empty", ""],
    ["half-written", "[nymvisor]\nid = 'nym-node-default'\n[daemon]\nname = 'nym-no"],
    ["another program's", "[server]\nport = 8080\n"],
    ["JSON", '{"nymvisor": {"id": "x"}}'],
    ["no text", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 0xfe)],
    ["lacking the home", "[nymvisor]\nid = 'nym-node-default'\n[daemon]\nname = 'nym-node'\n"],
  ];

  test.each(CONFIGS)("%s is named by every command, and stays as it is", async (_what, content) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binary = nextBinary(home, "1.1.0");
    writeFileSync(instance.config, content);
    const before = stateOf(home);
    const commands = [
      ["config"],
      ["run"],
      ["daemon-build-info"],
      ["add-upgrade", "--upgrade-name", "x", "--now", binary],
    ];
    for (const words of commands) expectFailure(await nymvisor(home, words), 1, instance.config);
    expect(stateOf(home)).toEqual(before);
  });

  test.each(CONFIGS.slice(0, -1))("%s is not overwritten by init", async (_what, content) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    writeFileSync(instance.config, content);
    const before = stateOf(home);
    const words = ["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")];
    expectFailure(await nymvisor(home, words), 1, instance.config);
    expect(stateOf(home)).toEqual(before);
  });

  test("a folder is named", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    rmSync(instance.config);
    mkdirSync(instance.config);
    for (const words of [["config"], ["init", "--daemon-home", "node", instance.binaryOf("genesis")]]) {
      expectFailure(await nymvisor(home, words), 1, instance.config);
    }
  });
});

describe("a plan that is", () => {
  test.each(WHAT)("%s is named by add-upgrade and init, and stays as it is", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    damage(instance.planPath, what);
    const { ended, before } = await addUpgrade(home, instance, "--force");
    expectFailure(ended, 1, instance.planPath, "mv ");
    const words = ["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")];
    expectFailure(await nymvisor(home, words), 1, instance.planPath);
    expect(stateOf(home)).toEqual(before);
  });

  test.each(WHAT)("%s is kept aside by run, which makes a new one and starts the daemon", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const bytes = damage(instance.planPath, what);
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.0.0" });
    const kept = keptAside(instance.planPath);
    expect(bytesOf(kept)).toBe(bytes);
    expect(run.stderr).toContain(`${instance.planPath} cannot be used and is kept as ${kept}`);
    expect(instance.plan()).toMatchObject({ current: { name: "genesis", version: "1.0.0" }, queuedUp: [] });
    expect(await run.stop()).toMatchObject({ status: 0 });
  });

  test("damaged while the daemon runs is an error in the log; the daemon, the schedule and the file stay", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started");
    const whole = readFileSync(instance.planPath);
    const bytes = damage(instance.planPath, "half-written");
    await run.waitForLog(/upgrade-plan\.json cannot be used/);
    expect(bytesOf(instance.planPath)).toBe(bytes);
    writeFileSync(instance.planPath, whole);
    await run.waitForLog(/upgrade-plan\.json can be used again/);
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--now", nextBinary(home, "1.1.0")]);
    await run.waitForEvent("started", { version: "1.1.0" });
  });
});

describe("an upgrade's information that is", () => {
  test.each(WHAT)("%s is named by add-upgrade, with --force too, and stays as it is", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", nextBinary(home, "1.1.0")]);
    rmSync(instance.binaryOf("x"));
    damage(instance.infoPathOf("x"), what);
    for (const flags of [[], ["--force"], ["--add-binary"], ["--add-binary", "--force"]]) {
      const { ended, before } = await addUpgrade(home, instance, ...flags);
      expectFailure(ended, 1, instance.infoPathOf("x"));
      expect(stateOf(home)).toEqual(before);
    }
  });

  test.each(WHAT)("%s is named by init, and stays as it is", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    damage(instance.infoPathOf("genesis"), what);
    const before = stateOf(home);
    const words = ["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")];
    expectFailure(await nymvisor(home, words), 1, instance.infoPathOf("genesis"));
    expect(stateOf(home)).toEqual(before);
  });

  test.each(WHAT)("%s is kept aside by run, which puts it together again", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const whole = instance.infoOf("genesis");
    const path = instance.infoPathOf("genesis");
    const bytes = damage(path, what);
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.0.0" });
    const kept = keptAside(path);
    expect(bytesOf(kept)).toBe(bytes);
    expect(run.stderr).toContain(kept);
    expect(instance.infoOf("genesis")).toEqual(whole);
  });
});

describe("the information of a release that is announced, where something else stands in its place and is", () => {
  test.each(WHAT)("%s, is kept aside by the poller", async (what) => {
    await using node = await prepareNode();
    const path = node.infoPathOf("1.1.0");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, readFileSync(node.infoPathOf("genesis")));
    const bytes = damage(path, what);
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/the upgrade 1\.1\.0 is in the plan/);
    const kept = keptAside(path);
    expect(bytesOf(kept)).toBe(bytes);
    expect(run.stderr).toContain(kept);
    expect(node.infoOf("1.1.0").version).toBe("1.1.0");
  });
});

describe("a history that is", () => {
  test.each(WHAT)("%s is kept aside by run, and is no reason not to start", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    writeFileSync(instance.historyPath, '{"history": []}');
    const bytes = damage(instance.historyPath, what);
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.0.0" });
    const kept = keptAside(instance.historyPath);
    expect(bytesOf(kept)).toBe(bytes);
    expect(run.stderr).toContain(kept);
  });

  test.each(WHAT)(
    "%s by the time that an upgrade is noted is kept aside, and is no reason not to upgrade",
    async (what) => {
      using home = temporaryHome();
      const instance = await takeIn(home);
      await using run = await startNymvisor(home, ["run"]);
      await run.waitForEvent("started", { version: "1.0.0" });
      writeFileSync(instance.historyPath, '{"history": []}');
      const bytes = damage(instance.historyPath, what);
      await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--now", nextBinary(home, "1.1.0")]);
      await run.waitForEvent("started", { version: "1.1.0" });
      await run.waitForLog(/the upgrade x .*is done/);
      const kept = keptAside(instance.historyPath);
      expect(bytesOf(kept)).toBe(bytes);
      expect(run.stderr).toContain(kept);
      expect(instance.performed()).toEqual(["x"]);
    },
  );
});

describe("plan, history and record, all damaged while nymvisor was away,", () => {
  test("cost nothing: what was queued is queued, what was done is known, and the node runs what it ran", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    {
      await using run = await startNymvisor(home, ["run"]);
      await run.waitForEvent("started", { version: "1.0.0" });
      await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--now", nextBinary(home, "1.1.0")]);
      await run.waitForLog(/the upgrade x .*is done/);
      const later = ["add-upgrade", "--upgrade-name", "y", "--upgrade-time", "2199-01-01T00:00:00Z"];
      await succeed(home, [...later, nextBinary(home, "1.2.0")]);
      await run.waitForLog(/the next upgrade is y/);
      await run.stop();
    }
    const whole = { plan: instance.plan(), performed: instance.performed(), record: instance.record() };
    for (const path of [instance.planPath, instance.historyPath, instance.recordPath]) damage(path, "half-written");
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    await run.waitForLog(/the next upgrade is y/);
    expect({ plan: instance.plan(), performed: instance.performed(), record: instance.record() }).toEqual(whole);
  });
});

describe("a record of what this home ran that is", () => {
  test.each(WHAT)(
    "%s is kept aside by run; the home is saved before it is brought onto what current is",
    async (what) => {
      using home = temporaryHome();
      const instance = await takeIn(home);
      const bytes = damage(instance.recordPath, what);
      await using run = await startNymvisor(home, ["run"]);
      await run.waitForEvent("started", { version: "1.0.0" });
      const kept = keptAside(instance.recordPath);
      expect(bytesOf(kept)).toBe(bytes);
      expect(run.stderr).toContain(kept);
      await run.waitForLog(/started \(pid/);
      expect(instance.record()).toMatchObject({ name: "genesis", version: "1.0.0" });
      expect(existsSync(join(instance.backups, "genesis"))).toBe(true);
    },
  );

  test.each(WHAT)("%s is not overwritten by init", async (what) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const bytes = damage(instance.recordPath, what);
    await nymvisor(home, ["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")]);
    expect(bytesOf(instance.recordPath)).toBe(bytes);
  });
});
