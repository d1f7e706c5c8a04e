import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { NO_PROGRESS, type ProbationProgress } from "../../src/policy/probation.ts";
import { services } from "../../src/run/services.ts";
import { Trial } from "../../src/run/trial.ts";
import type { Clock } from "../../src/system/clock.ts";
import { nodeDisk, useDisk } from "../../src/system/disk.ts";
import { tryLock } from "../../src/system/lock.ts";
import { noteOutcome, requireOutcomes } from "../../src/upgrade/outcomes.ts";
import { type ProbationNote, readProbation, writeProbation } from "../../src/upgrade/probation-note.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { outcome } from "../support/outcomes.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON } from "../support/upgrades.ts";

const SECOND = 1_000_000_000n;

let home: TemporaryHome;
let instance: EmptyInstance;
let over: AbortController;
let monotonic: bigint;
/** What waits by the clock. */
let timers: (() => void)[];
let waits: PromiseWithResolvers<void>;
let giveBack = () => {};

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  over = new AbortController();
  monotonic = 5n;
  timers = [];
  waits = Promise.withResolvers();
});
afterEach(() => {
  giveBack();
  giveBack = () => {};
  home[Symbol.dispose]();
});

const clock: Clock = {
  wall: () => NOON + 9n * SECOND,
  monotonic: () => monotonic,
  after: (_, callback) => {
    timers.push(callback);
    waits.resolve();
    return () => void timers.splice(timers.indexOf(callback), 1);
  },
};

function trial(): Trial {
  return new Trial({ ...instance, services, clock, environment: home.env, signal: over.signal });
}

function note(changes: Partial<ProbationNote> = {}): ProbationNote {
  return {
    kind: "upgrade",
    name: "1.1.0",
    version: "1.1.0",
    build: sampleBuildInfo({ version: "1.1.0" }),
    sha256: null,
    from: "genesis",
    fromVersion: "1.0.0",
    checks: [],
    saved: null,
    performedAt: NOON,
    progress: NO_PROGRESS,
    ...changes,
  };
}

/** It is on probation, as the documents say too. */
function begin(changes: Partial<ProbationNote> = {}): void {
  const noted = note(changes);
  writeProbation(instance.layout, noted);
  const { name, performedAt } = noted;
  noteOutcome(instance.layout, outcome({ home: instance.layout.home, name, performedAt, state: "on-probation" }));
}

const progress = (changes: Partial<ProbationProgress>): ProbationProgress => ({ ...NO_PROGRESS, ...changes });
const noted = () => {
  const found = readProbation(instance.layout);
  return found.state === "found" ? found.value.progress : found.state;
};
const states = () => requireOutcomes(instance.layout).outcomes.map(({ name, state }) => [name, state]);

function failWrites(of: string): void {
  const disk = {
    ...nodeDisk,
    renameSync(from: string, to: string) {
      if (to === of) throw Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC" });
      nodeDisk.renameSync(from, to);
    },
  };
  giveBack = useDisk(() => disk);
}

describe("progress", () => {
  test("is noted once a second, and at once where something has happened", () => {
    begin();
    const tried = trial();
    tried.noteProgress(progress({ spent: 1n }));
    expect(noted()).toEqual(progress({ spent: 1n }));
    monotonic += SECOND / 2n;
    tried.noteProgress(progress({ spent: 2n }));
    expect(noted()).toEqual(progress({ spent: 1n }));
    for (const happened of [{ deaths: 1 }, { deaths: 1, quits: 1 }, { deaths: 1, quits: 1, failed: "it exited" }]) {
      tried.noteProgress(progress({ spent: 3n, ...happened }));
      expect(noted()).toEqual(progress({ spent: 3n, ...happened }));
    }
    monotonic += SECOND;
    tried.noteProgress(progress({ spent: 4n, deaths: 1, quits: 1, failed: "it exited" }));
    expect(noted()).toMatchObject({ spent: 4n });
  });

  test("that cannot be noted is told once, and noted later", () => {
    begin();
    const tried = trial();
    failWrites(instance.layout.probation);
    for (let deaths = 1; deaths <= 3; deaths += 1) tried.noteProgress(progress({ deaths }));
    expect(instance.said()).toEqual(["warning"]);
    giveBack();
    tried.noteProgress(progress({ deaths: 3 }));
    expect(noted()).toMatchObject({ deaths: 3 });
  });

  test("of what is not written down yet is not noted", () => {
    const tried = trial();
    tried.begins(note());
    tried.noteProgress(progress({ deaths: 1 }));
    expect(noted()).toBe("missing");
    expect(instance.said()).toEqual([]);
  });
});

