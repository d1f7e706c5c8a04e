import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildLayout } from "../../src/model/paths.ts";
import { type Services, services } from "../../src/run/services.ts";
import { Supervisor } from "../../src/run/supervisor.ts";
import { systemClock } from "../../src/system/clock.ts";
import { copyPaths, writeNote } from "../../src/upgrade/copy/finished-copy.ts";
import { noteArchiveOrder } from "../../src/upgrade/pending-archives.ts";
import { setUp } from "../support/builds.ts";
import { configurationWith } from "../support/configuration.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

/** How long archives may take at most when nymvisor is asked to end. */
const LIMIT_MS = 2_000;

describe("archives that are not finished when nymvisor ends", () => {
  let home: TemporaryHome;
  let instance: EmptyInstance;
  let processes: MarkedProcesses;
  let copies: string[];
  let archived: number;
  /** The archives have begun to use up their time. */
  let timed: PromiseWithResolvers<void>;

  beforeEach(() => {
    home = temporaryHome();
    instance = emptyInstance(home);
    processes = new MarkedProcesses();
    setUp(instance.layout);
    copies = ["v2", "v3"].map(putCopy);
    archived = 0;
    timed = Promise.withResolvers();
  });
  afterEach(() => {
    processes[Symbol.dispose]();
    home[Symbol.dispose]();
  });

  function putCopy(name: string): string {
    const path = join(instance.layout.copies, name);
    const { tree } = copyPaths(path);
    mkdirSync(tree, { recursive: true });
    const lists = { leftOut: [], disturbed: [], notKept: [], held: [] };
    const counts = { files: 0, bytes: 0, atStop: { files: 0, bytes: 0 }, changes: null };
    writeNote({ path, tree, home: instance.layout.home, finishedAt: 1n, bootId: "b", ...counts, ...lists });
    noteArchiveOrder(path, { name, from: null, at: 1n });
    return path;
  }

  /** @param limit what becomes of the time that archives have at the end: it is over at once, or never. */
  function supervise(run: string, limit: "at once" | "never", archive: Services["archiveInBackground"]): Supervisor {
    const { layout, emit } = instance;
    const { binary } = buildLayout(layout, "genesis");
    const answer = JSON.stringify(sampleBuildInfo({ version: "1.0.0" }));
    writeFileSync(binary, `#!/bin/sh\ncase "$*" in *build-info*) echo '${answer}'; exit 0;; esac\n${run}\n`);
    chmodSync(binary, 0o755);
    const after: typeof systemClock.after = (milliseconds, callback) => {
      if (milliseconds !== LIMIT_MS) return systemClock.after(milliseconds, callback);
      timed.resolve();
      return limit === "never" ? () => {} : systemClock.after(0, callback);
    };
    return new Supervisor(
      {
        layout,
        configuration: configurationWith({ NYMVISOR_UPSTREAM_SOURCE: "nym", DAEMON_HOME: layout.home }),
        environment: processes.environment,
        platform: "linux-x86_64",
        clock: { wall: systemClock.wall, monotonic: systemClock.monotonic, after },
        emit,
        services: { ...services, askSources: async () => null, archiveInBackground: archive },
        githubToken: null,
      },
      ["run"],
    );
  }

  const runsOn = () => `trap 'exit 0' INT; >${home.at("ready")}; while :; do sleep 0.01; done`;

  /** One that is never done; it can only be called off. */
  const endless: Services["archiveInBackground"] = (_, { signal }) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

  const started = () =>
    waitFor("the daemon", () => existsSync(home.at("ready")) && instance.said().includes("daemon.started"));

  test("are all finished when the daemon has ended well by itself", async () => {
    const supervisor = supervise("sleep 0.1; exit 0", "at once", async () => {
      await Bun.sleep(300);
      archived += 1;
      return { path: "", bytes: 0, files: 0, sourceBytes: 0, leftOut: [], disturbed: [] };
    });
    expect(await supervisor.run()).toBe(0);
    expect(archived).toBe(2);
    expect(copies.map((copy) => existsSync(copy))).toEqual([false, false]);
  });

  test("are given up when the time is over that they have after a SIGTERM, and their copies stay", async () => {
    const supervisor = supervise(runsOn(), "at once", endless);
    const running = supervisor.run();
    await started();
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
    expect(copies.map((copy) => existsSync(copy))).toEqual([true, true]);
    expect(instance.said()).not.toContain("archive.failed");
  });

  test("are given up at once when a second SIGTERM comes", async () => {
    const supervisor = supervise(runsOn(), "never", endless);
    const running = supervisor.run();
    await started();
    supervisor.requestStop("SIGTERM");
    let ended = false;
    running.then(() => {
      ended = true;
    });
    await timed.promise;
    await Bun.sleep(50);
    expect(ended).toBe(false);
    supervisor.requestStop("SIGTERM");
    expect(await running).toBe(0);
    expect(copies.map((copy) => existsSync(copy))).toEqual([true, true]);
  });
});
