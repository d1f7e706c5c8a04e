import type { Duration } from "../../src/model/duration.ts";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { decide, initialState, nextWake } from "../../src/policy/run.ts";
import type {
  Effect,
  PlanView,
  QueuedUpgrade,
  RunInput,
  RunSettings,
  RunState,
  UpgradeResult,
} from "../../src/policy/run-state.ts";
import { NOON } from "../support/upgrades.ts";

export const SECOND: Duration = 1_000_000_000n;
export const MINUTE: Duration = 60n * SECOND;
export const HOUR: Duration = 60n * MINUTE;

const SETTINGS: RunSettings = {
  restartAfterUpgrade: true,
  restartOnFailure: true,
  failureRestartDelay: 10n * SECOND,
  maxStartupFailures: 3,
  startupPeriod: 120n * SECOND,
  windows: [],
  probation: { limit: 120n * SECOND, grace: 0n, interval: 5n * SECOND },
  goBackByItself: true,
};

/** An entry of the plan, due in so long. */
export function entry(
  name: string,
  { dueIn = 0n, ...others }: Partial<QueuedUpgrade> & { dueIn?: Duration } = {},
): QueuedUpgrade {
  return {
    name,
    version: name,
    due: NOON + dueIn,
    fingerprint: `${name} as announced`,
    objection: null,
    askFrom: 0n,
    anyTime: false,
    despiteHold: false,
    ...others,
  };
}

/** A plan with these entries, in order of due time. */
export function plan(...queue: QueuedUpgrade[]): PlanView {
  return {
    current: "genesis",
    behind: false,
    currentOrdered: false,
    holds: [],
    forwardObjection: null,
    forwardWaitsFor: null,
    goBack: null,
    queue: queue.toSorted((a, b) => Number(a.due - b.due)),
  };
}

/** Away from a version that has failed. */
export const backFrom = (name: string, why: string) =>
  ({ type: "perform", target: { kind: "back", name, order: null, why } }) as const;

export const DONE: Extract<UpgradeResult, { outcome: "done" }> = {
  outcome: "done",
  name: "1.1.0",
  noWayBack: null,
  version: "1.1.0",
  stoppedAt: 0n,
  manual: null,
  unrecorded: null,
};

export const GIVEN_UP: Extract<UpgradeResult, { outcome: "given-up" }> = {
  outcome: "given-up",
  reason: "it was withdrawn",
  stopped: false,
};

/** What is to be done, for comparison. */
export const START = { type: "start-daemon" } as const;
export const stageOf = (name: string) => ({ type: "stage", name, fingerprint: `${name} as announced` }) as const;
export const performOf = (name: string, { fingerprint = `${name} as announced`, from = "genesis" } = {}) =>
  ({ type: "perform", target: { kind: "upgrade", name, fingerprint, from } }) as const;
export const cancelOf = (name: string) => ({ type: "cancel-staging", name }) as const;

/** Drives the reducer, with clocks that move only when they are told to. */
export class RunMachine {
  state: RunState;
  /** Since the machine was switched on. */
  monotonic = 5n * HOUR;
  wall = NOON;

  constructor({ plan: view = plan(), ...settings }: Partial<RunSettings> & { plan?: PlanView } = {}) {
    this.state = initialState({ ...SETTINGS, ...settings }, { ...view, queue: [] });
    this.take({ type: "time-passed" });
    if (view.queue.length > 0) this.read(view);
  }

  /** A machine whose daemon runs. */
  static running(settings: ConstructorParameters<typeof RunMachine>[0] = {}): RunMachine {
    const machine = new RunMachine(settings);
    machine.take({ type: "started" });
    return machine;
  }

  now() {
    return { wall: this.wall, monotonic: this.monotonic };
  }

  take(input: RunInput): Effect[] {
    const { state, effects } = decide(this.state, input, this.now());
    this.state = state;
    return effects;
  }

  /** Both clocks go on by so much. */
  pass(duration: Duration): Effect[] {
    this.monotonic += duration;
    this.wall += duration;
    return this.take({ type: "time-passed" });
  }

  /** Somebody sets the wall clock. */
  setClock(by: Duration): Effect[] {
    this.wall += by;
    return this.take({ type: "time-passed" });
  }

  read(view: PlanView): Effect[] {
    return this.take({ type: "plan-read", plan: view });
  }

  exit(exitCode: number | null, signal: string | null = null): Effect[] {
    return this.take({ type: "exited", exitCode, signal });
  }

  stop(signal = "SIGTERM"): Effect[] {
    return this.take({ type: "stop-requested", signal });
  }

  staged(name: string): Effect[] {
    return this.take({ type: "staged", name, fingerprint: `${name} as announced` });
  }

  stagingFails(name: string, { reason = "no route to host", local = false, busy = false } = {}): Effect[] {
    return this.take({ type: "staging-failed", name, fingerprint: `${name} as announced`, reason, local, busy });
  }

  upgradeEnds(result: UpgradeResult = DONE): Effect[] {
    return this.take({ type: "upgrade-ended", result });
  }

  upgradeFails({ reason = "the backup failed", stopped = true } = {}): Effect[] {
    return this.upgradeEnds({ outcome: "failed", reason, stopped });
  }

  wake() {
    return nextWake(this.state, this.now());
  }

  /** Time passes as far as the run asked to be woken by the monotonic clock. */
  sleep(): Effect[] {
    const { monotonic } = this.wake();
    if (monotonic === null) throw new Error("it asked for nothing");
    return this.pass(monotonic - this.monotonic);
  }

  /** What a look at the version on probation has found. */
  looked(...reasons: string[]): Effect[] {
    return this.take({ type: "looked-at", look: { well: reasons.length === 0, reasons }, sameProcess: true });
  }

  /** The version on probation is well until it has passed. @returns what followed from that. */
  prove(): Effect[] {
    for (let effects = this.looked(); ; effects = this.looked()) {
      if (this.state.probation === null) return effects;
      this.sleep();
    }
  }
}

/** What was to be done, without what was said. */
export function deeds(effects: readonly Effect[]): Exclude<Effect, { type: "emit" }>[] {
  return effects.filter((effect) => effect.type !== "emit");
}

/** The types of what was said. */
export function said(effects: readonly Effect[]): NymvisorEvent["type"][] {
  return effects.flatMap((effect) => (effect.type === "emit" ? [effect.event.type] : []));
}

/** The end that was decided, if one was. */
export function ending(effects: readonly Effect[]): Extract<Effect, { type: "end" }> | undefined {
  return effects.find((effect) => effect.type === "end");
}
