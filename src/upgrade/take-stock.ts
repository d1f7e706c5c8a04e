import { basename, join } from "node:path";
import type { BuildInfo } from "../model/build-info.ts";
import {
  type DocumentSchema,
  historySchema,
  type Plan,
  planSchema,
  type UpgradeInfo,
  type VersionRecord,
  versionRecordSchema,
} from "../model/documents.ts";
import { adviceOf, isMachineRefusal, NymvisorError } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { formatStamp } from "../model/instant.ts";
import { objectionToUpgradeName, printable } from "../model/names.ts";
import { operatorSchema } from "../model/operator.ts";
import { type Outcome, outcomesSchema } from "../model/outcomes.ts";
import { type BuildLayout, buildLayout, type Layout } from "../model/paths.ts";
import { sourceRecordsSchema } from "../model/source-records.ts";
import { type Agreement, judgeAgreement } from "../policy/agreement.ts";
import { sameRelease } from "../policy/incoming.ts";
import { hasMovedHome, recoveryAction } from "../policy/recovery.ts";
import { compareReleaseVersions } from "../policy/release-order.ts";
import type { Clock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { replaceLinkDurably, setAside, sweepTemporaries } from "../system/durable.ts";
import { sweepLock, tryLock } from "../system/lock.ts";
import { partialNames } from "../upstream/partial-file.ts";
import { sweepUnfinishedBackups } from "./backup.ts";
import { readCurrent, switchCurrent } from "./current.ts";
import { type Journal, readJournal, removeJournal } from "./journal.ts";
import { readLastGood } from "./last-good.ts";
import { changeOutcome, requireOutcomes } from "./outcomes.ts";
import { copyFolders, disownCopy } from "./pending-archives.ts";
import { readProbation, removeProbation } from "./probation-note.ts";
import { rolledBackFolders } from "./rolled-back.ts";
import {
  appendHistory,
  inOrder,
  insertHistory,
  readHistory,
  readPlan,
  readUpgradeInfo,
  readVersionRecord,
  writePlan,
  writeUpgradeInfo,
  writeVersionRecord,
} from "./shared-documents.ts";
import { sourceRecords, writeSourceRecords } from "./source-records.ts";
import { record, switchedAt } from "./transaction.ts";
import { readWayBackJournal } from "./way-back/journal.ts";
import { decidedWayBack, recordWayBack } from "./way-back/settle-way-back.ts";

/** What a start of `run` needs to look at and put in order. */
export interface StockContext {
  layout: Layout;
  clock: Clock;
  emit: Emit;
}

/**
 * Puts in order what a crash, a full disk, another program or a person's editor left behind, before anything is started.
 * Where `current` points decides; everything else is written to agree with it. What cannot be used is kept under another
 * name. The caller holds `upgrade.lock`; doing it twice changes nothing the second time.
 * @throws {NymvisorError} where only a person can tell what is meant.
 */
export function takeStock(context: StockContext): void {
  sweep(context);
  adoptVersionRecord(context);
  settleWayBack(context);
  const current = settleCurrent(context);
  settleCopied(context, context.layout.history, historySchema);
  settleCopied(context, context.layout.operator, operatorSchema);
  settleCopied(context, context.layout.sources, sourceRecordsSchema);
  settleCopied(context, context.layout.outcomes, outcomesSchema);
  settleJournal(context, current);
  settlePlan(context, current);
  settleProbation(context);
}

/** What follows from a home that was put back. Before `current` is looked at, which may have to go back too. */
function settleWayBack(context: StockContext): void {
  const journal = decidedWayBack(context.layout);
  if (journal === undefined) {
    requireNoneHalfway(context.layout);
    return;
  }
  recordWayBack(context, journal);
  context.emit({ type: "way-back.recovered", name: journal.from.name, outcome: "finished" });
}

/** The documents cannot say what a home is on that is half exchanged. */
function requireNoneHalfway(layout: Layout): void {
  const found = readWayBackJournal(layout);
  if (found.state !== "found" || found.value.state !== "exchanging") return;
  const why = `${layout.home} is not whole: part of it lies in ${found.value.exchange?.unpacked ?? ""}`;
  throw new NymvisorError({ what: "a way back is half done", why, next: "nymvisor run finishes it when it starts" });
}

/** A home that is on another build by now than the one that was on probation: a person has moved it. */
function settleProbation({ layout, clock }: StockContext): void {
  const found = readProbation(layout);
  if (found.state === "missing") return;
  const record = readVersionRecord(layout);
  if (found.state === "found" && (record.state !== "found" || record.value.name === found.value.name)) return;
  // What cannot be read is no great loss: the version that runs has run before. But nobody is to wait for its verdict.
  const isLeft = ({ home, state, performedAt }: Outcome) =>
    home === layout.home &&
    state === "on-probation" &&
    (found.state === "unusable" || performedAt === found.value.performedAt);
  for (const outcome of requireOutcomes(layout).outcomes.filter(isLeft)) {
    changeOutcome(layout, outcome, { state: "left", decidedAt: clock.wall() });
  }
  removeProbation(layout);
}

function sweep({ layout, emit }: StockContext): void {
  const builds = [layout.genesis, ...subfolders(layout.upgrades)];
  const folders = [
    layout.upgradeData,
    layout.instanceData,
    layout.lastGood,
    layout.homeNymvisor,
    ...builds,
    ...builds.map((folder) => join(folder, "bin")),
    ...copyFolders(layout),
    ...rolledBackFolders(layout),
  ];
  const locks = [
    layout.turnLock,
    ...builds.flatMap((folder) => {
      const { binary, stagingLock } = buildLayout(layout, basename(folder));
      return [stagingLock, partialNames(binary).lock];
    }),
  ];
  const swept = [
    ...folders.flatMap(sweepTemporaries),
    ...sweepUnfinishedBackups(layout.backups),
    ...locks.filter(sweepLock),
  ];
  for (const path of swept) emit({ type: "sweep.removed", path });
}

function subfolders(folder: string): string[] {
  if (!disk.existsSync(folder)) return [];
  return disk
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && objectionToUpgradeName(entry.name) === undefined)
    .map((entry) => join(folder, entry.name));
}

