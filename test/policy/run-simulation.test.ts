import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ProbationProgress } from "../../src/policy/probation.ts";
import { decide, initialState, nextWake } from "../../src/policy/run.ts";
import type {
  Effect,
  Moment,
  PlanView,
  QueuedUpgrade,
  RunInput,
  RunSettings,
  RunState,
  Target,
  UpgradeResult,
} from "../../src/policy/run-state.ts";
import { NOON } from "../support/upgrades.ts";
import { DONE, HOUR, MINUTE, SECOND } from "./run-machine.ts";

/*
 * A machine that does what the run decides, in whatever order chance has it, and objects when a decision makes no sense
 * in the state that it is in.
 */

/** Nothing keeps this home from following the others, or wants it back. */
const NOBODY = { forwardObjection: null, forwardWaitsFor: null, goBack: null };

const NAMES = ["1.1.0", "1.2.0", "constructor", "__proto__"];

/** One number picks what happens, the other how. */
type Chance = readonly [what: number, how: number];

class SimulatedMachine {
  state: RunState;
  now: Moment = { wall: NOON, monotonic: 1n };
  daemon: "none" | "starting" | "running" = "none";
  asked = false;
  stopRequested = false;
  exitCode: number | undefined;
  /** What is being staged, and as what. */
  readonly stagings = new Map<string, string>();
  readonly staged = new Set<string>();
  upgrade: { target: Target; stoppedDaemon: boolean; givenUp: boolean } | undefined;
  recording = false;
  /** Documents of a switch that are still to be written. */
  unwritten = false;
  /** What is being tried, as whoever performed the switch knows it. */
  trial: { name: string; noWayBack: string | null; progress: ProbationProgress | undefined } | undefined;
  /** Which process there is, or was last, and those that are being looked at. */
  process = 0;
  readonly looks: number[] = [];
  /** Names of what was gone back from, and of what has had its verdict otherwise. */
  readonly wentBack: string[] = [];
  readonly verdicts: { name: string; failed: string | null }[] = [];
  plan: PlanView = { current: "genesis", behind: false, currentOrdered: false, queue: [], holds: [], ...NOBODY };
  readonly performed: string[] = [];

  constructor(settings: RunSettings, behind: boolean) {
    this.plan = { ...this.plan, behind };
    this.state = initialState(settings, this.plan);
    this.take({ type: "time-passed" });
  }

  take(input: RunInput): void {
    const { state, effects } = decide(this.state, input, this.now);
    this.state = state;
    for (const effect of effects) this.carryOut(effect);
    this.checkWake();
  }

  private carryOut(effect: Effect): void {
    if (this.exitCode !== undefined) throw new Error(`${effect.type} after the end`);
    switch (effect.type) {
      case "start-daemon":
        expect({ daemon: this.daemon, upgrade: this.upgrade }).toEqual({ daemon: "none", upgrade: undefined });
        expect(this.stopRequested).toBe(false);
        this.daemon = "starting";
        this.process += 1;
        break;
      case "stop-daemon":
        expect(this.daemon).not.toBe("none");
        expect(this.upgrade).toBeUndefined();
        this.asked = true;
        break;
      case "stage":
        expect([...this.stagings.keys()]).toEqual([]);
        expect(this.stopRequested).toBe(false);
        expect(this.plan.queue).toContainEqual(expect.objectContaining({ ...named(effect), objection: null }));
        this.stagings.set(effect.name, effect.fingerprint);
        break;
      case "cancel-staging":
        this.stagings.delete(effect.name);
        break;
      case "perform":
        expect(this.upgrade).toBeUndefined();
        expect(this.daemon).not.toBe("starting");
        expect(this.stopRequested).toBe(false);
        this.checkTarget(effect.target);
        this.upgrade = { target: effect.target, stoppedDaemon: false, givenUp: false };
        break;
      case "give-up-upgrade":
        expect(this.upgrade).toBeDefined();
        if (this.upgrade !== undefined) this.upgrade.givenUp = true;
        break;
      case "record":
        this.recording = true;
        break;
      case "look":
        expect(this.daemon).toBe("running");
        expect(this.looks).not.toContain(this.process);
        expect(this.trial?.progress?.failed ?? null).toBeNull();
        this.looks.push(this.process);
        break;
      case "note-probation":
        if (this.trial === undefined) throw new Error("nothing is tried");
        this.trial.progress = effect.progress;
        break;
      case "end-probation":
        this.endTrial(effect.failed);
        break;
      case "drop-order":
        expect(this.plan.goBack).not.toBeNull();
        this.plan = { ...this.plan, goBack: null };
        break;
      case "end":
        expect({ daemon: this.daemon, upgrade: this.upgrade }).toEqual({ daemon: "none", upgrade: undefined });
        if (this.stopRequested) expect(effect.exitCode).toBe(0);
        this.exitCode = effect.exitCode;
        break;
      case "emit":
        break;
    }
  }

