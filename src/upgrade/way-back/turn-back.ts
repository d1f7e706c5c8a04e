import { join } from "node:path";
import type { ChildEnvironment } from "../../daemon/spawn.ts";
import type { BuildInfo } from "../../model/build-info.ts";
import type { UpgradeInfo } from "../../model/documents.ts";
import { adviceOf, isMachineRefusal, NymvisorError, reasonOf } from "../../model/errors.ts";
import type { Emit } from "../../model/events.ts";
import { formatStamp } from "../../model/instant.ts";
import { printable } from "../../model/names.ts";
import { buildLayout, type Layout } from "../../model/paths.ts";
import type { UpgradeResult } from "../../policy/run-state.ts";
import type { Clock } from "../../system/clock.ts";
import { disk } from "../../system/disk.ts";
import { requireUsable } from "../../system/documents.ts";
import { makeFolderDurably } from "../../system/durable.ts";
import { withLock } from "../../system/lock.ts";
import { wholeExchange } from "../backups/exchange.ts";
import type { extractArchive } from "../backups/extract.ts";
import { requireExchangeable, staysOf } from "../backups/restore.ts";
import { buildInfoOf } from "../build-information.ts";
import { copyPaths, readFinishedCopy } from "../copy/finished-copy.ts";
import type { settleCopy } from "../copy/settle-copy.ts";
import { freeRolledBackFolder, rolledBackPaths } from "../rolled-back.ts";
import type { SavedHome } from "../saved-homes.ts";
import { readUpgradeInfo } from "../shared-documents.ts";
import { contradictionOf } from "../stage.ts";
import { describeBuild } from "../take-stock.ts";
import { dropUnproven } from "./held-files.ts";
import { readWayBackJournal, type WayBackJournal, writeWayBackJournal } from "./journal.ts";
import { othersAllow } from "./others-allow.ts";
import { exchangeHome, forgetWayBack, recordWayBack, removeUnpacked } from "./settle-way-back.ts";

/**
 * The way back from a version that did not prove itself, or that a person does not want: the home as it was before is put
 * in its place by renames, `current` goes back, and the old version can be started. Whatever takes time is done before the
 * daemon is stopped. See journal.ts for its steps, and for what an interruption leaves.
 */
export interface WayBackContext {
  layout: Layout;
  clock: Clock;
  emit: Emit;
  environment: ChildEnvironment;
  /** Stops the daemon, if one runs; settles when it is gone. False: none ran. */
  stopDaemon(why: string): Promise<boolean>;
  /** Nobody reads or removes this copy any more, from when it settles. */
  releaseCopy(path: string): Promise<void>;
  settleCopy: typeof settleCopy;
  extractArchive: typeof extractArchive;
  /** The documents are written once the process of the old version is there: it does not wait for the disk. */
  recordsLater?: boolean;
  /** Aborted when it is to be given up; from the moment on that it is decided it is never interrupted. */
  signal: AbortSignal;
}

export interface WayBackRequest {
  /** What runs now. */
  from: { name: string; version: string };
  /** Name of the build to go back to. */
  to: string;
  /** What the home is put back from; null: the binary alone goes back. */
  saved: SavedHome | null;
  why: string;
  byHand: boolean;
}

/** `kept`: where what the version had made of the home lies now, once it was decided. */
export type WayBackResult = UpgradeResult & { kept: string | null };

/** It would fail again for ever. */
class Hopeless extends NymvisorError {
  override name = "Hopeless";
}

