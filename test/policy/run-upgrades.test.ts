import { describe, expect, test } from "bun:test";
import type { RunInput, UpgradeResult } from "../../src/policy/run-state.ts";
import { DONE, deeds, ending, entry, HOUR, MINUTE, plan, RunMachine, SECOND, said } from "./run-machine.ts";

const START = { type: "start-daemon" } as const;
const stageOf = (name: string) => ({ type: "stage", name, fingerprint: `${name} as announced` }) as const;
const performOf = (name: string) => ({ type: "perform", target: { kind: "upgrade", name } }) as const;
const cancelOf = (name: string) => ({ type: "cancel-staging", name }) as const;
const GIVEN_UP: UpgradeResult = { outcome: "given-up", reason: "it was withdrawn", stopped: false };

describe("an upgrade that enters the plan", () => {
  test("is staged at once, however long before it is due, and told with its time", () => {
    const machine = RunMachine.running();
    const effects = machine.read(plan(entry("1.1.0", { dueIn: 24n * HOUR })));
    expect(deeds(effects)).toEqual([stageOf("1.1.0")]);
    expect(said(effects)).toEqual(["upgrade.scheduled"]);
  });

  test("is staged while the daemon is being started, and while a restart is waited for", () => {
    const machine = new RunMachine();
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
    machine.take({ type: "started" });
    machine.exit(1);
    expect(deeds(machine.read(plan(entry("1.1.0"), entry("1.2.0"))))).toEqual([]);
    expect(deeds(machine.stagingFails("1.1.0"))).toEqual([stageOf("1.2.0")]);
  });

  test("is performed when it is due, not a nanosecond before", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.pass(MINUTE - 1n))).toEqual([]);
    expect(deeds(machine.pass(1n))).toEqual([performOf("1.1.0")]);
  });

  test("that is due before it is staged waits for its staging, with the daemon running", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(deeds(machine.pass(HOUR))).toEqual([]);
    expect(machine.state.phase.kind).toBe("running");
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });

  test("falls due when the wall clock is set forward, and waits longer when it is set back", () => {
    const forward = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: 3n * HOUR })) });
    forward.staged("1.1.0");
    expect(deeds(forward.setClock(3n * HOUR))).toEqual([performOf("1.1.0")]);
    const back = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    back.staged("1.1.0");
    back.setClock(-2n * HOUR);
    expect(deeds(back.pass(HOUR))).toEqual([]);
    expect(deeds(back.pass(HOUR + MINUTE))).toEqual([performOf("1.1.0")]);
  });

  test("is performed while a restart is waited for, instead of the restart", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: SECOND })) });
    machine.staged("1.1.0");
    machine.exit(1);
    expect(deeds(machine.pass(SECOND))).toEqual([performOf("1.1.0")]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });

  test("is performed as soon as the daemon runs, if it fell due while that was being started", () => {
    const machine = new RunMachine({ plan: plan(entry("1.1.0", { dueIn: SECOND })) });
    machine.staged("1.1.0");
    expect(deeds(machine.pass(MINUTE))).toEqual([]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([performOf("1.1.0")]);
  });

  test.each(["constructor", "__proto__", "hasOwnProperty"])("may be called %s", (name) => {
    const machine = RunMachine.running();
    expect(deeds(machine.read(plan(entry(name))))).toEqual([stageOf(name)]);
    expect(deeds(machine.staged(name))).toEqual([performOf(name)]);
    machine.upgradeEnds();
    expect(machine.state.plan.current).toBe(name);
    expect(machine.state.progress.size).toBe(0);
  });
});