/** The record under the Rust program's name becomes ours, and its name a link, so that both programs find it. */
function adoptVersionRecord({ layout, clock, emit }: StockContext): void {
  const found = readVersionRecord(layout);
  const rust = disk.lstatSync(layout.rustVersionRecord, { throwIfNoEntry: false });
  const adopted = found.state === "found" && !disk.existsSync(layout.versionRecord);
  if (adopted) {
    writeVersionRecord(layout, found.value);
  } else if (found.state === "unusable") {
    const path = disk.existsSync(layout.versionRecord) ? layout.versionRecord : layout.rustVersionRecord;
    const kept = setAside(path, formatStamp(clock.wall()));
    emit({ type: "document.set-aside", path, kept, reason: found.reason });
    const good = readLastGood(layout, layout.versionRecord, versionRecordSchema);
    if (good.found.state === "found") {
      writeVersionRecord(layout, good.found.value);
      emit({ type: "document.rebuilt", path: layout.versionRecord, from: good.copy });
    }
  }
  if (rust?.isSymbolicLink() || !disk.existsSync(layout.versionRecord)) return;
  if (!adopted && disk.existsSync(layout.rustVersionRecord)) {
    const path = layout.rustVersionRecord;
    const kept = setAside(path, formatStamp(clock.wall()), "superseded");
    emit({ type: "document.set-aside", path, kept, reason: `${layout.versionRecord} is there too, and counts` });
  }
  replaceLinkDurably(layout.rustVersionRecord, "current-version-info.json");
}

/** An absolute link leads astray once its folder was moved, or into the original once it was copied. */
function relink({ layout, emit }: Pick<StockContext, "layout" | "emit">, build: BuildLayout): void {
  const there = disk.statSync(layout.current, { throwIfNoEntry: false });
  const meant = disk.statSync(build.folder);
  if (there?.ino === meant.ino && there.dev === meant.dev) return;
  switchCurrent(layout, build);
  emit({ type: "document.rebuilt", path: layout.current, from: build.folder });
}

/** A document that cannot be used is set aside, and goes on from its last good copy. */
function settleCopied<T>({ layout, clock, emit }: StockContext, path: string, schema: DocumentSchema<T>): void {
  const found = readDocument(schema, path);
  if (found.state !== "unusable") return;
  const kept = setAside(path, formatStamp(clock.wall()));
  emit({ type: "document.set-aside", path, kept, reason: found.reason });
  const good = readLastGood(layout, path, schema);
  if (good.found.state !== "found") return;
  writeDocument(schema, path, good.found.value);
  emit({ type: "document.rebuilt", path, from: good.copy });
}