describe("a verdict", () => {
  test("that it has passed is in the outcomes, and nothing is on probation any more", async () => {
    begin();
    await trial().end(null);
    expect(requireOutcomes(instance.layout).outcomes).toMatchObject([
      { state: "passed", why: null, decidedAt: clock.wall() },
    ]);
    expect(noted()).toBe("missing");
  });

  test("that it has failed, and stays, is in the outcomes with the reason", async () => {
    begin();
    await trial().end("it exited; it stays: no backup");
    expect(requireOutcomes(instance.layout).outcomes).toMatchObject([
      { state: "failed", why: "it exited; it stays: no backup" },
    ]);
    expect(noted()).toBe("missing");
  });

  test("is about what was on probation when it came, though another version is by the time it can be written", async () => {
    begin();
    const tried = trial();
    failWrites(instance.layout.outcomes);
    const ending = tried.end(null);
    await waits.promise;
    giveBack();
    begin({ name: "1.2.0", performedAt: NOON + SECOND });
    timers[0]?.();
    await ending;
    expect(states()).toEqual([
      ["1.1.0", "passed"],
      ["1.2.0", "on-probation"],
    ]);
    expect(readProbation(instance.layout)).toMatchObject({ value: { name: "1.2.0" } });
    expect(timers).toEqual([]);
  });

  test("that waits for a lock gives up with the run, and keeps nobody waiting", async () => {
    begin();
    const { lock } = tryLock(instance.layout.upgradeLock, "this test");
    const ending = trial().end(null);
    over.abort(new Error("nymvisor ends"));
    await ending;
    expect(timers).toEqual([]);
    expect(states()).toEqual([["1.1.0", "on-probation"]]);
    lock?.release();
    await trial().end(null);
    expect(states()).toEqual([["1.1.0", "on-probation"]]);
  });

  test("that could not be written gives up with the run while it waits to try again", async () => {
    begin();
    failWrites(instance.layout.outcomes);
    const ending = trial().end(null);
    await waits.promise;
    over.abort(new Error("nymvisor ends"));
    await ending;
    expect(timers).toEqual([]);
    expect(instance.said()).toEqual(["warning"]);
  });

  test("waits for a disk that does not let the note be read", async () => {
    begin();
    let fails = true;
    const disk = {
      ...nodeDisk,
      readFileSync: ((path: string, encoding?: "utf8") => {
        if (fails && path === instance.layout.probation) throw Object.assign(new Error("EIO"), { code: "EIO" });
        return encoding === undefined ? nodeDisk.readFileSync(path) : nodeDisk.readFileSync(path, encoding);
      }) as typeof nodeDisk.readFileSync,
    };
    giveBack = useDisk(() => disk);
    const ended = trial().end(null);
    await waits.promise;
    fails = false;
    for (const wake of timers) wake();
    await ended;
    expect(requireOutcomes(instance.layout).outcomes).toMatchObject([{ state: "passed" }]);
    expect(readProbation(instance.layout).state).toBe("missing");
  });

  test("on nothing changes nothing", async () => {
    await trial().end(null);
    expect(requireOutcomes(instance.layout).outcomes).toEqual([]);
  });
});

describe("a look", () => {
  const port = (listening: number) => ({ kind: "port", host: "127.0.0.1", port: listening }) as const;

  test("asks the checks of the note, and each start is asked anew", async () => {
    using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    begin({ checks: [port(server.port)] });
    const tried = trial();
    expect(await tried.look()).toEqual({ well: true, reasons: [] });
    server.stop(true);
    expect(await tried.look()).toMatchObject({ well: false, reasons: [expect.stringContaining(`${server.port}`)] });
    begin({ checks: [] });
    expect(await tried.look()).toMatchObject({ well: false });
    tried.started();
    expect(await tried.look()).toEqual({ well: true, reasons: [] });
  });

  test("goes by what this run has switched to, though it is not written down yet", async () => {
    const tried = trial();
    expect(await tried.look()).toMatchObject({ well: true });
    using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port: free } = server;
    server.stop(true);
    tried.begins(note({ checks: [port(free)] }));
    expect(await tried.look()).toMatchObject({ well: false });
    tried.forget();
    expect(await tried.look()).toMatchObject({ well: true });
  });

  test("at a note that cannot be read is of the process alone, and that is told once", async () => {
    begin();
    const disk = {
      ...nodeDisk,
      readFileSync: ((path: string, ...rest: []) => {
        if (path === instance.layout.probation) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
        return nodeDisk.readFileSync(path, ...rest);
      }) as typeof nodeDisk.readFileSync,
    };
    giveBack = useDisk(() => disk);
    const tried = trial();
    for (let look = 1; look <= 2; look += 1) expect(await tried.look()).toEqual({ well: true, reasons: [] });
    expect(instance.said()).toEqual(["warning"]);
  });
});

test("how long the node did not run is noted once the switch is", async () => {
  const tried = trial();
  tried.begins(note());
  tried.wasDownFor(3n * SECOND);
  begin();
  await tried.switchNoted();
  expect(requireOutcomes(instance.layout).outcomes).toMatchObject([{ downtime: 3n * SECOND }]);
  const before = readFileSync(instance.layout.outcomes, "utf8");
  writeFileSync(instance.layout.outcomes, before.replace("3s", "9s"));
  await tried.switchNoted();
  expect(requireOutcomes(instance.layout).outcomes).toMatchObject([{ downtime: 9n * SECOND }]);
});