describe("what follows a performed upgrade", () => {
  function upgrading(settings: ConstructorParameters<typeof RunMachine>[0] = {}) {
    const machine = RunMachine.running({ ...settings, plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(machine.state.phase.kind).toBe("upgrading");
    return machine;
  }

  test("is a start, and the upgrade is told with how long nothing ran", () => {
    const machine = upgrading();
    const stoppedAt = machine.monotonic;
    expect(deeds(machine.upgradeEnds({ ...DONE, outcome: "done", stoppedAt }))).toEqual([START]);
    machine.monotonic += 2n * SECOND;
    expect(machine.take({ type: "started" })[0]).toEqual({
      type: "emit",
      event: { type: "upgrade.done", name: "1.1.0", version: "1.1.0", downtime: 2n * SECOND },
    });
  });

  test.each<[string, RunInput]>([
    ["its daemon cannot be started", { type: "start-failed", reason: "killed at once" }],
    ["nymvisor is asked to stop", { type: "stop-requested", signal: "SIGTERM" }],
  ])("is told even when %s", (_, input) => {
    const machine = upgrading();
    machine.upgradeEnds();
    expect(said(machine.take(input))).toContain("upgrade.done");
  });

  test("is the end with 0 where restarts after upgrades are off", () => {
    const machine = upgrading({ restartAfterUpgrade: false });
    const effects = machine.upgradeEnds();
    expect(deeds(effects)).toMatchObject([{ type: "end", exitCode: 0 }]);
    expect(said(effects)).toEqual(["upgrade.done"]);
  });

  test("is the end with 0 where a person is needed, with what to read and where it stands", () => {
    const machine = upgrading();
    const manual = { version: "1.1.0", notes: "run the migration", source: "/data/upgrade-info.json" };
    const effects = machine.upgradeEnds({ ...DONE, outcome: "done", manual });
    expect(deeds(effects)).toMatchObject([{ type: "end", exitCode: 0 }]);
    expect(effects[0]).toEqual({ type: "emit", event: { type: "upgrade.manual", name: "1.1.0", ...manual } });
  });

  test("starts the old daemon again after a failure that had stopped it, also where restarts after upgrades are off", () => {
    expect(deeds(upgrading({ restartAfterUpgrade: false }).upgradeFails({ stopped: true }))).toEqual([START]);
  });

  test("leaves the daemon alone after a failure that had not stopped it", () => {
    const machine = upgrading();
    const { phase } = machine.state;
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([]);
    expect(machine.state.phase).toEqual(phase.kind === "upgrading" ? (phase.resume as never) : phase);
  });

  test("goes on waiting for the restart after a failure that found no daemon", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: SECOND })) });
    machine.staged("1.1.0");
    machine.exit(1);
    machine.pass(SECOND);
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([]);
    expect(deeds(machine.pass(9n * SECOND))).toEqual([START]);
  });
});

describe("a daemon that ends by itself during an upgrade", () => {
  function upgrading(settings: ConstructorParameters<typeof RunMachine>[0] = {}) {
    const machine = RunMachine.running({ ...settings, plan: plan(entry("1.1.0")) });
    machine.pass(MINUTE);
    machine.staged("1.1.0");
    return machine;
  }

  test("is replaced by the new version", () => {
    const machine = upgrading();
    expect(machine.exit(1)).toEqual([]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });

  test("is a failed daemon when the upgrade then fails without having stopped it", () => {
    const machine = upgrading();
    machine.exit(1);
    const effects = machine.upgradeFails({ stopped: false });
    expect(said(effects)).toEqual(["upgrade.failed", "daemon.exited", "daemon.restart-scheduled"]);
    expect(deeds(machine.pass(10n * SECOND))).toContainEqual(START);
  });

  test("ends the run with its own exit code when restarts are off", () => {
    const machine = upgrading({ restartOnFailure: false });
    machine.exit(42);
    expect(ending(machine.upgradeFails({ stopped: false }))).toMatchObject({ exitCode: 42 });
  });

  test("is started again when the attempt says that it was its own doing", () => {
    const machine = upgrading({ restartOnFailure: false });
    machine.exit(0);
    expect(deeds(machine.upgradeFails({ stopped: true }))).toEqual([START]);
  });

  test("is not forgotten when another upgrade follows at once", () => {
    const machine = RunMachine.running({
      failureRestartDelay: 0n,
      plan: plan(entry("1.1.0", { dueIn: -MINUTE }), entry("1.2.0", { dueIn: SECOND })),
    });
    machine.staged("1.1.0");
    machine.exit(1);
    machine.upgradeEnds(GIVEN_UP);
    for (let turn = 0; turn < 5 && machine.state.phase.kind === "upgrading"; turn += 1) machine.upgradeEnds(GIVEN_UP);
    expect(machine.state.phase.kind).toBe("starting");
  });
});

describe("several upgrades", () => {
  const first = entry("1.1.0", { dueIn: MINUTE });
  const second = entry("1.2.0", { dueIn: 2n * MINUTE });

  test("are staged one after the other, the one that is due first before the others", () => {
    const machine = RunMachine.running();
    expect(deeds(machine.read(plan(second, first)))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([stageOf("1.2.0")]);
    expect(deeds(machine.staged("1.2.0"))).toEqual([]);
  });

  test("are performed in order of their time, each once", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    expect(deeds(machine.pass(HOUR))).toEqual([performOf("1.1.0")]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([performOf("1.2.0")]);
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
    machine.take({ type: "started" });
    expect(deeds(machine.pass(HOUR))).toEqual([]);
  });

  test("do not overtake one whose staging is still under way", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.pass(HOUR);
    expect(deeds(machine.take({ type: "staged", name: "1.2.0", fingerprint: second.fingerprint }))).toEqual([]);
    expect(deeds(machine.staged("1.1.0"))).toContainEqual(performOf("1.1.0"));
  });

  test("do not starve behind one whose staging fails", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    expect(deeds(machine.stagingFails("1.1.0"))).toEqual([stageOf("1.2.0")]);
    machine.staged("1.2.0");
    machine.pass(MINUTE);
    expect(deeds(machine.pass(MINUTE))).toContainEqual(performOf("1.2.0"));
  });

  test("do not starve behind one whose staging has failed and is tried again just now", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.stagingFails("1.1.0");
    machine.staged("1.2.0");
    expect(deeds(machine.pass(SECOND))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.pass(HOUR))).toContainEqual(performOf("1.2.0"));
  });

  test("do not starve behind one that was performed and failed", () => {
    const machine = RunMachine.running({ plan: plan(first, second) });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    machine.pass(MINUTE);
    machine.upgradeFails();
    machine.take({ type: "started" });
    expect(deeds(machine.pass(MINUTE))).toEqual([performOf("1.2.0")]);
  });

  test("are not held up by one that has an objection", () => {
    const machine = RunMachine.running();
    const hostile = entry("../../etc", { dueIn: -HOUR, objection: "it holds a slash" });
    const effects = machine.read(plan(hostile, entry("1.2.0")));
    expect(deeds(effects)).toEqual([stageOf("1.2.0")]);
    expect(said(effects)).toEqual(["release.refused", "upgrade.scheduled"]);
    expect(deeds(machine.staged("1.2.0"))).toEqual([performOf("1.2.0")]);
  });
});