/** A link `current` that is gone is made again; see {@link findCurrent}. */
function settleCurrent({ layout, emit }: StockContext): string {
  const build = buildLayout(layout, findCurrent(layout));
  if (readCurrent(layout) === build.name) {
    relink({ layout, emit }, build);
  } else {
    switchCurrent(layout, build);
    emit({ type: "document.rebuilt", path: layout.current, from: build.folder });
  }
  return build.name;
}

/**
 * The build that `current` points to, or, where the link is gone, must have pointed to: what the plan says, else what this
 * home was last run with. Nothing is changed. @throws {NymvisorError} if there is no such build.
 */
export function findCurrent(layout: Layout): string {
  const current = readCurrent(layout);
  if (current !== undefined) {
    const build = buildLayout(layout, current);
    if (disk.existsSync(build.binary)) return current;
    throw new NymvisorError({
      what: `current points to ${printable(current)}, and there is no binary`,
      why: `${build.binary} is missing`,
      next: `put the binary back there, or point current to a build that is whole: ls ${layout.genesis}/bin ${layout.upgrades}/*/bin`,
    });
  }
  const record = readVersionRecord(layout);
  const plan = readPlan(layout);
  const candidates = [
    plan.state === "found" ? plan.value.current.name : undefined,
    record.state === "found" ? record.value.name : undefined,
    "genesis",
  ];
  for (const name of candidates) {
    if (name === undefined || (name !== "genesis" && objectionToUpgradeName(name) !== undefined)) continue;
    const build = buildLayout(layout, name);
    if (disk.existsSync(build.binary)) return name;
  }
  throw new NymvisorError({
    what: `there is nothing to run in ${layout.upgradeData}`,
    why: "neither current nor genesis is there",
    next: "nymvisor init --daemon-home DIR <DAEMON_BINARY>",
  });
}

function settleJournal({ layout, clock, emit }: StockContext, current: string): void {
  const found = readJournal(layout);
  if (found.state === "missing") return;
  if (found.state === "unusable") {
    const kept = setAside(layout.journal, formatStamp(clock.wall()));
    emit({ type: "document.set-aside", path: layout.journal, kept, reason: found.reason });
    return;
  }
  const journal = found.value;
  if (recoveryAction(journal, current) === "finish") {
    const performedAt = switchedAt(layout, journal) ?? clock.wall();
    const { kind, to: info } = journal;
    // Into the history before it leaves the plan, as `record` has it.
    if (kind === "upgrade") appendHistory(layout, { performedAt, info }, formatStamp(clock.wall()));
    settlePlan({ layout, clock, emit }, current);
    record({ layout, clock, emit }, { ...journal, state: "recording", performedAt });
    emit({ type: "upgrade.recovered", name: journal.to.name, outcome: "finished" });
  } else {
    // Unless the new build has run on the home meanwhile, so that there is something to go back to.
    const moved = hasMovedHome(journal, current, isPerformed(layout, journal));
    // Where it is by now: the home may have been moved.
    if (journal.copy !== null && !moved) disownCopy(join(layout.copies, basename(journal.copy)));
    noteWhatWasLeft(layout, journal, current);
    removeJournal(layout);
    emit({ type: "upgrade.recovered", name: journal.to.name, outcome: moved ? "finished" : "undone" });
  }
}

/**
 * The switch was made, what follows from it could not be written, and another node has moved on from it since. The new
 * build may have run on this home, so the home is on it. Back where it came from, `current` was put by a person.
 */
function noteWhatWasLeft(layout: Layout, journal: Journal, current: string): void {
  const { kind, to: info, performedAt } = journal;
  const record = journaledRecord(layout, journal, current);
  if (record === undefined || performedAt === null) return;
  const { name } = info;
  writeVersionRecord(layout, record);
  if (kind !== "upgrade") return;
  insertHistory(layout, { performedAt, info });
  const plan = readPlan(layout);
  if (plan.state === "found" && plan.value.queuedUp.some((entry) => entry.name === name)) {
    writePlan(layout, { ...plan.value, queuedUp: plan.value.queuedUp.filter((entry) => entry.name !== name) });
  }
}

/** What the record of this home would say if it could have been written, or undefined where it says what is true. */
function journaledRecord(layout: Layout, journal: Journal, current: string): VersionRecord | undefined {
  const { to, build, performedAt } = journal;
  if (performedAt === null || !hasMovedHome(journal, current, isPerformed(layout, journal))) return undefined;
  return { name: to.name, version: to.version, upgradeTime: performedAt, binaryDetails: build };
}