  /** There is a verdict: once, into documents that are there, and for what runs. */
  private endTrial(failed: string | null): void {
    expect(this.unwritten).toBe(false);
    if (this.trial === undefined) throw new Error("nothing is tried");
    const { name, noWayBack, progress } = this.trial;
    if (failed === null) expect(progress?.failed ?? null).toBeNull();
    else {
      expect(progress?.failed).toBeString();
      if (this.state.settings.goBackByItself) expect(noWayBack).toBeString();
    }
    this.verdicts.push({ name, failed });
    this.trial = undefined;
  }

  private checkTarget(target: Target): void {
    expect(this.unwritten).toBe(false);
    if (target.kind === "back") {
      expect(target.order).toEqual(this.plan.goBack);
      if (target.order !== null) return;
      expect(this.state.settings.goBackByItself).toBe(true);
      expect(this.trial).toMatchObject({ name: target.name, noWayBack: null, progress: { failed: target.why } });
      return;
    }
    expect(this.plan.goBack).toBeNull();
    if (target.kind === "forward") {
      expect(this.trial).toBeUndefined();
      expect(this.plan).toMatchObject({ behind: true, forwardObjection: null, forwardWaitsFor: null });
      return;
    }
    const wanted = this.plan.queue.find((entry) => entry.name === target.name && entry.objection === null);
    // A person may not want to wait for the verdict; once it is against the version, that comes first.
    if (this.trial !== undefined) {
      expect(this.trial.progress?.failed ?? null).toBeNull();
      expect(wanted?.anyTime).toBe(true);
    }
    expect(wanted?.fingerprint).toBe(target.fingerprint);
    expect(wanted?.due).toBeLessThanOrEqual(this.now.wall);
    expect(this.staged).toContain(key(target));
    expect(this.plan.behind && (this.trial !== undefined || this.plan.forwardObjection === null)).toBe(false);
  }

  private checkWake(): void {
    const { monotonic, wall } = nextWake(this.state, this.now);
    if (monotonic !== null) expect(monotonic).toBeGreaterThan(this.now.monotonic);
    if (wall !== null) expect(wall).toBeGreaterThan(this.now.wall);
    const { phase, recording, progress, probation } = this.state;
    if (phase.kind === "ended" || phase.kind === "stopping") return;
    const ahead = (moment: bigint | null | undefined) => moment != null && moment > this.now.monotonic;
    const delays = [...progress.values()].map(({ staging }) => (staging.state === "failed" ? staging.retryAt : null));
    if (phase.kind === "restarting") expect(monotonic).not.toBeNull();
    const isTried = phase.kind === "running" && probation !== null && probation.failed === null;
    if (isTried && !this.looks.includes(this.process)) expect(monotonic).not.toBeNull();
    if ([...delays, recording?.retryAt].some(ahead)) expect(monotonic).not.toBeNull();
    const dues = this.plan.queue.filter(({ objection }) => objection === null).map(({ due }) => due);
    if (dues.some((due) => due > this.now.wall)) expect(wall).not.toBeNull();
  }

  /** One thing that can happen now, by chance. */
  happen([what, how]: Chance): void {
    const possible = this.possibilities(how);
    possible[what % possible.length]?.();
  }