describe("an upgrade whose staging failed", () => {
  test("is staged again after a growing delay, and the reason is told once", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(said(machine.stagingFails("1.1.0"))).toEqual(["staging.failed"]);
    const delays: bigint[] = [];
    for (let failure = 1; failure <= 20; failure += 1) {
      const { monotonic } = machine.wake();
      if (monotonic === null) throw new Error("nothing is scheduled");
      delays.push(monotonic - machine.monotonic);
      expect(deeds(machine.pass(monotonic - machine.monotonic))).toEqual([stageOf("1.1.0")]);
      expect(said(machine.stagingFails("1.1.0"))).toEqual([]);
    }
    expect(delays.slice(0, 5)).toEqual([1n, 2n, 4n, 8n, 16n].map((seconds) => seconds * SECOND));
    expect(delays.at(-1)).toBe(15n * MINUTE);
    expect(said(machine.stagingFails("1.1.0", { reason: "a wrong checksum" }))).toEqual(["staging.failed"]);
  });

  test("is looked at more often when only a file on this machine is missing", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    for (let failure = 0; failure < 20; failure += 1) machine.stagingFails("1.1.0", { local: true });
    expect(machine.wake().monotonic).toBe(machine.monotonic + 30n * SECOND);
  });

  test("is staged again at once when something in the plan was touched", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    for (let failure = 0; failure < 20; failure += 1) machine.stagingFails("1.1.0");
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
  });

  test("never touches the daemon", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.pass(HOUR);
    for (let failure = 0; failure < 50; failure += 1) {
      machine.stagingFails("1.1.0");
      expect(machine.state.phase.kind).toBe("running");
      expect(deeds(machine.pass(HOUR))).toEqual([stageOf("1.1.0")]);
    }
  });
});