function isPerformed(layout: Layout, { to }: Journal): boolean {
  const history = readHistory(layout);
  return history.state === "found" && history.value.history.some(({ info }) => sameRelease(info, to));
}

function settlePlan({ layout, clock, emit }: StockContext, current: string): void {
  const found = readPlan(layout);
  if (found.state === "found") {
    const plan = found.value;
    if (plan.current.name === current) return;
    // `current` was moved and the plan not written, or the Rust program wrote the plan and did not move `current`.
    const info = describe(layout, current, plan);
    if (info === undefined) return;
    const waiting = plan.queuedUp.filter(({ name }) => name !== current);
    const order = compareReleaseVersions(plan.current.version, info.version);
    // What has run already is not put back: a person has gone below it since.
    const known = waiting.some(({ name }) => name === plan.current.name) || wasPerformed(layout, plan.current.name);
    const unfinished = order !== undefined && order > 0 && !known;
    const performed = plan.queuedUp.some(({ name }) => name === current);
    // A move that was taken back, and came through a loss of power all the same, is in no journal; one that could not be
    // written down to the end may be in the history already.
    if (performed && !isLastInHistory(layout, current)) {
      appendHistory(layout, { performedAt: clock.wall(), info }, formatStamp(clock.wall()));
    }
    writePlan(layout, { ...plan, current: info, queuedUp: unfinished ? [...waiting, plan.current] : waiting });
    emit({ type: "document.rebuilt", path: layout.plan, from: layout.current });
    return;
  }
  if (found.state === "unusable") {
    const kept = setAside(layout.plan, formatStamp(clock.wall()));
    emit({ type: "document.set-aside", path: layout.plan, kept, reason: found.reason });
  }
  const info = describe(layout, current, undefined);
  if (info === undefined) return;
  forgetRemovals(layout);
  const good = readLastGood(layout, layout.plan, planSchema);
  if (found.state === "unusable" && good.found.state === "found") {
    const queuedUp = notDone(layout, info, good.found.value.queuedUp);
    writePlan(layout, { ...good.found.value, current: info, queuedUp });
    emit({ type: "document.rebuilt", path: layout.plan, from: good.copy });
    return;
  }
  writePlan(layout, { current: info, queuedUp: announcedAndNotDone(layout, info) });
  emit({ type: "document.rebuilt", path: layout.plan, from: layout.upgradeData });
}

/** What is missing in a plan that was put together anew was not taken out by a person. */
function forgetRemovals(layout: Layout): void {
  const records = sourceRecords(layout);
  if (records.queued.length === 0) return;
  writeSourceRecords(layout, { ...records, queued: records.queued.map((one) => ({ ...one, state: "entering" })) });
}

function isLastInHistory(layout: Layout, name: string): boolean {
  const history = readHistory(layout);
  return history.state === "found" && history.value.history.at(-1)?.info.name === name;
}

/** Whether it ran: as the history says, or as this home's record does, which is written before the history. */
function wasPerformed(layout: Layout, name: string): boolean {
  const history = readHistory(layout);
  if (history.state === "found" && history.value.history.some(({ info }) => info.name === name)) return true;
  const record = readVersionRecord(layout);
  return name === "genesis" || (record.state === "found" && record.value.name === name);
}

/** The information of a build, from its own file, the plan or the record of this home. */
function describe(layout: Layout, name: string, plan: Plan | undefined): UpgradeInfo | undefined {
  const own = readUpgradeInfo(buildLayout(layout, name));
  if (own.state === "found") return own.value;
  const queued = [plan?.current, ...(plan?.queuedUp ?? [])].find((info) => info?.name === name);
  if (queued !== undefined) return queued;
  const record = readVersionRecord(layout);
  return record.state === "found" && record.value.name === name ? fromRecord(record.value) : undefined;
}

function fromRecord(record: VersionRecord): UpgradeInfo {
  return describeBuild(record.name, record.binaryDetails, "put together from what this home was last run with");
}

/** The information of a build of which nothing but the binary's own word is known. */
export function describeBuild(name: string, build: BuildInfo, notes: string): UpgradeInfo {
  return {
    manual: true,
    name,
    notes,
    publishDate: null,
    version: build.build_version,
    platforms: {},
    upgradeTime: 0n,
    binaryDetails: build,
  };
}