/** Goes back. Never throws. */
export async function turnBack(context: WayBackContext, request: WayBackRequest): Promise<WayBackResult> {
  const { layout, clock, signal, emit } = context;
  let stopped = false;
  let stoppedAt: bigint | null = null;
  let decided: WayBackJournal | undefined;
  try {
    const { name, version: fromVersion } = request.from;
    // Before what may take long: an archive is unpacked.
    emit({ type: "way-back.started", name, version: fromVersion, to: request.to, why: request.why });
    const next = unfinishedWayBack(layout) ?? (await prepare(context, request));
    signal.throwIfAborted();
    stopped = await context.stopDaemon(`back to ${printable(request.to)}`);
    stoppedAt = stopped ? clock.monotonic() : null;
    signal.throwIfAborted();
    const journal = "prove" in next ? decide(context, next) : next;
    decided = journal;
    await exchangeHome(journal);
    const purpose = `back to ${printable(journal.to.name)}`;
    if (context.recordsLater === true) return done(journal, stoppedAt, { unrecorded: null, toRecord: true });
    await withLock(layout.upgradeLock, purpose, () => recordWayBack(context, journal));
    await cleanUp(context, journal);
    return done(journal, stoppedAt, { unrecorded: null, toRecord: false });
  } catch (error) {
    return giveUp(context, error, { stopped, stoppedAt, decided });
  }
}

/** One that is decided comes first, whatever is wanted by now: the journal of another would hide half of the home. */
function unfinishedWayBack(layout: Layout): WayBackJournal | undefined {
  const found = readWayBackJournal(layout);
  const journal = requireUsable(
    found,
    layout.wayBack,
    `see what lies in ${layout.rolledBack}, then move the file away`,
  );
  return journal?.state === "exchanging" ? journal : undefined;
}

function done(
  { to, build, kept }: WayBackJournal,
  stoppedAt: bigint | null,
  { unrecorded, toRecord }: { unrecorded: string | null; toRecord: boolean },
): WayBackResult {
  const { name } = to;
  const version = build.build_version;
  return { outcome: "done", name, version, stoppedAt, manual: null, unrecorded, toRecord, noWayBack: null, kept };
}

interface Prepared {
  journal: WayBackJournal;
  /** Files of the saved home that are further names of the live home's, and have to be proven again after the stop. */
  prove(): void;
}

async function prepare(context: WayBackContext, request: WayBackRequest): Promise<Prepared> {
  const { layout, clock } = context;
  const { info, buildInfo } = await describeTarget(context, request.to);
  const startedAt = clock.wall();
  const home = disk.realpathSync(layout.home);
  const journal: WayBackJournal = {
    state: "preparing",
    from: { name: request.from.name, version: request.from.version },
    to: info,
    build: buildInfo,
    movesCurrent: othersAllow(layout, request),
    saved: null,
    kept: null,
    exchange: null,
    why: request.why,
    byHand: request.byHand,
    startedAt,
  };
  const { saved } = request;
  if (saved === null) return { journal, prove: () => {} };
  try {
    requireExchangeable(layout, home);
  } catch (error) {
    throw new Hopeless({ what: "the home cannot be put back by itself", why: adviceOf(error), cause: error });
  }
  const unpacked = placeOf(layout, saved, formatStamp(startedAt));
  const kept = freeRolledBackFolder(layout, request.from.name, startedAt);
  const whole: WayBackJournal = {
    ...journal,
    saved: { kind: saved.kind, path: saved.path },
    kept,
    exchange: { home, unpacked, replaced: rolledBackPaths(kept).home, names: [], stays: staysOf(layout, home) },
  };
  writeWayBackJournal(layout, whole);
  return { journal: whole, prove: await unpack(context, saved, unpacked) };
}

/** Where the saved home lies, or is unpacked to. */
function placeOf(layout: Layout, { kind, path }: SavedHome, stamp: string): string {
  switch (kind) {
    case "copy":
      return copyPaths(path).tree;
    case "kept":
      return rolledBackPaths(path).home;
    case "archive":
      return join(layout.restoring, stamp);
  }
}

