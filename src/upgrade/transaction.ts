import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import { encodeDocument, type UpgradeInfo, upgradeInfoSchema } from "../model/documents.ts";
import { adviceOf, NymvisorError, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { HealthCheck } from "../model/health.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import { UNDECIDED } from "../model/outcomes.ts";
import { type BuildLayout, buildLayout, type Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { objectionToBytes } from "../policy/bad-releases.ts";
import { flavourOf } from "../policy/flavour.ts";
import { fingerprintOf, sameAnnouncement } from "../policy/incoming.ts";
import { NO_PROGRESS } from "../policy/probation.ts";
import { isDecided } from "../policy/recovery.ts";
import type { Target, UpgradeResult } from "../policy/run-state.ts";
import type { Clock } from "../system/clock.ts";
import { makeFolderDurably, syncFolder } from "../system/durable.ts";
import { withLock } from "../system/lock.ts";
import type { backUp, checkBackupRoom } from "./backup.ts";
import { buildInfoOf } from "./build-information.ts";
import type { HomeCopy } from "./copy/home-copy.ts";
import type { warmUp } from "./copy/warm-up.ts";
import { readCurrent, switchCurrent } from "./current.ts";
import { type Journal, readJournal, removeJournal, writeJournal } from "./journal.ts";
import { changeOutcome, noteOutcome, requireOutcomes } from "./outcomes.ts";
import { type ProbationNote, readProbation, type Trial, whyNoWayBack, writeProbation } from "./probation-note.ts";
import { type Saving, startSaving } from "./save-home.ts";
import {
  appendHistory,
  readHistory,
  readUpgradeInfo,
  readVersionRecord,
  requirePlan,
  writePlan,
  writeUpgradeInfo,
  writeVersionRecord,
} from "./shared-documents.ts";
import { contradictionOf } from "./stage.ts";
import { confirmUnchanged, readStaged, type Staged, verifyStaged } from "./staged.ts";

/**
 * An upgrade, from the last look before the stop to the last document after the switch.
 *
 * | step       | done                                      | on disk after it                  | interrupted here: next run |
 * |------------|-------------------------------------------|-----------------------------------|----------------------------|
 * | prepare    | entry, binary, room looked at again       | nothing new                       | nothing to do              |
 * | copying    | the home is copied, while the daemon runs | journal, part of a copy           | forgets journal and copy   |
 * | stopping   | the daemon is stopped                     | journal, a copy that lacks the end | forgets journal and copy  |
 * | backing-up | what changed is copied; or the archive is written | journal, perhaps a whole copy | forgets journal and copy |
 * | switching  | under the lock: `current` is moved        | journal, copy, perhaps `current`  | looks at `current`         |
 * | recording  | version record, history, plan             | journal, some of the three        | writes all three again     |
 * | done       | the journal is removed                    | no journal                        | nothing to do              |
 *
 * The archive is written from the copy later, while the new version runs (`pending-archives.ts`): until it is whole the
 * copy is the backup. Where `current` stays as it was the entry is still in the plan, so the upgrade is still to come.
 */
export interface TransactionContext {
  layout: Layout;
  configuration: Configuration;
  clock: Clock;
  emit: Emit;
  environment: ChildEnvironment;
  /** Stops the daemon, if one runs; settles when it is gone. False: none ran. */
  stopDaemon(why: string): Promise<boolean>;
  /** Makes the documents say what `current` says, where whoever moved it could not. */
  settle(): Promise<void>;
  /** Looks once more, after a copy that may have taken long. @returns why the daemon is not stopped after all, or null. */
  lastLook(target: Forth): Promise<string | null>;
  /** What the daemon has mapped writable and shared: see `mappedShared`. */
  mapped(): ReadonlySet<string>;
  /** The documents are written once the process of the new version is there: it does not wait for the disk. */
  recordsLater?(info: UpgradeInfo): boolean;
  /** What is tried from now on, before anything of it is noted. */
  trialBegins?(note: ProbationNote): void;
  /** How the new version is to be judged, as far as the one that still runs can tell. */
  healthChecks(): Promise<HealthCheck[]>;
  checkBackupRoom: typeof checkBackupRoom;
  backUp: typeof backUp;
  beginCopy: typeof HomeCopy.begin;
  warmUp: typeof warmUp;
  /** Aborted when the attempt is to be given up; the switch itself is never interrupted. */
  signal: AbortSignal;
}

/** What brings a node forward. */
export type Forth = Exclude<Target, { kind: "back" }>;

/** What the upgrade was decided by has changed: its entry in the plan, or what it starts from. */
class Withdrawn extends NymvisorError {
  override name = "Withdrawn";
}

/** Performs one upgrade, or brings the home after `current`. Never throws. */
export async function perform(context: TransactionContext, target: Forth): Promise<UpgradeResult> {
  let stopped = false;
  let stoppedAt: bigint | null = null;
  let saving: Saving | null = null;
  let begun: Journal | undefined;
  try {
    const prepared = target.kind === "upgrade" ? await prepareUpgrade(context, target) : await prepareForward(context);
    saving = await startSavingHome(context, prepared);
    context.signal.throwIfAborted();
    begun = begin(context, target, prepared, saving);
    let journal = begun;
    const trial = await trialOf(context, prepared);
    if (saving !== null && saving.copy !== null) {
      await saving.prepare();
      context.signal.throwIfAborted();
      const objection = await context.lastLook(target);
      if (objection !== null) throw new Withdrawn({ what: objection });
    }
    context.signal.throwIfAborted();
    journal = { ...journal, state: "stopping", trial };
    writeJournal(context.layout, journal);
    const mapped = saving === null || saving.copy === null ? NOTHING_MAPPED : context.mapped();
    stopped = await context.stopDaemon(`upgrade to ${printable(prepared.info.name)}`);
    stoppedAt = stopped ? context.clock.monotonic() : null;
    journal = await saveHome(context, journal, saving, mapped);
    context.signal.throwIfAborted();
    journal = { ...journal, state: "switching", performedAt: context.clock.wall() };
    writeJournal(context.layout, journal);
    const { layout, signal } = context;
    let later = false;
    const write = () => {
      const info = target.kind === "upgrade" ? takeSwitch(context, journal, prepared) : prepared.info;
      const switched: Journal = { ...journal, to: info };
      const note = noteOf(switched);
      if (note !== undefined) context.trialBegins?.(note);
      later = context.recordsLater?.(info) === true;
      if (later) noteSwitched(layout, journal, switched);
      else record(context, { ...switched, state: "recording" });
      if (target.kind === "forward") context.emit({ type: "node.brought-forward", from: journal.from, to: info.name });
      return target.kind === "upgrade" ? personNeeded(layout, info) : null;
    };
    const purpose = `upgrade to ${printable(journal.to.name)}`;
    const manual = await withLock(layout.upgradeLock, purpose, write, { signal });
    const { name, version } = prepared.info;
    const noWayBack = noWayBackFrom(context, journal);
    return { outcome: "done", name, version, stoppedAt, manual, unrecorded: null, toRecord: later, noWayBack };
  } catch (error) {
    const result = giveUp(context, error, { stopped, stoppedAt, begun });
    if (isOver(result)) await discardQuietly(saving, context.emit);
    return result;
  }
}

/** Whether nothing will come of the attempt. Where only the journal can tell, the copy is the backup should it have come. */
function isOver(result: UpgradeResult): boolean {
  return result.outcome === "failed" ? result.unrecorded === undefined : result.outcome !== "done";
}

const NOTHING_MAPPED: ReadonlySet<string> = new Set();

/** What is left of a copy that cannot be removed now goes at the next start. */
async function discardQuietly(saving: Saving | null, emit: Emit): Promise<void> {
  try {
    await saving?.discard();
  } catch (error) {
    emit({ type: "warning", about: `the copy ${saving?.copy ?? ""}`, reason: reasonOf(error) });
  }
}

type PersonNeeded = Extract<UpgradeResult, { outcome: "done" }>["manual"];

function personNeeded(layout: Layout, { manual, version, notes, name }: UpgradeInfo): PersonNeeded {
  return manual ? { version, notes, source: buildLayout(layout, name).info } : null;
}

interface Prepared {
  from: string;
  info: UpgradeInfo;
  build: BuildLayout;
  buildInfo: BuildInfo;
  staged: Staged | null;
}

async function prepareUpgrade(
  context: TransactionContext,
  { name, fingerprint, from }: Extract<Target, { kind: "upgrade" }>,
): Promise<Prepared> {
  const { layout, clock, signal } = context;
  const build = buildLayout(layout, name);
  requireFrom(layout, from);
  if (requirePlan(layout).current.name !== from) await settleFirst(context, from);
  const info = requirePlan(layout).queuedUp.find((entry) => entry.name === name);
  const isAsDecided = info !== undefined && fingerprintOf(info) === fingerprint && info.upgradeTime <= clock.wall();
  if (!isAsDecided) throw withdrawn(name);
  const staged = await verifyStaged(build, signal);
  refuseBad(layout, name, staged);
  return { from, info, build, buildInfo: staged.buildInfo, staged };
}

/** Of what is announced without a checksum nobody could tell before that these are the bytes. */
function refuseBad(layout: Layout, name: string, { sha256 }: Staged): void {
  const why = objectionToBytes(requireOutcomes(layout).outcomes, [sha256]);
  if (why !== null) throw new NymvisorError({ what: `${printable(name)} is not performed`, why });
}

/**
 * Another node has moved `current`, and was ended before it could write that down. This one comes after it first: an
 * upgrade that starts from there without a word in plan and history would have the other done twice.
 */
async function settleFirst({ layout, settle }: TransactionContext, from: string): Promise<never> {
  await settle();
  const { name } = requirePlan(layout).current;
  if (name === from) throw movedOn(from);
  throw new NymvisorError({
    what: `current points to ${printable(from)}, and the plan says that ${printable(name)} runs`,
    why: `nothing tells what ${printable(from)} is`,
    next: `point it back: ln -sfn ${buildLayout(layout, name).link} ${layout.current}`,
  });
}

/** That `current` is still where it was when the upgrade was decided. */
function requireFrom(layout: Layout, from: string): void {
  const current = requireCurrent(layout);
  if (current !== from) throw movedOn(current);
}

function movedOn(current: string): Withdrawn {
  return new Withdrawn({ what: `current was moved to ${printable(current)}, which comes first` });
}

async function prepareForward({ layout, environment, signal }: TransactionContext): Promise<Prepared> {
  const name = requireCurrent(layout);
  const record = readVersionRecord(layout);
  if (record.state === "found" && record.value.name === name) {
    throw new Withdrawn({ what: `this home is on ${printable(name)} already` });
  }
  const build = buildLayout(layout, name);
  const info = describeCurrent(layout, build);
  const buildInfo = await buildInfoOf(build, environment, signal);
  const contradiction = contradictionOf(buildInfo, info, layout.daemon);
  if (contradiction !== null) {
    throw new NymvisorError({ what: `the binary of ${printable(name)} is refused`, why: contradiction });
  }
  const from = record.state === "found" ? record.value.name : "an unknown build";
  return { from, info, build, buildInfo, staged: null };
}

/** The information of the build that `current` points to; where it is lost, the plan has it, and the next start makes it again. */
function describeCurrent(layout: Layout, build: BuildLayout): UpgradeInfo {
  const found = readUpgradeInfo(build);
  if (found.state === "found") return found.value;
  const { current } = requirePlan(layout);
  if (current.name === build.name) return current;
  throw new NymvisorError({
    what: `nothing tells what ${printable(build.name)} is`,
    why: `${build.info} is ${found.state}`,
  });
}

function requireCurrent(layout: Layout): string {
  const current = readCurrent(layout);
  if (current !== undefined) return current;
  throw new NymvisorError({ what: `${layout.current} is gone`, next: "nymvisor run puts it back when it starts" });
}

function withdrawn(name: string): Withdrawn {
  return new Withdrawn({ what: `${printable(name)} is no longer in the plan as it was` });
}

/** Null where the operator wants no backup. */
async function startSavingHome(context: TransactionContext, { info, build }: Prepared): Promise<Saving | null> {
  const { configuration, layout } = context;
  if (configuration.daemon.unsafe_skip_backup) return null;
  const record = readVersionRecord(layout);
  const from = record.state === "found" ? record.value : undefined;
  const { exclude } = configuration.backup;
  const { rebuildable } = flavourOf(layout.daemon);
  return startSaving({ ...context, exclude, rebuildable }, { name: info.name, from, program: build.binary });
}

/** Undefined where nobody knows what the home was on: there is nothing to go back to. */
async function trialOf(context: TransactionContext, { build }: Prepared): Promise<Trial | null> {
  const record = readVersionRecord(context.layout);
  if (record.state !== "found") return null;
  const { name: from, version: fromVersion } = record.value;
  return { sha256: readStaged(build)?.sha256 ?? null, from, fromVersion, checks: await context.healthChecks() };
}

function noWayBackFrom({ layout, configuration }: TransactionContext, { trial, backup }: Journal): string | null {
  if (trial === null) return "nobody knows what this home was on before";
  return whyNoWayBack(layout, configuration, { saved: backup, from: trial.from });
}

function begin(
  { layout, clock, emit }: TransactionContext,
  target: Forth,
  prepared: Prepared,
  saving: Saving | null,
): Journal {
  const { from, info, buildInfo } = prepared;
  makeFolderDurably(layout.instanceData);
  const journal: Journal = {
    state: "copying",
    kind: target.kind,
    from,
    to: info,
    build: buildInfo,
    copy: saving?.copy ?? null,
    trial: null,
    backup: null,
    startedAt: clock.wall(),
    performedAt: null,
  };
  writeJournal(layout, journal);
  emit({ type: "upgrade.started", name: info.name, version: info.version, from });
  return journal;
}

/** The home, saved and durable; or, where the operator wants no backup, the note that there is none. */
async function saveHome(
  { layout, clock, emit }: TransactionContext,
  journal: Journal,
  saving: Saving | null,
  mapped: ReadonlySet<string>,
): Promise<Journal> {
  if (saving === null) {
    emit({ type: "backup.skipped", name: journal.to.name });
    return journal;
  }
  const begun: Journal = { ...journal, state: "backing-up" };
  writeJournal(layout, begun);
  return { ...begun, backup: await saving.finish(clock.wall(), mapped) };
}

/** Under the lock: the entry as the plan has it now, and `current` moved to it. */
function takeSwitch(
  { layout, clock, emit }: TransactionContext,
  journal: Journal,
  { build, info, staged }: Prepared,
): UpgradeInfo {
  requireFrom(layout, journal.from);
  const entry = requirePlan(layout).queuedUp.find(({ name }) => name === info.name);
  if (entry === undefined || fingerprintOf(entry) !== fingerprintOf(info)) throw withdrawn(info.name);
  const putOff = entry.upgradeTime !== info.upgradeTime && entry.upgradeTime > clock.wall();
  if (putOff) throw withdrawn(info.name);
  if (staged !== null) confirmUnchanged(build, staged);
  // The next start compares the binary with what stands beside it, and a person may have rewritten the entry since.
  const saved = readUpgradeInfo(build);
  const rewritten = saved.state === "found" && !sameAnnouncement(saved.value, entry);
  if (saved.state === "missing" || rewritten) writeUpgradeInfo(build, entry);
  moveCurrent(layout, build, journal.from);
  emit({ type: "upgrade.switched", name: info.name, version: journal.to.version });
  return isSame(entry, journal.to) ? journal.to : entry;
}

const isSame = (left: UpgradeInfo, right: UpgradeInfo) =>
  encodeDocument(upgradeInfoSchema, left) === encodeDocument(upgradeInfoSchema, right);

/**
 * Moves `current`, or leaves it where it was. A move that the disk does not confirm is taken back: it may be gone after
 * a loss of power, and the old build would then run on a home that the new one has changed.
 */
function moveCurrent(layout: Layout, build: BuildLayout, from: string): void {
  try {
    switchCurrent(layout, build);
  } catch (error) {
    if (readCurrent(layout) !== build.name) throw error;
    if (isSynced(layout.upgradeData)) return;
    try {
      switchCurrent(layout, buildLayout(layout, from));
    } catch {
      // What failed is told already; where `current` points by now decides how the attempt has ended.
    }
    throw error;
  }
}

/** Asks once more: an error of the device is reported once, and may have passed. */
function isSynced(folder: string): boolean {
  try {
    syncFolder(folder);
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes what follows from a switch that has happened, and ends the transaction. It may be repeated any number of times,
 * and the caller holds `upgrade.lock`.
 */
export function record(context: RecordContext, journal: Journal): void {
  const { layout, clock } = context;
  const performed: Journal = { ...journal, performedAt: switchedAt(layout, journal) ?? clock.wall() };
  writeJournal(layout, performed);
  recordSwitch(context, performed);
  const note = noteOf(performed);
  if (note !== undefined) beginTrial(layout, note);
  removeJournal(layout);
}

/**
 * When `current` was moved. Of several nodes that met in the same upgrade the first to come to it has written it into the
 * history: the others go by its moment, so that it does not come in again. An entry from before this attempt is of another
 * time that the same release was performed.
 */
export function switchedAt(layout: Layout, { to, startedAt, performedAt }: Journal): Journal["performedAt"] {
  const history = readHistory(layout);
  const last = history.state === "found" ? history.value.history.at(-1) : undefined;
  if (last?.info.name !== to.name || last.performedAt < startedAt) return performedAt;
  // One that has its verdict is an earlier one, which was tried again since the clock was set back.
  const isOver = requireOutcomes(layout).outcomes.some(
    ({ home, state, performedAt: at }) => home === layout.home && at === last.performedAt && state !== "on-probation",
  );
  return isOver ? performedAt : last.performedAt;
}

type RecordContext = Pick<TransactionContext, "layout" | "clock" | "emit">;

/** What this home runs, what was performed, and what is planned: what operators and other nodes go by. */
function recordSwitch({ layout, clock, emit }: RecordContext, { to, build, kind, performedAt }: Journal): void {
  if (performedAt === null) throw new Error("the switch has no moment");
  writeVersionRecord(layout, { name: to.name, version: to.version, upgradeTime: performedAt, binaryDetails: build });
  if (kind === "forward") return;
  // Before it leaves the plan: should that be all that can be written, another node may move on from it meanwhile.
  const kept = appendHistory(layout, { performedAt, info: to }, formatStamp(clock.wall()));
  if (kept !== undefined) {
    emit({ type: "document.set-aside", path: layout.history, kept, reason: "it could not be read" });
  }
  const plan = requirePlan(layout);
  writePlan(layout, { ...plan, current: to, queuedUp: plan.queuedUp.filter(({ name }) => name !== to.name) });
}

/** A person did not wait for the verdict on the version before: there is none. */
function leaveTrial(layout: Layout, at: Instant): void {
  const found = readProbation(layout);
  if (found.state !== "found" || found.value.performedAt === at) return;
  const key = { home: layout.home, performedAt: found.value.performedAt };
  changeOutcome(layout, key, {
    state: "left",
    why: "a person wanted another version before its verdict",
    decidedAt: at,
  });
}

/**
 * The journal tells, together with `current`, what the documents are going to say: of an upgrade as it is, unless its entry
 * in the plan was rewritten meanwhile; of a home that only follows `current` once it says that it does.
 */
function noteSwitched(layout: Layout, noted: Journal, switched: Journal): void {
  if (switched.kind === "forward") writeJournal(layout, { ...switched, state: "recording" });
  else if (switched.to !== noted.to) writeJournal(layout, switched);
}

/** What a journal whose switch has been made says of the trial that follows; undefined: there is none. */
function noteOf({ to, build, kind, backup, trial, performedAt }: Journal): ProbationNote | undefined {
  if (trial === null || performedAt === null) return undefined;
  const { name } = to;
  return {
    ...trial,
    kind,
    name,
    version: build.build_version,
    build,
    saved: backup,
    performedAt,
    progress: NO_PROGRESS,
  };
}

/** What is noted of an upgrade is that it is on probation, until there is a verdict. */
function beginTrial(layout: Layout, note: ProbationNote): void {
  leaveTrial(layout, note.performedAt);
  writeProbation(layout, note);
  const { performedAt, kind, name, version, sha256, from, fromVersion, saved: backup } = note;
  const tried = { performedAt, kind, name, version, sha256, home: layout.home, from, fromVersion };
  noteOutcome(layout, { ...UNDECIDED, ...tried, state: "on-probation", backup });
}

/** Decides how an attempt that did not come to its end has ended: by where `current` points, as after a crash. */
function giveUp(
  context: TransactionContext,
  error: unknown,
  { stopped, stoppedAt, begun }: { stopped: boolean; stoppedAt: bigint | null; begun: Journal | undefined },
): UpgradeResult {
  const { layout, signal } = context;
  try {
    const decided = decidedJournal(layout, begun);
    if (decided !== undefined) {
      const { kind, to } = decided;
      return {
        outcome: "done",
        name: to.name,
        version: to.version,
        noWayBack: noWayBackFrom(context, decided),
        stoppedAt,
        manual: kind === "upgrade" ? personNeeded(layout, to) : null,
        unrecorded: adviceOf(error),
      };
    }
    removeJournal(layout);
  } catch (problem) {
    // The journal stays then; only that can tell whether `current` was moved by this attempt.
    const unrecorded = adviceOf(problem);
    return { outcome: "failed", reason: `${adviceOf(error)}; moreover ${unrecorded}`, stopped, unrecorded };
  }
  if (error instanceof Withdrawn) return { outcome: "given-up", reason: error.message, stopped };
  if (signal.aborted) return { outcome: "given-up", reason: reasonOf(signal.reason), stopped };
  return { outcome: "failed", reason: adviceOf(error), stopped };
}

/**
 * The journal of an attempt that came to its switch. Where all that follows was written, it may be gone already, and only
 * that not confirmed by the disk.
 */
function decidedJournal(layout: Layout, begun: Journal | undefined): Journal | undefined {
  const found = readJournal(layout);
  const current = readCurrent(layout);
  if (found.state === "found") return isDecided(found.value, current) ? found.value : undefined;
  if (begun === undefined || current !== begun.to.name) return undefined;
  const record = readVersionRecord(layout);
  return record.state === "found" && record.value.name === current ? begun : undefined;
}
