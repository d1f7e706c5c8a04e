import { outcomesSchema, type Outcome as Verdict } from "../src/model/outcomes.ts";
import type { Layout } from "../src/model/paths.ts";
import type { ProbationNote } from "../src/upgrade/probation-note.ts";
import type { Machine } from "./machine.ts";
import type { SimulatedProcess } from "./processes.ts";

/** What the world saw of a version on a home since it was started there for the first time. */
interface Truth {
  /** How long it was seen well without a break, in microseconds. */
  proven: number;
  lastWell: { daemon: SimulatedProcess; at: number } | undefined;
  /** What has spoken against it. */
  complaints: number;
  /** The disk did not take what was to be noted of it: not even that it has died. */
  isUnnoted: boolean;
}

export interface TrialReports {
  verdicts(what: string): void;
  badBytes(what: string): void;
  oneProvesFirst(what: string): void;
  /** This home's version has passed. */
  passed(home: string): void;
}

/** How long a trial that nobody ends keeps other nodes waiting, in nanoseconds. */
const GIVEN_UP = 86_400_000_000_000n;

const SLACK = 2_000;

/** What becomes of each switch, beside what nymvisor says of it. */
export class TrialLedger {
  #verdicts = new Map<string, Verdict>();
  /** By home and build. */
  readonly #truths = new Map<string, Truth>();
  /** What runs on each home. */
  readonly #builds = new Map<string, string>();
  /** How often a build could not be started on a home since another was. */
  readonly #failedStarts = new Map<string, number>();
  /** By home: the trials of other nodes that ran when this one set out to follow them. */
  readonly #awaited = new Map<string, Set<string>>();
  /** Those that have tried to go back since they were started. */
  readonly #tried = new Set<SimulatedProcess>();
  /** Upgrades that were tried again after they had failed. */
  readonly forgiven = new Set<string>();

  /** @param probation how long a version is tried, in microseconds. */
  constructor(
    private readonly machine: Machine,
    private readonly layouts: readonly Layout[],
    private readonly probation: number,
    private readonly report: TrialReports,
  ) {}

  get all(): readonly Verdict[] {
    return [...this.#verdicts.values()];
  }

  /** The last that is known of a build on a home. */
  lastOf(home: string, name: string): Verdict | undefined {
    return this.all.findLast((one) => one.home === home && one.name === name);
  }

  /** Whether these bytes have failed by themselves, and nobody wants them tried again. */
  isBad(digest: string): boolean {
    return this.all.some((one) => one.sha256 === digest && speaksAgainst(one));
  }

  /** The document was replaced. */
  changed(): void {
    const found = this.#read();
    if (found === undefined) return;
    for (const [key, before] of this.#verdicts) {
      if (!found.has(key)) this.report.verdicts(`what became of ${before.name} on ${before.home} is forgotten`);
    }
    for (const [key, verdict] of found) this.#compare(this.#verdicts.get(key), verdict);
    this.#verdicts = found;
  }

  /** What the disk has of it counts. */
  powerLost(): void {
    this.#verdicts = this.#read() ?? new Map();
  }

  #compare(before: Verdict | undefined, { name, home, state, byHand, forgiven, why }: Verdict): void {
    if (forgiven && before?.forgiven !== true) this.forgiven.add(name);
    if (before === undefined || before.state === state) return;
    const isOver = before.state !== "on-probation";
    // Of what had failed before a person went back from it the failure stands.
    if (isOver && !(state === "rolled-back" && (byHand || before.state === "failed"))) {
      this.report.verdicts(`${name} on ${home} was ${before.state}, and is ${state} now`);
    }
    if (isOver) return;
    const truth = this.#truths.get(`${home} ${name}`);
    if (state === "passed") {
      const proven = truth?.proven ?? 0;
      if (truth?.isUnnoted !== true && proven + SLACK < this.probation / 3) {
        this.report.verdicts(`${name} passes on ${home}, seen well for ${proven / 1e6} s of ${this.probation / 3e6}`);
      }
      this.report.passed(home);
    }
    const isJudged = state === "failed" || (state === "rolled-back" && !byHand);
    const complaints = (truth?.complaints ?? 0) + (this.#failedStarts.get(home) ?? 0);
    if (isJudged && complaints === 0) {
      this.report.verdicts(`${name} is ${state} on ${home} (${why}), and nothing was wrong with it`);
    }
  }

  #read(): Map<string, Verdict> | undefined {
    const { observer } = this.machine;
    const path = this.layouts[0]?.outcomes ?? "";
    if (!observer.existsSync(path)) return undefined;
    const { outcomes } = outcomesSchema.parse(JSON.parse(observer.readFileSync(path, "utf8")));
    return new Map(outcomes.map((one) => [`${one.home} ${one.performedAt} ${one.kind}`, one]));
  }

