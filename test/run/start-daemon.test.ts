import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { buildLayout } from "../../src/model/paths.ts";
import { startBuild } from "../../src/run/start-daemon.ts";
import { replaceLinkDurably } from "../../src/system/durable.ts";
import { readCurrent } from "../../src/upgrade/current.ts";
import { STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { startProgram } from "../support/program.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

let home: TemporaryHome;

beforeEach(() => {
  home = temporaryHome();
});
afterEach(() => home[Symbol.dispose]());

test("the build that was looked at is started, though another node moves current on in between", async () => {
  const { layout, emit } = emptyInstance(home);
  setUpStaged(layout);
  const genesis = buildLayout(layout, "genesis");
  rmSync(genesis.staged);
  const program = `#!/bin/sh
case "$*" in *build-info*)
  ln -sfn upgrades/1.1.0 ${layout.current}
  echo '${JSON.stringify(sampleBuildInfo({ version: "1.0.0" }))}'
  exit ;;
esac
echo "$0" > ${home.at("started")}
`;
  for (const { binary } of [genesis, buildLayout(layout, "1.1.0")]) {
    writeFileSync(binary, program);
    chmodSync(binary, 0o755);
  }
  const signal = new AbortController().signal;
  const context = { layout, environment: home.env, clock: STANDING_CLOCK, emit, signal };
  const { daemon, name } = await startBuild(context, ["run"]);
  await daemon.ended;
  expect(readCurrent(layout)).toBe("1.1.0");
  expect(name).toBe("genesis");
  expect(readFileSync(home.at("started"), "utf8")).toBe(`${genesis.binary}\n`);
});

describe("a home that is behind, and whose own binary is gone", () => {
  let instance: EmptyInstance;
  let passed: bigint;

  beforeEach(() => {
    instance = emptyInstance(home);
    passed = 0n;
    const { layout } = instance;
    setUpStaged(layout);
    const { binary } = buildLayout(layout, "1.1.0");
    const info = JSON.stringify(sampleBuildInfo({ version: "1.1.0" }));
    writeFileSync(
      binary,
      `#!/bin/sh\ncase "$*" in *build-info*) echo '${info}'; exit;; esac\n>${home.at("started")}\n`,
    );
    chmodSync(binary, 0o755);
    rmSync(buildLayout(layout, "genesis").binary);
    replaceLinkDurably(layout.current, "upgrades/1.1.0");
  });

  const clock = {
    ...STANDING_CLOCK,
    monotonic: () => passed,
    after(milliseconds: number, callback: () => void) {
      const timer = setTimeout(callback, Math.min(milliseconds, 5));
      return () => clearTimeout(timer);
    },
  };

  const start = (signal = new AbortController().signal) => {
    const { layout, emit } = instance;
    return startBuild({ layout, environment: home.env, clock, emit, signal }, ["run"]);
  };

  const warnings = () => instance.events.flatMap((event) => (event.type === "warning" ? [event.about] : []));

  /** Another node of the box is being upgraded. */
  async function neighbour(): Promise<Bun.Subprocess> {
    const { turnLock } = instance.layout;
    mkdirSync(dirname(turnLock), { recursive: true });
    const child = startProgram(
      `import { tryLock } from "#/system/lock.ts";
       tryLock(process.argv[1], "upgrading the node in /other");
       console.log("held");
       await Bun.sleep(60_000);`,
      { args: [turnLock] },
    );
    await child.stdout.getReader().read();
    return child;
  }

  test("is not started as long as another node has the turn, and is saved first when that is over", async () => {
    const other = await neighbour();
    const starting = start();
    starting.catch(() => undefined);
    await waitFor("the word about it", () => warnings().length > 0);
    expect(JSON.stringify(instance.events)).toContain(`the node of pid ${other.pid}`);
    other.kill("SIGKILL");
    expect(starting).rejects.toThrow("the home is not saved for 1.1.0 yet");
    await starting.catch(() => undefined);
    expect(warnings()).toEqual(["the node is not started"]);
    expect(existsSync(home.at("started"))).toBe(false);
  });

  test("is started all the same when the other one takes too long, and that is said", async () => {
    const other = await neighbour();
    const starting = start();
    await waitFor("the word about it", () => warnings().length > 0);
    passed = 601_000_000_000n;
    await (await starting).daemon.ended;
    other.kill("SIGKILL");
    expect(warnings()).toEqual(["the node is not started", "1.1.0 is started on data without a backup"]);
    expect(existsSync(home.at("started"))).toBe(true);
  });

  test("is started at once where there is nobody to wait for", async () => {
    await (await start()).daemon.ended;
    expect(warnings()).toEqual(["1.1.0 is started on data without a backup"]);
  });

  test("is not waited for any more when nymvisor is asked to stop", async () => {
    const other = await neighbour();
    const controller = new AbortController();
    const starting = start(controller.signal);
    starting.catch(() => undefined);
    await waitFor("the word about it", () => warnings().length > 0);
    controller.abort(new Error("SIGTERM"));
    expect(starting).rejects.toThrow("SIGTERM");
    await starting.catch(() => undefined);
    other.kill("SIGKILL");
  });
});