/** Makes the saved home ready to be renamed from, durably. @returns what is to be proven once the daemon has stopped. */
async function unpack(
  { releaseCopy, settleCopy, extractArchive, signal, emit }: WayBackContext,
  { kind, path }: SavedHome,
  into: string,
): Promise<() => void> {
  if (kind === "kept") return () => {};
  if (kind === "archive") {
    makeFolderDurably(into, { mode: 0o700 });
    const onProgress = (read: number, total: number | null) =>
      emit({ type: "progress", task: "restore", name: path, done: read, total });
    await extractArchive({ archive: path, into, signal, onProgress });
    return () => {};
  }
  await releaseCopy(path);
  const copy = readFinishedCopy(path);
  // It was archived at this very moment: the next attempt finds the archive.
  if (copy === undefined) throw new NymvisorError({ what: `the copy ${path} is there no more` });
  const settled = await settleCopy(copy, signal);
  const prove = () => {
    for (const name of dropUnproven(settled)) {
      emit({
        type: "backup.left-out",
        path: name,
        kind: "it cannot be proven to be as it was; the daemon makes it anew",
      });
    }
  };
  return prove;
}

async function describeTarget(
  { layout, environment, signal }: WayBackContext,
  name: string,
): Promise<{ info: UpgradeInfo; buildInfo: BuildInfo }> {
  const build = buildLayout(layout, name);
  if (!disk.existsSync(build.binary)) {
    throw new Hopeless({ what: `the binary of ${printable(name)} is gone`, why: `${build.binary} is missing` });
  }
  const buildInfo = await buildInfoOf(build, environment, signal);
  const found = readUpgradeInfo(build);
  const info = found.state === "found" ? found.value : describeBuild(name, buildInfo, "put together from its binary");
  const contradiction = contradictionOf(buildInfo, info, layout.daemon);
  if (contradiction === null) return { info, buildInfo };
  throw new Hopeless({ what: `the binary of ${printable(name)} is refused`, why: contradiction });
}

/** The point of no return: what is exchanged, noted durably. */
function decide({ layout }: WayBackContext, { journal, prove }: Prepared): WayBackJournal {
  prove();
  const { exchange: planned, kept } = journal;
  if (planned !== null && kept !== null) {
    for (const folder of [kept, planned.replaced]) makeFolderDurably(folder, { mode: 0o700 });
  }
  const names = planned === null ? null : { ...planned, names: wholeExchange(planned.home, planned.unpacked) };
  const decided: WayBackJournal = { ...journal, state: "exchanging", exchange: names };
  writeWayBackJournal(layout, decided);
  return decided;
}

/** What cannot be removed stays, and goes at a later start. */
async function cleanUp({ layout, emit }: WayBackContext, journal: WayBackJournal): Promise<void> {
  try {
    await removeUnpacked(layout, journal);
  } catch (error) {
    emit({ type: "warning", about: "what was unpacked for the way back", reason: reasonOf(error) });
  }
}

async function giveUp(
  { layout, signal }: WayBackContext,
  error: unknown,
  { stopped, stoppedAt, decided }: { stopped: boolean; stoppedAt: bigint | null; decided: WayBackJournal | undefined },
): Promise<WayBackResult> {
  const reason = adviceOf(error);
  // Decided it is, also where the home is not whole yet: nothing is started before it is, and nothing else begun. The
  // journal may be gone by now, and only that not confirmed by the disk.
  if (decided !== undefined) return done(decided, stoppedAt, { unrecorded: reason, toRecord: false });
  try {
    const found = readWayBackJournal(layout);
    // It may be decided and not be confirmed.
    if (found.state === "found" && found.value.state === "exchanging") {
      return done(found.value, stoppedAt, { unrecorded: reason, toRecord: false });
    }
    if (found.state === "found") await forgetWayBack(layout, found.value);
  } catch (problem) {
    // The journal stays then; the next start looks at it before it starts anything.
    return {
      outcome: "failed",
      reason: `${reason}; moreover ${adviceOf(problem)}`,
      stopped,
      halfway: true,
      kept: null,
    };
  }
  if (signal.aborted) return { outcome: "given-up", reason: reasonOf(signal.reason), stopped, kept: null };
  const hopeless = error instanceof Hopeless && !isMachineRefusal(error);
  return { outcome: "failed", reason, stopped, hopeless, kept: null };
}
