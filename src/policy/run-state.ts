import type { Duration } from "../model/duration.ts";
import type { NymvisorEvent } from "../model/events.ts";
import type { Instant } from "../model/instant.ts";
import type { Window } from "../model/window.ts";
import type { Look, Probation, ProbationProgress } from "./probation.ts";

/** What the run knows, what can happen to it, and what it can have done. `policy/run.ts` ties the three together. */

/** What the run's decisions depend on of the configuration. */
export interface RunSettings {
  restartAfterUpgrade: boolean;
  restartOnFailure: boolean;
  failureRestartDelay: Duration;
  maxStartupFailures: number;
  startupPeriod: Duration;
  /** When the node may be stopped for an upgrade; none: at any time. */
  windows: readonly Window[];
  /** How a new version is tried; `mostDeaths` follows from the restarts. */
  probation: { limit: Duration; grace: Duration; interval: Duration };
  /** A version that does not prove itself is gone back from without asking anybody. */
  goBackByItself: boolean;
}

/** One entry of the plan, as far as decisions need it. */
export interface QueuedUpgrade {
  name: string;
  version: string;
  due: Instant;
  /** Changes when anything changes that a staged binary was judged by. */
  fingerprint: string;
  /** Why it cannot be performed whatever is done (a hostile name, a downgrade that nobody asked for), or null. */
  objection: string | null;
  /** Nothing of it is executed before: its release has to come of age. */
  askFrom: Instant;
  /** A person named its time: windows are not asked. */
  anyTime: boolean;
  /** A person wants it during a hold as well. */
  despiteHold: boolean;
}

/** Nothing is performed until then; null: until it is lifted. */
export interface Hold {
  until: Instant | null;
  by: "command" | "setting";
}

/** The plan as it was read. */
export interface PlanView {
  /** Name of the build that `current` points to. */
  current: string;
  /** `current` was moved on by another node on this box: this home has to be brought after it. */
  behind: boolean;
  /** A person ordered what `current` points to, so that this home follows whatever is held, at any time. */
  currentOrdered: boolean;
  /** In order of due time. */
  queue: readonly QueuedUpgrade[];
  holds: readonly Hold[];
  /** Why this home is not brought after `current`: it was put back from there; null: nothing is against it. */
  forwardObjection: string | null;
  /** Another home has `current` on probation; this one waits for the verdict. */
  forwardWaitsFor: string | null;
  /** A person wants this home back on an earlier build. */
  goBack: WayBackOrder | null;
}

export interface WayBackOrder {
  /** The build that the home goes back to. */
  to: string;
  /** Where the home lies as it was; null: the binary alone goes back. */
  saved: string | null;
  since: Instant;
}

export type Staging =
  | { state: "waiting" }
  | { state: "running" }
  /** Downloaded and verified; it is not old enough yet to be asked who it is. */
  | { state: "fetched" }
  | { state: "staged" }
  | { state: "failed"; reason: string; retryAt: bigint };

/** What is known of the work on one queued upgrade; forgotten when its fingerprint changes. */
export interface Progress {
  fingerprint: string;
  staging: Staging;
  stagingFailures: number;
  attempts: number;
  /** After a failed attempt: not before this monotonic moment. */
  heldUntil: bigint | null;
  /** The last reason, for whoever asks. */
  reason: string | null;
}

export type Target =
  /**
   * `fingerprint`: what was staged; an entry that reads differently by now is another upgrade. `from`: the build that
   * `current` points to; where that has moved on, it is to be decided anew.
   */
  | { kind: "upgrade"; name: string; fingerprint: string; from: string }
  | { kind: "forward"; name: string }
  /** Away from what runs. `order`: a person's; null: the version on probation has failed, and `why` says how. */
  | { kind: "back"; name: string; order: WayBackOrder | null; why: string };

export type Resumable = { kind: "running"; since: bigint } | { kind: "restarting"; at: bigint };

/** The daemon that ran has ended while an attempt at an upgrade was under way. */
export type EndedMeanwhile = {
  kind: "ended-meanwhile";
  ranFor: Duration;
  exitCode: number | null;
  signal: string | null;
};

export type Phase =
  /** `upgrade`: what was switched to, and since when nothing runs, until that has been told. */
  | { kind: "starting"; upgrade: { name: string; version: string; stoppedAt: bigint | null; back: boolean } | null }
  | Resumable
  /** `resume`: where the run goes on if the attempt ends without having touched the daemon. */
  | { kind: "upgrading"; target: Target; stopRequested: string | null; resume: Resumable | EndedMeanwhile }
  | { kind: "stopping"; signal: string }
  | { kind: "ended" };