/** What the folders of the upgrades say was announced, is newer than what runs, and was never performed. */
function announcedAndNotDone(layout: Layout, current: UpgradeInfo): UpgradeInfo[] {
  const infos = subfolders(layout.upgrades).flatMap((folder) => {
    const name = folder.slice(folder.lastIndexOf("/") + 1);
    const found = readUpgradeInfo(buildLayout(layout, name));
    return found.state === "found" && found.value.name === name ? [found.value] : [];
  });
  return notDone(layout, current, infos).filter(
    ({ version }) => (compareReleaseVersions(version, current.version) ?? 1) > 0,
  );
}

function notDone(layout: Layout, current: UpgradeInfo, infos: readonly UpgradeInfo[]): UpgradeInfo[] {
  const history = readHistory(layout);
  const done = new Set(history.state === "found" ? history.value.history.map(({ info }) => info.name) : []);
  return inOrder(infos.filter(({ name }) => !done.has(name) && name !== current.name));
}

export interface HomeState {
  /** What `current` points to. */
  current: BuildLayout;
  info: UpgradeInfo;
  buildInfo: BuildInfo;
  agreement: Agreement;
  record: VersionRecord | undefined;
}

/**
 * Compares what the binary says of itself with the documents. The build information was asked for before.
 * @param decided what the record of this home is about to say.
 */
export function compareSides(
  { layout, clock, emit }: StockContext,
  name: string,
  buildInfo: BuildInfo,
  decided?: VersionRecord,
): HomeState {
  const current = buildLayout(layout, name);
  const found = readUpgradeInfo(current);
  let info: UpgradeInfo;
  if (found.state === "found") {
    info = found.value;
  } else {
    const plan = readPlan(layout);
    const planned = plan.state === "found" && plan.value.current.name === name ? plan.value.current : undefined;
    info = planned ?? describeBuild(name, buildInfo, "put together from the binary's own build information");
    rebuildInfo({ layout, clock, emit }, current, info, planned === undefined ? current.binary : layout.plan);
  }
  const record = readVersionRecord(layout);
  const history = readHistory(layout);
  const journal = readJournal(layout);
  const journaled = journal.state === "found" ? journaledRecord(layout, journal.value, name) : undefined;
  const recorded = decided ?? journaled ?? (record.state === "found" ? record.value : undefined);
  const agreement = judgeAgreement({
    current: { name, info, build: buildInfo },
    record: recorded,
    history: history.state === "found" ? history.value.history : [],
  });
  return { current, info, buildInfo, agreement, record: recorded };
}

/**
 * A disk that does not take it, or another process that holds the lock, is no reason to keep the daemon waiting: the next
 * start makes it again.
 */
function rebuildInfo({ layout, clock, emit }: StockContext, build: BuildLayout, info: UpgradeInfo, from: string): void {
  try {
    const { lock } = tryLock(layout.upgradeLock, "putting the documents in order");
    if (lock === null) return;
    try {
      const found = readUpgradeInfo(build);
      if (found.state === "found") return;
      if (found.state === "unusable") {
        const kept = setAside(build.info, formatStamp(clock.wall()));
        emit({ type: "document.set-aside", path: build.info, kept, reason: found.reason });
      }
      writeUpgradeInfo(build, info);
      emit({ type: "document.rebuilt", path: build.info, from });
    } finally {
      lock.release();
    }
  } catch (error) {
    if (!isMachineRefusal(error)) throw error;
    emit({ type: "warning", about: build.info, reason: adviceOf(error) });
  }
}

/** The error for a start that only a person can allow. */
export function disagreement(
  layout: Layout,
  { binary, info }: BuildLayout,
  agreement: Extract<Agreement, { state: "disagreed" }>,
): NymvisorError {
  const pointCurrent = `ln -sfn upgrades/NAME ${layout.current}`;
  const next = {
    announcement: `put the binary back that ${info} describes; or make the other an upgrade of its own: nymvisor add-upgrade --upgrade-name NAME --now ${binary}, then ${pointCurrent}`,
    record: `if what current points to is what this home shall run: mv ${layout.versionRecord} ${layout.versionRecord}.bad, and start again (the home is backed up first); else point it elsewhere: ${pointCurrent}`,
  };
  return new NymvisorError({ what: agreement.what, why: agreement.sides, next: next[agreement.other] });
}
