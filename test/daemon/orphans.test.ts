import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { stopOrphans } from "../../src/daemon/daemon.ts";
import { findOrphans, HOME_VARIABLE, writeDaemonRecord } from "../../src/daemon/record.ts";
import { bootId, identify } from "../../src/system/process-table.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { startProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { isAlive, waitFor } from "../support/wait.ts";

const SECOND = 1_000_000_000n;
/** SIGKILL comes a second after the grace period: 0.15 s after SIGINT, then. */
const BRIEF = 150_000_000n - SECOND;

let home: TemporaryHome;
let instance: EmptyInstance;
let processes: MarkedProcesses;
const children: Bun.Subprocess[] = [];

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  processes = new MarkedProcesses();
});
afterEach(async () => {
  processes[Symbol.dispose]();
  for (const child of children.splice(0)) await child.exited;
  home[Symbol.dispose]();
});

/** A daemon that writes each SIGINT down, and ends at the first unless it is stubborn. */
function daemonScript({ stubborn = false, before = "" } = {}): string {
  const path = home.at("nym-node");
  const end = stubborn ? "" : "; exit 0";
  writeFileSync(
    path,
    `#!/bin/sh
trap 'echo INT >>${home.at("interrupts")}${end}' INT
${before}
echo >${home.at("listening")}
while :; do sleep 0.01; done
`,
  );
  chmodSync(path, 0o755);
  return path;
}

/** Starts one as nymvisor would, with a variable or without, in a group of its own. */
async function startDaemon(options: Parameters<typeof daemonScript>[0] & { markedFor?: string | null } = {}) {
  const markedFor = options.markedFor === undefined ? instance.layout.home : options.markedFor;
  const mark = markedFor === null ? {} : { [HOME_VARIABLE]: markedFor };
  const env = { ...processes.environment, ...mark };
  const child = Bun.spawn([daemonScript(options)], { env, stdio: ["ignore", "ignore", "ignore"], detached: true });
  children.push(child);
  await waitFor("the daemon to listen", () => existsSync(home.at("listening")));
  return child;
}

function record(
  state: "starting" | "running" | "stopping",
  pid: number | null,
  change: { startTime?: number; bootId?: string } = {},
) {
  const startTime = pid === null ? null : (identify(pid)?.startTime ?? null);
  writeDaemonRecord(instance.layout, { state, pid, startTime, bootId: bootId(), ...change });
}

const stop = (grace = 60n * SECOND) => stopOrphans(instance.layout, grace, instance.emit);
const interrupts = () =>
  existsSync(home.at("interrupts")) ? readFileSync(home.at("interrupts"), "utf8").trim().split("\n").length : 0;

