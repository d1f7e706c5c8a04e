import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { type Services, services } from "../../src/run/services.ts";
import { Supervisor } from "../../src/run/supervisor.ts";
import { type Clock, systemClock } from "../../src/system/clock.ts";
import { tryLock } from "../../src/system/lock.ts";
import { requirePlan } from "../../src/upgrade/shared-documents.ts";
import { placeBuild, setUp, setUpStaged } from "../support/builds.ts";
import { configurationWith } from "../support/configuration.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { platform, upgradeInfo } from "../support/upgrades.ts";
import { waitFor } from "../support/wait.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let processes: MarkedProcesses;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  processes = new MarkedProcesses();
});
afterEach(() => {
  processes[Symbol.dispose]();
  home[Symbol.dispose]();
});

/** A daemon of the shell that stops at SIGINT. */
function writeDaemon(version: string, run = "trap 'exit 0' INT; while :; do sleep 0.01; done", asked = ""): void {
  const { binary, bin } = buildLayout(instance.layout, version === "1.0.0" ? "genesis" : version);
  mkdirSync(bin, { recursive: true });
  const answer = JSON.stringify(sampleBuildInfo({ version }));
  writeFileSync(binary, `#!/bin/sh\ncase "$*" in *build-info*) ${asked}\necho '${answer}'; exit 0;; esac\n${run}\n`);
  chmodSync(binary, 0o755);
}

const noRoomForCopy: Services["checkBackupRoom"] = async (request) => ({
  ...(await services.checkBackupRoom(request)),
  forCopy: { needed: 1, available: 0 },
});

const noArchive: Services["archiveInBackground"] = () => Promise.reject(new Error("not here"));

function supervise(
  others: Partial<Services> = {},
  variables: Record<string, string> = {},
  clock: Clock = systemClock,
): Supervisor {
  const { layout, emit } = instance;
  return new Supervisor(
    {
      layout,
      configuration: configurationWith({ NYMVISOR_UPSTREAM_SOURCE: "nym", DAEMON_HOME: layout.home, ...variables }),
      environment: processes.environment,
      platform: "linux-x86_64",
      clock,
      emit,
      // Archives have tests of their own, and their process would take longer than all the rest.
      services: { ...services, askSources: async () => null, archiveInBackground: noArchive, ...others },
      githubToken: null,
    },
    ["run"],
  );
}

const count = (type: NymvisorEvent["type"]) => instance.said().filter((said) => said === type).length;
const event = (type: NymvisorEvent["type"], times = 1) =>
  waitFor(`${type}, ${times} of them`, () => count(type) >= times);

describe("a supervisor", () => {
  test("does not stop its daemon again at once for an upgrade that has failed", async () => {
    setUpStaged(instance.layout, upgradeInfo({ upgradeTime: 0n }));
    for (const version of ["1.0.0", "1.1.0"]) writeDaemon(version);
    const backUp = () => Promise.reject(new Error("no space"));
    // Without room for a copy the home is saved while the node is stopped.
    const supervisor = supervise({ backUp, checkBackupRoom: noRoomForCopy });
    const running = supervisor.run();
    await event("upgrade.failed");
    await event("daemon.started", 2);
    const status = JSON.parse(readFileSync(instance.layout.upgradeStatus, "utf8"));
    expect(status.upgrades["1.1.0"]).toMatchObject({ state: "failed", reason: expect.stringContaining("no space") });
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
    expect(count("upgrade.started")).toBe(1);
    expect(requirePlan(instance.layout).queuedUp).toHaveLength(1);
  });

  test("waits for its turn among the nodes that share the upgrades, and says so once", async () => {
    setUpStaged(instance.layout, upgradeInfo({ upgradeTime: 0n }));
    for (const version of ["1.0.0", "1.1.0"]) writeDaemon(version);
    const turn = tryLock(instance.layout.turnLock, "this test").lock;
    const supervisor = supervise();
    const running = supervisor.run();
    await event("upgrade.waiting");
    expect(count("upgrade.started")).toBe(0);
    turn?.release();
    await event("upgrade.done");
    expect(count("upgrade.waiting")).toBe(1);
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
  });

  test("ends at once while it asks a binary that does not answer, before a start", async () => {
    setUp(instance.layout);
    const { staged } = buildLayout(instance.layout, "genesis");
    const slow = home.at("slow");
    // Once its note is there it becomes another file, which has to be asked again.
    const run = `while [ ! -e ${staged} ]; do sleep 0.01; done; touch "$0" ${slow}; exit 1`;
    writeDaemon("1.0.0", run, `[ ! -e ${slow} ] || sleep 600;`);
    const supervisor = supervise({}, { DAEMON_RESTART_ON_FAILURE: "true", DAEMON_FAILURE_RESTART_DELAY: "0s" });
    const running = supervisor.run();
    await event("daemon.restart-scheduled");
    await processes.wait(2);
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
    expect(processes.running()).toEqual([]);
    expect(count("daemon.start-failed")).toBe(0);
  });

  test("reads the plan again by itself once what kept it from being read is gone", async () => {
    const { layout } = instance;
    setUp(layout);
    writeDaemon("1.0.0");
    const timers: (() => void)[] = [];
    // It is due at once where the supervisor would look again in seconds.
    const clock = {
      ...systemClock,
      after: (milliseconds: number, callback: () => void) => {
        if (milliseconds !== 10_000) return systemClock.after(milliseconds, callback);
        timers.push(callback);
        return () => {};
      },
    };
    const supervisor = supervise({ watchPlan: () => ({ close: async () => {} }) }, {}, clock);
    const running = supervisor.run();
    await event("daemon.started");
    rmSync(layout.plan);
    supervisor.reload();
    await event("plan.unreadable");
    setUpStaged(layout, upgradeInfo({ upgradeTime: 2n ** 62n }));
    expect(count("upgrade.scheduled")).toBe(0);
    timers.at(-1)?.();
    await event("upgrade.scheduled");
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
  });

  test("refuses what was newer than the build before and is older than the one that it has just moved to", async () => {
    const { layout } = instance;
    const newer = upgradeInfo({ version: "1.2.0", upgradeTime: 0n });
    const platforms = { "linux-x86_64": platform("a release") };
    const older = upgradeInfo({ version: "1.1.0", upgradeTime: 1n, platforms });
    setUp(layout, newer, older);
    for (const info of [newer, older]) placeBuild(layout, info);
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) writeDaemon(version);
    const supervisor = supervise();
    const running = supervisor.run();
    await event("upgrade.done");
    await event("release.refused");
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
    expect(count("upgrade.started")).toBe(1);
    expect(requirePlan(layout)).toMatchObject({ current: { name: "1.2.0" }, queuedUp: [{ name: "1.1.0" }] });
  });
});