  private possibilities(how: number): (() => void)[] {
    const late = { name: NAMES[how % NAMES.length] ?? "", fingerprint: `late ${how % 3}` };
    const always = [
      () => this.read({ ...randomPlan(how), forwardWaitsFor: how % 5 === 0 ? "/another/home" : null }),
      () => this.pass(BigInt(how % 400) * SECOND),
      () => this.sleep(),
      () => this.setClock(BigInt((how % 9) - 4) * HOUR),
      () => this.take({ type: "staged", ...late }),
      () => this.take({ type: "staging-failed", ...late, reason: "late", local: false }),
    ];
    const now: (() => void)[] = [...this.stagings].flatMap(([name, fingerprint]) => [
      () => this.stage(name, fingerprint),
      () => this.failStaging(name, fingerprint, how),
    ]);
    if (this.daemon === "starting")
      now.push(
        () => this.start(),
        () => this.failStart(),
      );
    if (this.daemon === "running") now.push(() => this.exit(how % 3));
    if (this.upgrade !== undefined) now.push(() => this.goOnUpgrading(how));
    if (this.recording)
      now.push(
        () => this.record(),
        () => this.failRecording(),
      );
    if (this.looks.length > 0) now.push(() => this.look(how % 2 === 0));
    if (how % 11 === 0) now.push(() => this.stop());
    // What is under way goes on more often than something new happens.
    return [...always, ...now, ...now, ...now];
  }

  read(plan: PlanView): void {
    this.plan = plan;
    this.take({ type: "plan-read", plan });
  }

  pass(duration: bigint): void {
    this.now = { wall: this.now.wall + duration, monotonic: this.now.monotonic + duration };
    this.take({ type: "time-passed" });
  }

  setClock(by: bigint): void {
    this.now = { ...this.now, wall: this.now.wall + by };
    this.take({ type: "time-passed" });
  }

  /** Time passes exactly as far as the run asked to be woken. @returns false if it asked for nothing. */
  sleep(): boolean {
    const { monotonic, wall } = nextWake(this.state, this.now);
    const waits = [
      ...(monotonic === null ? [] : [monotonic - this.now.monotonic]),
      ...(wall === null ? [] : [wall - this.now.wall]),
    ];
    const [least] = waits.toSorted((a, b) => Number(a - b));
    if (least === undefined) return false;
    this.pass(least);
    return true;
  }

  stage(name: string, fingerprint: string): void {
    this.stagings.delete(name);
    this.staged.add(key({ name, fingerprint }));
    this.take({ type: "staged", name, fingerprint });
  }

  failStaging(name: string, fingerprint: string, how: number): void {
    this.stagings.delete(name);
    this.take({ type: "staging-failed", name, fingerprint, reason: `reason ${how % 2}`, local: how % 2 === 0 });
  }

  start(): void {
    this.daemon = "running";
    // A daemon that was asked to stop before it was there is stopped without a word about its start.
    if (!this.asked) this.take({ type: "started" });
  }

  failStart(): void {
    this.daemon = "none";
    this.take({ type: "start-failed", reason: "no such file" });
  }

  exit(exitCode: number): void {
    this.daemon = "none";
    this.take({ type: "exited", exitCode, signal: null });
  }

  look(well: boolean): void {
    const sameProcess = this.looks.shift() === this.process && this.daemon === "running";
    this.take({ type: "looked-at", look: { well, reasons: well ? [] : ["it answered 503"] }, sameProcess });
  }

  goOnUpgrading(how: number): void {
    const { upgrade } = this;
    if (upgrade === undefined) return;
    if (!upgrade.stoppedDaemon && this.daemon === "running" && !upgrade.givenUp && how % 3 !== 0) {
      upgrade.stoppedDaemon = true;
      this.exit(0);
      return;
    }
    this.upgrade = undefined;
    const stopped = upgrade.stoppedDaemon;
    if (upgrade.givenUp) this.endUpgrade({ outcome: "given-up", reason: "asked to", stopped });
    else if (this.daemon === "running" || how % 4 === 1)
      this.endUpgrade({ outcome: "failed", reason: "full", stopped });
    else if (how % 4 === 2) this.endUpgrade({ outcome: "given-up", reason: "withdrawn", stopped });
    else if (upgrade.target.kind === "back" && how % 7 === 0) this.failBack(upgrade.target, stopped, how);
    else this.finishUpgrade(upgrade.target, how % 5 === 0 ? "no space" : null, how);
  }

