import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Daemon, startDaemon } from "../../src/daemon/daemon.ts";
import type { Duration } from "../../src/model/duration.ts";
import { reasonOf } from "../../src/model/errors.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { startProgram } from "../support/program.ts";
import type { SampleBehaviour } from "../support/sample-behaviour.ts";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { SampleEvents } from "../support/sample-events.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

const SECOND: Duration = 1_000_000_000n;
/** SIGKILL comes a second after the grace period: 0.15 s after SIGINT, then. */
const BRIEF: Duration = 150_000_000n - SECOND;

let home: TemporaryHome;
let instance: EmptyInstance;
let events: SampleEvents;
let processes: MarkedProcesses;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  events = new SampleEvents(home.at("events"));
  processes = new MarkedProcesses();
});
afterEach(() => {
  processes[Symbol.dispose]();
  home[Symbol.dispose]();
});

function start(binary: string, args: readonly string[] = []): Promise<Daemon> {
  const environment = { ...processes.environment, SAMPLE_EVENTS: events.path };
  return startDaemon({ ...instance, binary, args, environment });
}

/** A daemon that runs and listens. */
async function startSample(behaviour: SampleBehaviour = {}, args: readonly string[] = ["run"]): Promise<Daemon> {
  const sample = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" }, behaviour);
  const daemon = await start(script(`exec ${sample} "$@" >${home.at("output")} 2>&1`), args);
  await events.wait("started");
  return daemon;
}

function script(text: string): string {
  const path = home.at("script");
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

const note = () => JSON.parse(readFileSync(instance.layout.daemonRecord, "utf8"));

describe("a daemon that is started", () => {
  test("gets exactly its arguments and its environment, nothing to read, and a group of its own", async () => {
    const args = ["run", "--id", "x y", "", "--help", "--", "--no-y", "ünï"];
    const daemon = await startSample({ readStdin: true }, args);
    const started = await events.wait("started");
    expect(started).toMatchObject({
      pid: daemon.pid,
      args,
      parent: process.pid,
      group: daemon.pid,
      session: daemon.pid,
    });
    const { SAMPLE_BEHAVIOUR: _, SAMPLE_BUILD_INFO: __, PWD: ___, ...env } = started.env ?? {};
    expect(env).toEqual({
      ...processes.environment,
      SAMPLE_EVENTS: events.path,
      NYMVISOR_DAEMON_HOME: instance.layout.home,
    });
    expect(await events.wait("stdin")).toMatchObject({ bytes: 0 });
    await daemon.stop("this test", SECOND);
  });

  test("is noted with its pid as long as it runs, for nobody else to read", async () => {
    const daemon = await startSample();
    expect(note()).toMatchObject({ state: "running", pid: daemon.pid, startTime: expect.any(Number) });
    expect(await Bun.file(instance.layout.daemonRecord).stat()).toMatchObject({ mode: 0o100600 });
    await daemon.stop("this test", SECOND);
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  });

  test("and ends by itself ends with its own exit code, or its signal", async () => {
    expect(await (await start(script("exit 42"))).ended).toEqual({ exitCode: 42, signal: null });
    expect(await (await start(script("kill -SEGV $$"))).ended).toEqual({ exitCode: null, signal: "SIGSEGV" });
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
    expect(instance.said()).toEqual([]);
  });

  test("writes to nymvisor's own output, byte for byte", async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256);
    await Bun.write(home.at("bytes"), bytes);
    const binary = script(`cat ${home.at("bytes")}; cat ${home.at("bytes")} >&2`);
    const nymvisor = startProgram(
      `import { startDaemon } from "#/daemon/daemon.ts";
       const daemon = await startDaemon({ ...JSON.parse(process.argv[1]), emit() {} });
       await daemon.ended;`,
      { args: [JSON.stringify({ layout: instance.layout, binary, args: [], environment: processes.environment })] },
    );
    const [stdout, stderr] = await Promise.all([nymvisor.stdout.bytes(), nymvisor.stderr.bytes()]);
    expect([Buffer.compare(stdout, bytes), Buffer.compare(stderr, bytes)]).toEqual([0, 0]);
  });
});

test("a daemon whose last lines nobody will ask for has none, and that is the reason", async () => {
  const daemon = await start(script("exit 0"));
  await daemon.ended;
  expect(await daemon.lastLines()).toEqual({ reason: "its output was not kept" });
});

test("a daemon of which no note can be made is started and stopped all the same, and that is said once", async () => {
  rmSync(instance.layout.homeNymvisor, { recursive: true });
  const daemon = await startSample();
  expect(await daemon.stop("the test ends", 60n * SECOND)).toEqual({ exitCode: 0, signal: null });
  const reason = expect.stringContaining("cannot be written");
  expect(instance.events.filter(({ type }) => type === "warning")).toEqual([
    { type: "warning", about: "the note about the daemon", reason },
  ]);
});