describe("an upgrade that was performed and failed", () => {
  function failed({ stopped }: { stopped: boolean }) {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(said(machine.upgradeFails({ stopped }))).toContain("upgrade.failed");
    if (stopped) machine.take({ type: "started" });
    return machine;
  }

  test.each([
    [true, 5n * MINUTE],
    [false, 10n * SECOND],
  ])("after the daemon had been stopped (%p) is looked at and tried again only after a while", (stopped, delay) => {
    const machine = failed({ stopped });
    expect(machine.wake().monotonic).toBe(machine.monotonic + delay);
    expect(deeds(machine.pass(delay - 1n))).toEqual([]);
    expect(deeds(machine.setClock(24n * HOUR))).toEqual([]);
    expect(deeds(machine.pass(1n))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });

  test("waits longer each time", () => {
    const machine = failed({ stopped: true });
    machine.pass(5n * MINUTE);
    machine.staged("1.1.0");
    machine.upgradeFails();
    machine.take({ type: "started" });
    expect(machine.wake().monotonic).toBe(machine.monotonic + 10n * MINUTE);
  });

  test("is tried again at once when something in the plan was touched", () => {
    const machine = failed({ stopped: true });
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([performOf("1.1.0")]);
  });
});

describe("an upgrade that is taken out of the plan", () => {
  test("while it is staged has its staging cancelled", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    const effects = machine.read(plan());
    expect(deeds(effects)).toEqual([cancelOf("1.1.0")]);
    expect(said(effects)).toEqual(["upgrade.withdrawn"]);
    expect(machine.wake()).toEqual({ monotonic: null, wall: null });
  });

  test("after it was staged is not performed", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    machine.staged("1.1.0");
    machine.read(plan());
    expect(deeds(machine.pass(2n * HOUR))).toEqual([]);
  });

  test("is not performed when its staging reports late", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.read(plan());
    expect(machine.staged("1.1.0")).toEqual([]);
    expect(machine.stagingFails("1.1.0")).toEqual([]);
    expect(machine.state.progress.size).toBe(0);
  });

  test("while it is performed is told as given up, not as withdrawn, and the daemon goes on", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.staged("1.1.0");
    expect(machine.read(plan())).toEqual([]);
    const effects = machine.upgradeEnds({ ...GIVEN_UP, outcome: "given-up", stopped: true });
    expect(said(effects)).toEqual(["upgrade.aborted"]);
    expect(deeds(effects)).toEqual([START]);
    expect(deeds(machine.take({ type: "started" }))).toEqual([]);
  });

  test("and put back is staged anew", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    machine.stagingFails("1.1.0");
    machine.read(plan());
    expect(deeds(machine.read(plan(entry("1.1.0"))))).toEqual([stageOf("1.1.0")]);
  });
});

describe("an upgrade that is changed in the plan", () => {
  const changed = entry("1.1.0", { fingerprint: "another checksum" });

  test("while it is staged is staged anew, and what the first staging says counts for nothing", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    expect(deeds(machine.read(plan(changed)))).toEqual([
      cancelOf("1.1.0"),
      { type: "stage", name: "1.1.0", fingerprint: "another checksum" },
    ]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.take({ type: "staged", name: "1.1.0", fingerprint: "another checksum" }))).toEqual([
      performOf("1.1.0"),
    ]);
  });

  test("after it was staged is staged anew before it is performed", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: MINUTE })) });
    machine.staged("1.1.0");
    expect(deeds(machine.read(plan(changed)))).toEqual([
      { type: "stage", name: "1.1.0", fingerprint: "another checksum" },
    ]);
    expect(deeds(machine.pass(HOUR))).toEqual([]);
  });

  test("in nothing but its time keeps what was staged, and goes by the new time", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0", { dueIn: HOUR })) });
    machine.staged("1.1.0");
    const effects = machine.read(plan(entry("1.1.0", { dueIn: MINUTE })));
    expect(deeds(effects)).toEqual([]);
    expect(said(effects)).toEqual(["upgrade.scheduled"]);
    expect(deeds(machine.pass(MINUTE))).toEqual([performOf("1.1.0")]);
  });

  test("to something that has an objection is not staged any further", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0")) });
    const refused = entry("1.1.0", { objection: "its version is lower" });
    const effects = machine.read(plan(refused));
    expect(deeds(effects)).toEqual([cancelOf("1.1.0")]);
    expect(said(effects)).toEqual(["release.refused"]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(machine.read(plan(refused))).toEqual([]);
  });
});

describe("a name that stands in the plan twice", () => {
  const good = entry("1.1.0", { dueIn: MINUTE });
  const twin = entry("1.1.0", { dueIn: 0n, fingerprint: "the twin", objection: "the plan holds another entry of that name" });

  test("is staged and performed once, as the entry that counts says", () => {
    const machine = RunMachine.running();
    const effects = machine.read(plan(good, twin));
    expect(deeds(effects)).toEqual([stageOf("1.1.0")]);
    expect(deeds(machine.staged("1.1.0"))).toEqual([]);
    expect(deeds(machine.pass(MINUTE))).toEqual([performOf("1.1.0")]);
  });

  test("does not start a staging over and over", () => {
    const machine = RunMachine.running({ plan: plan(good, twin) });
    expect(deeds(machine.pass(SECOND))).toEqual([]);
    expect(deeds(machine.read(plan(good, twin)))).toEqual([]);
  });

  test("is told once", () => {
    const machine = RunMachine.running();
    expect(said(machine.read(plan(good, twin))).toSorted()).toEqual(["release.refused", "upgrade.scheduled"]);
    expect(said(machine.read(plan(good, twin)))).toEqual([]);
    expect(said(machine.read(plan()))).toEqual(["upgrade.withdrawn"]);
  });
});