  /** It cannot be done at all, or its journal cannot be looked at. */
  private failBack(target: Extract<Target, { kind: "back" }>, stopped: boolean, how: number): void {
    const hopeless = how % 2 === 0;
    if (hopeless && target.order === null && this.trial !== undefined) this.trial.noWayBack = "the binary is gone";
    const kind = hopeless ? { hopeless } : { halfway: true };
    this.endUpgrade({ outcome: "failed", reason: "the binary is gone", stopped, ...kind });
  }

  private endUpgrade(result: UpgradeResult): void {
    this.take({ type: "upgrade-ended", result });
  }

  /** The documents that follow are written, or cannot be, or are to be once the daemon runs. */
  private done(name: string, unrecorded: string | null, how: number, noWayBack: string | null): void {
    const toRecord = unrecorded === null && how % 3 === 0;
    this.unwritten = unrecorded !== null || toRecord;
    this.recording = false;
    this.endUpgrade({ ...DONE, name, version: name, unrecorded, toRecord, noWayBack });
  }

  private finishBack(target: Extract<Target, { kind: "back" }>, unrecorded: string | null, how: number): void {
    const { order } = target;
    this.wentBack.push(this.trial?.name ?? this.plan.current);
    this.trial = undefined;
    const to = order?.to ?? "genesis";
    this.plan = { ...this.plan, current: to, behind: false, goBack: null };
    this.done(to, unrecorded, how, null);
  }

  finishUpgrade(target: Target, unrecorded: string | null, how = 1): void {
    if (target.kind === "back") {
      this.finishBack(target, unrecorded, how);
      return;
    }
    const entry = this.plan.queue.find(({ name, objection }) => name === target.name && objection === null);
    if (target.kind === "upgrade" && entry?.fingerprint !== target.fingerprint) {
      this.endUpgrade({ outcome: "given-up", reason: "changed in the plan", stopped: this.daemon === "none" });
      return;
    }
    this.performed.push(target.name);
    const queue = this.plan.queue.filter(({ name }) => name !== target.name);
    this.plan = { ...this.plan, current: target.name, behind: false, queue };
    const noWayBack = how % 9 === 0 ? "no backup was made" : null;
    this.trial = { name: target.name, noWayBack, progress: undefined };
    this.done(target.name, unrecorded, how, noWayBack);
  }

  record(): void {
    this.recording = false;
    this.unwritten = false;
    this.take({ type: "recorded" });
  }

  failRecording(): void {
    this.recording = false;
    this.take({ type: "recording-failed", reason: "no space" });
  }

  stop(): void {
    if (this.exitCode !== undefined) return;
    this.stopRequested = true;
    this.take({ type: "stop-requested", signal: "SIGTERM" });
  }

  /** From here on everything that is under way succeeds. @returns false if nothing is under way. */
  succeed(): boolean {
    const [staging] = this.stagings;
    if (this.upgrade !== undefined) {
      if (this.daemon === "running") this.exit(0);
      const { target, givenUp } = this.upgrade;
      this.upgrade = undefined;
      if (givenUp) this.endUpgrade({ outcome: "given-up", reason: "asked to", stopped: true });
      else this.finishUpgrade(target, null);
    } else if (this.daemon === "starting") this.start();
    else if (this.daemon === "running" && this.asked) this.exit(0);
    else if (staging !== undefined) this.stage(...staging);
    else if (this.recording) this.record();
    else if (this.looks.length > 0) this.look(true);
    else return false;
    return true;
  }
}

function named({ name, fingerprint }: { name: string; fingerprint: string }) {
  return { name, fingerprint };
}

function key({ name, fingerprint }: { name: string; fingerprint: string }): string {
  return `${name} ${fingerprint}`;
}