describe("a daemon that cannot be started", () => {
  test.each([
    ["is not there", () => home.at("missing")],
    [
      "may not be executed",
      () => {
        chmodSync(script("exit 0"), 0o644);
        return home.at("script");
      },
    ],
    [
      "is of a shell that is not there",
      () => {
        writeFileSync(script(""), "#!/nonexistent/sh\n");
        return home.at("script");
      },
    ],
  ])("because it %s is an error, and leaves no note", async (_, prepare) => {
    const binary = prepare();
    expect(await start(binary).then(() => "started", reasonOf)).not.toBe("started");
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  });
});

describe("a daemon that is stopped", () => {
  test("is interrupted once, however often it is stopped, and noted as stopping", async () => {
    const daemon = await startSample({ stopDelay: 50 });
    expect(daemon.graceLeft()).toBeUndefined();
    const endings = [daemon.stop("first", 60n * SECOND), daemon.stop("second", 0n), daemon.stop("third", 0n)];
    expect(note()).toMatchObject({ state: "stopping", pid: daemon.pid });
    const left = daemon.graceLeft() ?? 0n;
    expect(left > 60n * SECOND && left <= 61n * SECOND).toBe(true);
    expect(await Promise.all(endings)).toEqual(Array(3).fill({ exitCode: 0, signal: null }));
    expect(events.of("signal")).toMatchObject([{ signal: "SIGINT", count: 1 }]);
    expect(instance.events).toEqual([{ type: "daemon.stopping", pid: daemon.pid, why: "first", grace: 60n * SECOND }]);
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  });

  test("and does not stop is killed after the grace period and a second, with all its group", async () => {
    const daemon = await startSample({ ignoreSigint: true, spawnChild: true });
    await events.wait("child");
    await processes.wait(2);
    expect(await daemon.stop("this test", 0n)).toEqual({ exitCode: null, signal: "SIGKILL" });
    await processes.wait(0);
    expect(instance.said()).toEqual(["daemon.stopping", "daemon.killed"]);
    expect(events.of("signal")).toHaveLength(1);
  });

  test("has until the end of the grace period for what its children have to do", async () => {
    const saved = home.at("saved");
    const daemon = await start(
      script(`trap 'exit 0' INT; (sleep 0.2; touch ${saved}) & echo >${home.at("ready")}; wait`),
    );
    await waitFor("the daemon to listen", () => existsSync(home.at("ready")));
    await daemon.stop("this test", 10n * SECOND);
    expect(existsSync(saved)).toBe(true);
    expect(processes.running()).toEqual([]);
  });

  test("and leaves children behind that ignore everything has them killed in the end", async () => {
    const daemon = await startSample({ spawnChild: true });
    await events.wait("child");
    await processes.wait(2);
    expect(await daemon.stop("this test", BRIEF)).toEqual({ exitCode: 0, signal: null });
    expect(processes.running()).toEqual([]);
  });

  test("has stopped when nothing is left but a dead child that nobody reaps", async () => {
    // The child's parent leaves the group and becomes a program that never looks after it.
    const daemon = await start(
      script("(true & exec setsid sleep 600) & trap 'exit 0' INT; while :; do sleep 0.01; done"),
    );
    await waitFor("the child to be left", () => existsSync(`/proc/${daemon.pid}`) && zombieIn(daemon.pid));
    const began = performance.now();
    await daemon.stop("this test", 10n * SECOND);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  test("after it has ended by itself is neither interrupted nor noted again", async () => {
    const daemon = await start(script("exit 3"));
    await daemon.ended;
    expect(await daemon.stop("too late", SECOND)).toEqual({ exitCode: 3, signal: null });
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
    expect(instance.said()).toEqual([]);
    expect(daemon.graceLeft()).toBeUndefined();
  });
});

/** Whether the process group holds a process that has ended and was not reaped. */
function zombieIn(group: number): boolean {
  const { stdout } = Bun.spawnSync(["ps", "-eo", "pgid=,stat="]);
  return stdout
    .toString()
    .split("\n")
    .some((line) => new RegExp(`^ *${group} +Z`).test(line));
}

describe("a daemon that ends by itself", () => {
  test("takes with it what it left running in its group", async () => {
    const daemon = await start(script("trap '' INT TERM; sleep 600 & exit 7"));
    expect(await daemon.ended).toEqual({ exitCode: 7, signal: null });
    await processes.wait(0);
  });
});

test("a daemon that is killed outright is gone with its whole group", async () => {
  const daemon = await startSample({ spawnChild: true });
  await events.wait("child");
  await processes.wait(2);
  daemon.kill();
  expect(await daemon.ended).toEqual({ exitCode: null, signal: "SIGKILL" });
  await processes.wait(0);
});
