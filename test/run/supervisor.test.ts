import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { type Services, services } from "../../src/run/services.ts";
import { Supervisor } from "../../src/run/supervisor.ts";
import { systemClock } from "../../src/system/clock.ts";
import { tryLock } from "../../src/system/lock.ts";
import { requirePlan } from "../../src/upgrade/shared-documents.ts";
import { setUp, setUpStaged } from "../support/builds.ts";
import { configurationWith } from "../support/configuration.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { upgradeInfo } from "../support/upgrades.ts";
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

function supervise(others: Partial<Services> = {}, variables: Record<string, string> = {}): Supervisor {
  const { layout, emit } = instance;
  return new Supervisor(
    {
      layout,
      configuration: configurationWith({ DAEMON_HOME: layout.home, ...variables }),
      environment: processes.environment,
      platform: "linux-x86_64",
      clock: systemClock,
      emit,
      services: { ...services, askSources: async () => null, ...others },
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
    const supervisor = supervise({ backUp });
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
});