describe("a home that is behind current", () => {
  const behind = { ...plan(entry("1.2.0", { dueIn: MINUTE })), current: "1.1.0", behind: true };
  const FORWARD = { type: "perform", target: { kind: "forward", name: "1.1.0" } } as const;

  test("at the start is brought forward before anything is started", () => {
    const machine = new RunMachine({ plan: { ...plan(), current: "1.1.0", behind: true } });
    expect(machine.state.phase).toMatchObject({ kind: "upgrading", target: FORWARD.target });
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });

  test("is brought forward at once when another node has moved current", () => {
    const machine = RunMachine.running();
    expect(deeds(machine.read(behind))).toEqual([stageOf("1.2.0"), FORWARD]);
  });

  test("is not upgraded further before it has been brought forward", () => {
    const machine = RunMachine.running();
    machine.read(behind);
    machine.staged("1.2.0");
    machine.upgradeFails({ stopped: false });
    expect(machine.state.phase.kind).toBe("running");
    expect(machine.wake().monotonic).toBe(machine.monotonic + 10n * SECOND);
    machine.wall += HOUR;
    expect(deeds(machine.pass(9n * SECOND))).toEqual([]);
    expect(deeds(machine.pass(SECOND))).toEqual([FORWARD]);
    machine.upgradeEnds();
    expect(deeds(machine.take({ type: "started" }))).toEqual([performOf("1.2.0")]);
  });

  test("runs its older build when it could not be brought forward", () => {
    const machine = new RunMachine({ plan: { ...plan(), current: "1.1.0", behind: true } });
    expect(deeds(machine.upgradeFails({ stopped: false }))).toEqual([START]);
  });

  test("starts its daemon after it, even where restarts after upgrades are off", () => {
    const machine = RunMachine.running({ restartAfterUpgrade: false });
    machine.read({ ...plan(), current: "1.1.0", behind: true });
    expect(deeds(machine.upgradeEnds())).toEqual([START]);
  });
});

describe("a switch whose documents could not be written", () => {
  function unrecorded() {
    const machine = RunMachine.running({ plan: plan(entry("1.1.0"), entry("1.2.0")) });
    machine.staged("1.1.0");
    machine.staged("1.2.0");
    const effects = machine.upgradeEnds({ ...DONE, outcome: "done", unrecorded: "no space" });
    expect(deeds(effects)).toEqual([START]);
    expect(said(effects)).toEqual(["warning"]);
    machine.take({ type: "started" });
    return machine;
  }

  test("still starts the new version, and keeps the next upgrade waiting", () => {
    const machine = unrecorded();
    expect(machine.state.phase.kind).toBe("running");
    expect(machine.wake().monotonic).toBe(machine.monotonic + SECOND);
  });

  test("is written down later, and the next upgrade follows", () => {
    const machine = unrecorded();
    expect(deeds(machine.pass(SECOND))).toEqual([{ type: "record" }]);
    expect(deeds(machine.take({ type: "recorded" }))).toEqual([performOf("1.2.0")]);
  });

  test("is tried again with a growing delay, and warned of once", () => {
    const machine = unrecorded();
    for (const seconds of [2n, 4n, 8n, 16n, 30n, 30n]) {
      const { monotonic } = machine.wake();
      expect(deeds(machine.pass((monotonic ?? 0n) - machine.monotonic))).toEqual([{ type: "record" }]);
      expect(said(machine.take({ type: "recording-failed", reason: "no space" }))).toEqual([]);
      expect(machine.wake().monotonic).toBe(machine.monotonic + seconds * SECOND);
    }
  });
});

describe("the next look", () => {
  test("is at nothing when nothing is scheduled", () => {
    expect(RunMachine.running().wake()).toEqual({ monotonic: null, wall: null });
  });

  test("is at the earliest due time that is still to come", () => {
    const machine = RunMachine.running({ plan: plan(entry("1.2.0", { dueIn: HOUR }), entry("1.1.0", { dueIn: MINUTE })) });
    expect(machine.wake()).toEqual({ monotonic: null, wall: machine.wall + MINUTE });
    machine.stagingFails("1.1.0");
    machine.pass(MINUTE);
    expect(machine.wake().wall).toBe(machine.wall + HOUR - MINUTE);
  });

  test("does not wait for an entry that has an objection", () => {
    const refused = entry("1.1.0", { dueIn: HOUR, objection: "its version is lower" });
    expect(RunMachine.running({ plan: plan(refused) }).wake().wall).toBeNull();
  });
});