  /** A home is about to be moved on. @param runs whether a nymvisor runs that home. */
  setsOut(home: string, build: string, runs: (home: string) => boolean): void {
    // Of several only the last is asked whether it runs.
    const trial = this.all.findLast(
      ({ state, name, home: other }) => state === "on-probation" && name === build && other !== home,
    );
    const isAwaited = trial !== undefined && runs(trial.home);
    this.#awaited.set(home, new Set(isAwaited ? [`${trial.home} ${trial.performedAt}`] : []));
  }

  /** Another build than before is started on a home. @param back it goes back to it. */
  buildChanges(home: string, build: string, back: boolean): void {
    this.#builds.set(home, build);
    this.#truths.set(`${home} ${build}`, { proven: 0, lastWell: undefined, complaints: 0, isUnnoted: false });
    if (back) return;
    for (const { home: other, name, state, performedAt } of this.all) {
      if (other === home || name !== build || state !== "on-probation") continue;
      if (this.#awaited.get(home)?.has(`${other} ${performedAt}`) !== true) continue;
      const age = this.machine.wall() - performedAt;
      if (age > -GIVEN_UP && age < GIVEN_UP) {
        this.report.oneProvesFirst(`${build} is started on ${home} while it is on probation on ${other}`);
      }
    }
  }

  /** A daemon is started. @param runs it was started there before, and no other since. */
  starts(home: string, build: string, digest: string, runs: boolean, nymvisor: SimulatedProcess | undefined): void {
    const truth = this.#truthOf(home);
    if (truth !== undefined) truth.lastWell = undefined;
    const stays = this.lastOf(home, build)?.state === "failed";
    if (!runs && !stays && this.isBad(digest))
      this.report.badBytes(`${build} is started on ${home}, whose bytes have failed`);
    const layout = this.layouts.find((one) => one.home === home);
    const note = layout === undefined ? undefined : this.#noted(layout);
    if (note?.name !== build || note.progress.failed === null || note.saved === null) return;
    if (nymvisor === undefined || this.#tried.has(nymvisor)) return;
    this.report.badBytes(`${build} is started on ${home} once more, though it is noted that it has failed`);
  }

  #noted({ probation }: Layout): Pick<ProbationNote, "name" | "saved" | "progress"> | undefined {
    const { observer } = this.machine;
    return observer.existsSync(probation) ? JSON.parse(observer.readFileSync(probation, "utf8")) : undefined;
  }

  looked(home: string, daemon: SimulatedProcess, well: boolean): void {
    const truth = this.#truthOf(home);
    if (truth === undefined) return;
    const { now } = this.machine;
    if (well) {
      if (truth.lastWell?.daemon === daemon) truth.proven += now - truth.lastWell.at;
      truth.lastWell = { daemon, at: now };
      return;
    }
    truth.complaints += 1;
    // One that is only starting loses nothing.
    if (truth.lastWell === undefined) return;
    truth.proven = 0;
    truth.lastWell = undefined;
  }

  couldNotNote(home: string): void {
    const truth = this.#truthOf(home);
    if (truth !== undefined) truth.isUnnoted = true;
  }

  couldNotStart(home: string): void {
    this.#failedStarts.set(home, (this.#failedStarts.get(home) ?? 0) + 1);
    this.ended(home);
  }

  /** Its process has ended by itself. */
  ended(home: string): void {
    const truth = this.#truthOf(home);
    if (truth !== undefined) Object.assign(truth, { proven: 0, lastWell: undefined, complaints: truth.complaints + 1 });
  }

  #truthOf(home: string): Truth | undefined {
    return this.#truths.get(`${home} ${this.#builds.get(home)}`);
  }

  /** It has done what it can to go back, or has said why not. */
  triedToGoBack(nymvisor: SimulatedProcess): void {
    this.#tried.add(nymvisor);
  }
}

function speaksAgainst({ state, byHand, forgiven }: Verdict): boolean {
  return (state === "rolled-back" || state === "failed") && !byHand && !forgiven;
}