function randomPlan(how: number): PlanView {
  const queue = NAMES.flatMap((name, index): QueuedUpgrade[] => {
    const digit = Math.floor(how / 7 ** index) % 7;
    if (digit < 2) return [];
    const due = NOON + BigInt(digit * digit - 12) * 10n * MINUTE;
    const objection = digit === 6 ? "its version is lower" : null;
    const young = { askFrom: digit === 4 ? due : 0n, anyTime: digit === 3, despiteHold: false };
    const entry = { name, version: name, due, fingerprint: `${digit % 2}`, objection, ...young };
    return digit === 5 ? [entry, { ...entry, fingerprint: "twin", objection: "another entry of that name" }] : [entry];
  });
  const inOrder = queue.toSorted((a, b) => Number(a.due - b.due));
  const said = {
    forwardObjection: how % 26 === 0 ? "it was put back from there" : null,
    goBack: how % 17 === 0 ? { to: "genesis", saved: null, since: BigInt(how % 3) } : null,
  };
  const plan = { current: "genesis", behind: how % 13 === 0, currentOrdered: false, queue: inOrder, holds: [] };
  return { ...plan, ...NOBODY, ...said };
}

const settings: fc.Arbitrary<RunSettings> = fc.record({
  windows: fc.constant([]),
  probation: fc.record({
    limit: fc.constantFrom(0n, 90n * SECOND),
    grace: fc.constantFrom(0n, 30n * SECOND, 200n * SECOND),
    interval: fc.constant(5n * SECOND),
  }),
  goBackByItself: fc.boolean(),
  restartAfterUpgrade: fc.boolean(),
  restartOnFailure: fc.boolean(),
  failureRestartDelay: fc.constantFrom(0n, 10n * SECOND),
  maxStartupFailures: fc.constantFrom(0, 1, 2, 1000),
  startupPeriod: fc.constantFrom(0n, 120n * SECOND),
});
const chances: fc.Arbitrary<Chance[]> = fc.array(fc.tuple(fc.nat(1000), fc.nat(100_000)), { maxLength: 60 });

test("whatever happens in whatever order, every decision makes sense", () => {
  fc.assert(
    fc.property(settings, fc.boolean(), chances, (chosen, behind, sequence) => {
      const machine = new SimulatedMachine(chosen, behind);
      for (const chance of sequence) machine.happen(chance);
    }),
    { numRuns: 400 },
  );
});

test("a stop that is asked for at any moment leads to the end as soon as what is under way has settled", () => {
  fc.assert(
    fc.property(settings, chances, (chosen, sequence) => {
      const machine = new SimulatedMachine(chosen, false);
      for (const chance of sequence) machine.happen(chance);
      machine.stop();
      for (let turn = 0; turn < 10 && machine.exitCode === undefined; turn += 1) machine.succeed();
      expect(machine.exitCode).toBeDefined();
    }),
    { numRuns: 200 },
  );
});

test("when all goes well again every upgrade of the plan is performed once, woken by nothing but what was asked for", () => {
  const patient = settings.map((chosen) => ({
    ...chosen,
    restartAfterUpgrade: true,
    restartOnFailure: true,
    maxStartupFailures: 1000,
  }));
  const quiet = chances.map((sequence) =>
    sequence.map(([what, how]): Chance => [what, how % 11 === 0 ? how + 1 : how]),
  );
  fc.assert(
    fc.property(patient, quiet, fc.nat(100_000), (chosen, sequence, last) => {
      const machine = new SimulatedMachine(chosen, false);
      for (const chance of sequence) machine.happen(chance);
      // Unless a daemon has ended by itself with 0, which is the end.
      if (machine.exitCode !== undefined) return;
      const plan = randomPlan(last);
      const wanted = plan.queue.filter(({ objection }) => objection === null).map(({ name }) => name);
      machine.read(plan);
      machine.performed.length = 0;
      machine.verdicts.length = 0;
      for (let turn = 0; turn < 1000; turn += 1) if (!machine.succeed() && !machine.sleep()) break;
      expect(machine.performed.filter((name) => wanted.includes(name)).toSorted()).toEqual(wanted.toSorted());
      expect(machine.daemon).toBe("running");
      expect(machine.trial).toBeUndefined();
      const newest = machine.performed.at(-1);
      if (newest !== undefined && newest !== machine.wentBack.at(-1)) {
        expect(machine.verdicts.at(-1)).toEqual({ name: newest, failed: null });
      }
    }),
    { numRuns: 200 },
  );
});