describe("a daemon that outlived its nymvisor", () => {
  test("which was killed, is found and stopped with one SIGINT before anything else is started", async () => {
    const nymvisor = startProgram(
      `import { startDaemon } from "#/daemon/daemon.ts";
       await startDaemon({ ...JSON.parse(process.argv[1]), emit() {} });
       setInterval(() => {}, 1000);`,
      {
        args: [
          JSON.stringify({
            layout: instance.layout,
            binary: daemonScript(),
            args: [],
            environment: processes.environment,
          }),
        ],
      },
    );
    await waitFor("the daemon to listen", () => existsSync(home.at("listening")));
    await waitFor("its note", () => JSON.parse(readFileSync(instance.layout.daemonRecord, "utf8")).state === "running");
    const { pid } = JSON.parse(readFileSync(instance.layout.daemonRecord, "utf8"));
    nymvisor.kill("SIGKILL");
    await nymvisor.exited;
    expect(isAlive(pid)).toBe(true);
    await stop();
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(1);
    expect(instance.events).toEqual([{ type: "daemon.orphan-found", pid }]);
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  });

  test("before its pid was noted is found by the variable that it was given", async () => {
    const { pid } = await startDaemon();
    record("starting", null);
    await stop();
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(1);
  });

  test("is found by the variable when the note is torn", async () => {
    const { pid } = await startDaemon();
    writeFileSync(instance.layout.daemonRecord, '{"state": "run');
    await stop();
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(1);
  });

  test("is found by the variable where no note could be made of it", async () => {
    const { pid } = await startDaemon();
    await stop();
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(1);
  });

  test("is found by its pid when it has lost the variable", async () => {
    const { pid } = await startDaemon({ markedFor: null });
    record("running", pid);
    await stop();
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(1);
  });

  test("and was interrupted already is not interrupted again, and killed when its time is over", async () => {
    const { pid } = await startDaemon();
    record("stopping", pid);
    await stop(BRIEF);
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(0);
    expect(instance.said()).toEqual(["daemon.orphan-found", "daemon.killed"]);
  });

  test("is interrupted once, though the nymvisor that stops it is killed as well", async () => {
    const { pid } = await startDaemon({ stubborn: true });
    record("running", pid);
    const nymvisor = startProgram(
      `import { stopOrphans } from "#/daemon/daemon.ts";
       await stopOrphans(JSON.parse(process.argv[1]), ${60n * SECOND}n, () => {});`,
      { args: [JSON.stringify(instance.layout)] },
    );
    await waitFor("the first SIGINT", () => interrupts() === 1);
    nymvisor.kill("SIGKILL");
    await nymvisor.exited;
    await stop(BRIEF);
    expect(isAlive(pid)).toBe(false);
    expect(interrupts()).toBe(1);
  });

  test("and does not stop is killed after the grace period, with its children", async () => {
    const { pid } = await startDaemon({ stubborn: true, before: "sleep 600 &" });
    record("running", pid);
    await stop(0n);
    expect(processes.running()).toEqual([]);
    expect(interrupts()).toBe(1);
  });

  test("takes the children with it that ignore SIGINT and know nothing of the variable", async () => {
    const mark = Object.entries(processes.environment)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ");
    const { pid } = await startDaemon({ before: `env -i ${mark} sleep 600 &` });
    record("running", pid);
    await stop(BRIEF);
    expect(processes.running()).toEqual([]);
  });

  test("is asked alone, and its children are left to it", async () => {
    const note = home.at("child");
    const { pid } = await startDaemon({
      before: `(trap 'echo asked >${note}; exit' INT; while :; do sleep 0.01; done) & child=$!; trap 'echo INT >>${home.at("interrupts")}; kill -KILL $child; exit 0' INT`,
    });
    record("running", pid);
    await stop();
    await processes.wait(0);
    expect(existsSync(note)).toBe(false);
  });

  test("and is dead, but has left a child, leaves nothing when the child was stopped", async () => {
    const child = await startDaemon({ before: "sleep 600 &" });
    record("running", child.pid);
    child.kill("SIGKILL");
    await child.exited;
    expect(processes.running().length).toBeGreaterThan(0);
    await stop(BRIEF);
    expect(processes.running()).toEqual([]);
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  });
});

describe("a process that is not the daemon of this home is left alone", () => {
  test.each([
    ["of a home whose path begins the same", (path: string) => `${path}2`],
    ["of a home within this one", (path: string) => `${path}/inner`],
    ["of a home around this one", (path: string) => path.slice(0, path.lastIndexOf("/"))],
  ])("when it is the daemon %s", async (_, other) => {
    const { pid } = await startDaemon({ markedFor: other(instance.layout.home) });
    record("starting", null);
    await stop();
    expect(isAlive(pid)).toBe(true);
    expect(interrupts()).toBe(0);
  });

  test.each([
    ["another process has its pid by now", { startTime: 1 }],
    ["the machine was started anew since", { bootId: "00000000-0000-0000-0000-000000000000" }],
  ])("when %s", async (_, change) => {
    const { pid } = await startDaemon({ markedFor: null });
    record("running", pid, change);
    await stop();
    expect(isAlive(pid)).toBe(true);
    expect(interrupts()).toBe(0);
    expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  });
});

test("a note about a daemon that is gone is removed, and nothing is said", async () => {
  record("running", 2 ** 22 + 1, { startTime: 7 });
  expect(findOrphans(instance.layout)).toEqual([]);
  await stop();
  expect(existsSync(instance.layout.daemonRecord)).toBe(false);
  expect(instance.events).toEqual([]);
});
