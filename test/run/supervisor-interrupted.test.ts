import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { services } from "../../src/run/services.ts";
import { Supervisor } from "../../src/run/supervisor.ts";
import { systemClock } from "../../src/system/clock.ts";
import { type Disk, nodeDisk, useDisk } from "../../src/system/disk.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { writeJournal } from "../../src/upgrade/journal.ts";
import { setUpStaged } from "../support/builds.ts";
import { configurationWith } from "../support/configuration.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON } from "../support/upgrades.ts";
import { waitFor } from "../support/wait.ts";

/* nymvisor was killed right after it had moved `current`, and the disk is full when it starts again. */

let home: TemporaryHome;
let instance: EmptyInstance;
let processes: MarkedProcesses;
let giveBack = () => {};

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  processes = new MarkedProcesses();
  interrupt(instance.layout, setUpStaged(instance.layout));
});
afterEach(() => {
  giveBack();
  processes[Symbol.dispose]();
  home[Symbol.dispose]();
});

function interrupt(layout: Layout, to: UpgradeInfo): void {
  const build = buildLayout(layout, to.name);
  writeJournal(layout, {
    state: "switching",
    kind: "upgrade",
    from: "genesis",
    to,
    build: sampleBuildInfo({ version: to.version }),
    copy: null,
    trial: null,
    backup: null,
    startedAt: NOON,
    performedAt: NOON,
  });
  switchCurrent(layout, build);
  const answer = JSON.stringify(sampleBuildInfo({ version: to.version }));
  const run = "trap 'exit 0' INT; while :; do sleep 0.01; done";
  writeFileSync(build.binary, `#!/bin/sh\ncase "$*" in *build-info*) echo '${answer}'; exit 0;; esac\n${run}\n`);
  chmodSync(build.binary, 0o755);
}

/** @param syncs whether the disk still makes names durable. */
function fillDisk(syncs: boolean): void {
  const { plan, upgradeData } = instance.layout;
  const folders = new Set<number>();
  const failure = (code: string) => Object.assign(new Error(`${code}: the disk says no`), { code });
  const full: Disk = {
    ...nodeDisk,
    openSync(path, flags, mode) {
      const descriptor = nodeDisk.openSync(path, flags, mode);
      if (path === upgradeData) folders.add(descriptor);
      else folders.delete(descriptor);
      return descriptor;
    },
    renameSync(from, to) {
      if (to === plan) throw failure("ENOSPC");
      nodeDisk.renameSync(from, to);
    },
    fsyncSync(descriptor) {
      if (!syncs && folders.has(descriptor)) throw failure("EIO");
      nodeDisk.fsyncSync(descriptor);
    },
  };
  giveBack = useDisk(() => full);
}

function supervise(): Supervisor {
  const { layout, emit } = instance;
  return new Supervisor(
    {
      layout,
      configuration: configurationWith({ NYMVISOR_UPSTREAM_SOURCE: "nym", DAEMON_HOME: layout.home }),
      environment: processes.environment,
      platform: "linux-x86_64",
      clock: systemClock,
      emit,
      services: { ...services, askSources: async () => null },
      githubToken: null,
    },
    ["run"],
  );
}

test("what current leads to is started, for the disk has confirmed the move", async () => {
  fillDisk(true);
  const supervisor = supervise();
  const running = supervisor.run();
  await waitFor("the daemon to start", () => instance.said().includes("daemon.started"));
  expect(instance.events).toContainEqual(expect.objectContaining({ type: "daemon.started", version: "1.1.0" }));
  supervisor.requestStop("SIGTERM");
  expect(await running).toBe(0);
});

test("nothing is started from a move that the disk does not confirm: it may come undone under the new build's home", async () => {
  fillDisk(false);
  const supervisor = supervise();
  const refused = supervisor.run().then(String, String);
  const started = waitFor("the daemon to start", () => instance.said().includes("daemon.started"));
  const first = await Promise.race([refused, started.then(() => "it was started").catch(() => refused)]);
  supervisor.requestStop("SIGTERM");
  expect(first).toContain("EIO");
  expect(instance.said()).not.toContain("daemon.started");
  expect(processes.running()).toEqual([]);
});