export interface RunState {
  settings: RunSettings;
  phase: Phase;
  /** Startup failures in a row. */
  failures: number;
  plan: PlanView;
  /** By name; a map, because a name may be `constructor`. */
  progress: ReadonlyMap<string, Progress>;
  /** For bringing this home after `current`, as `attempts` and `heldUntil` above. */
  forward: { attempts: number; heldUntil: bigint | null };
  /** For a way back, likewise. `since`: of the order that it is about, or null. */
  back: { attempts: number; heldUntil: bigint | null; since: Instant | null };
  /** The version that is being tried, or null. */
  probation: Probation | null;
  /** The node was put back, or could not be: what runs now is all there is, so its restarts go on without an end. */
  endless: boolean;
  /** Documents that are still to be written (after a switch) or put in order (at a start), and when to try that again. */
  recording: { failures: number; retryAt: bigint } | null;
}

export interface Moment {
  wall: Instant;
  monotonic: bigint;
}

export type RunInput =
  | { type: "started" }
  | { type: "start-failed"; reason: string }
  | { type: "exited"; exitCode: number | null; signal: string | null }
  | { type: "stop-requested"; signal: string }
  /** `untouched`: nobody has changed anything, so that what has failed is not tried again for it. */
  | { type: "plan-read"; plan: PlanView; untouched?: boolean }
  | { type: "staged"; name: string; fingerprint: string }
  | { type: "fetched"; name: string; fingerprint: string }
  /** `busy`: another node is doing it. */
  | { type: "staging-failed"; name: string; fingerprint: string; reason: string; local: boolean; busy?: boolean }
  | { type: "upgrade-ended"; result: UpgradeResult }
  /** The version on probation was looked at. `pid`: of the process that was. */
  | { type: "looked-at"; look: Look; sameProcess: boolean }
  /** The documents that were still to be written or put in order are so now. */
  | { type: "recorded" }
  | { type: "recording-failed"; reason: string }
  | { type: "time-passed" };

export type UpgradeResult =
  /** Switched (or brought forward); the daemon is stopped. */
  | {
      outcome: "done";
      /** Of what runs next. */
      name: string;
      version: string;
      /** The monotonic moment at which the daemon had stopped; null if none ran. */
      stoppedAt: bigint | null;
      /** Set if the upgrade asks for a person before the new build is started: what to read, and where it stands. */
      manual: { version: string; notes: string; source: string } | null;
      /** Why the documents that follow from the switch could not all be written yet, or null. */
      unrecorded: string | null;
      /** They are to be written once the daemon runs: it does not wait for them. */
      toRecord?: boolean;
      /** Why there is no way back from it, should it not prove itself, or null; after a way back it says nothing. */
      noWayBack: string | null;
    }
  /** The old build stands. `stopped`: the daemon was stopped for the attempt and has to be started again. */
  | {
      outcome: "failed";
      reason: string;
      stopped: boolean;
      /** Why the journal of the attempt is still there: it is to be settled before anything else is begun. */
      unrecorded?: string;
      /** The home was half exchanged: it must be whole before anything is started on it, and the next start sees to that. */
      halfway?: boolean;
      /** It would fail again for ever: an order that cannot be carried out. */
      hopeless?: boolean;
    }
  /** Nothing was begun: another node that shares the upgrade data has its turn. */
  | { outcome: "postponed"; reason: string; stopped: false }
  /** Given up on request, or because the entry was withdrawn. */
  | { outcome: "given-up"; reason: string; stopped: boolean };

export type Effect =
  | { type: "start-daemon" }
  | { type: "stop-daemon"; why: string }
  | { type: "stage"; name: string; fingerprint: string }
  | { type: "cancel-staging"; name: string }
  | { type: "perform"; target: Target }
  /** Write what follows from a switch that has happened. */
  | { type: "record" }
  | { type: "give-up-upgrade"; why: string }
  /** Look at the health of the version on probation. */
  | { type: "look" }
  /** Note how far the probation is. */
  | { type: "note-probation"; progress: ProbationProgress }
  /** The probation is over, and the version stays. `failed`: why it did not prove itself, or null. */
  | { type: "end-probation"; failed: string | null }
  /** A person's order to go back that cannot be carried out. */
  | { type: "drop-order"; reason: string }
  | { type: "end"; exitCode: number; why: string }
  | { type: "emit"; event: NymvisorEvent };
