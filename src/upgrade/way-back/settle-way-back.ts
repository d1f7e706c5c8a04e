import { basename, join } from "node:path";
import type { VersionRecord } from "../../model/documents.ts";
import { NymvisorError } from "../../model/errors.ts";
import type { Emit } from "../../model/events.ts";
import type { Operator } from "../../model/operator.ts";
import { type Outcome, type Outcomes, UNDECIDED } from "../../model/outcomes.ts";
import { buildLayout, type Layout } from "../../model/paths.ts";
import { rolledBackInARow } from "../../policy/bad-releases.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import type { Clock } from "../../system/clock.ts";
import { disk } from "../../system/disk.ts";
import { removeFileDurably } from "../../system/durable.ts";
import { exchange, isExchanged } from "../backups/exchange.ts";
import { readCurrent, switchCurrent } from "../current.ts";
import { requireOperator, writeOperator } from "../operator.ts";
import { requireOutcomes, writeOutcomes } from "../outcomes.ts";
import { disownCopy } from "../pending-archives.ts";
import { rolledBackPaths, sweepEmptied, writeRolledBackNote } from "../rolled-back.ts";
import { requirePlan, writePlan, writeVersionRecord } from "../shared-documents.ts";
import { readWayBackJournal, removeWayBackJournal, type WayBackJournal } from "./journal.ts";

/**
 * The home's part of a way back that was interrupted: forgotten if it had not been decided, else brought to its end. The
 * caller holds the locks of the instance, and no daemon runs; nothing is started on the home before this has returned.
 * @throws {NymvisorError} if the journal cannot be used, or something is in the way.
 */
export async function settleWayBackHome(layout: Layout): Promise<"none" | "undone" | "exchanged"> {
  const found = readWayBackJournal(layout);
  if (found.state === "missing") {
    await sweepUnpacked(layout);
    return "none";
  }
  if (found.state === "unusable") {
    throw new NymvisorError({
      what: `${layout.wayBack} is not what nymvisor wrote there`,
      why: found.reason,
      next: `see what lies in ${layout.rolledBack}, ${layout.copies} and ${layout.restoring}, then move the file away`,
    });
  }
  if (found.value.state === "preparing") {
    await forgetWayBack(layout, found.value);
    return "undone";
  }
  await exchangeHome(found.value);
  return "exchanged";
}

/** Puts the saved home in its place, or goes on with that. Durable when it returns. */
export async function exchangeHome({ exchange: planned }: WayBackJournal): Promise<void> {
  // Once it is whole the old version may run on it: what that makes anew must not be taken for what is in the way.
  if (planned !== null && !isExchanged(planned)) await exchange(planned);
}

/** What an archive was unpacked to for a way back that is over. */
export async function sweepUnpacked(layout: Layout): Promise<void> {
  const { restoring, restoreJournal, wayBack } = layout;
  if (disk.existsSync(wayBack)) return;
  await sweepEmptied(layout);
  if (!disk.existsSync(restoring) || disk.existsSync(restoreJournal)) return;
  await bulkDisk.rm(restoring, { force: true, recursive: true });
}

/** A way back that was not decided leaves nothing. */
export async function forgetWayBack(layout: Layout, journal: WayBackJournal): Promise<void> {
  await removeUnpacked(layout, journal);
  removeWayBackJournal(layout);
}

/** What was unpacked for it, or is left of it. */
export async function removeUnpacked(layout: Layout, { exchange, saved }: WayBackJournal): Promise<void> {
  if (exchange === null || saved === null || saved.kind !== "archive") return;
  if (exchange.unpacked.startsWith(`${layout.restoring}/`)) {
    await bulkDisk.rm(exchange.unpacked, { force: true, recursive: true });
  }
}

export interface RecordContext {
  layout: Layout;
  clock: Clock;
  emit: Emit;
}

/** The journal of a way back whose home is exchanged, so that what it goes back to is what runs next. */
export function decidedWayBack(layout: Layout): WayBackJournal | undefined {
  const found = readWayBackJournal(layout);
  if (found.state !== "found" || found.value.state !== "exchanging") return undefined;
  const { exchange } = found.value;
  return exchange === null || isExchanged(exchange) ? found.value : undefined;
}

/**
 * Moves `current` back and writes what follows from a home that is exchanged, and ends the way back. It may be repeated any
 * number of times; the caller holds `upgrade.lock`. All of it is durable when it returns.
 */
export function recordWayBack({ layout, clock, emit }: RecordContext, journal: WayBackJournal): void {
  const { from, to, saved } = journal;
  recordWhatRuns(layout, journal);
  const outcomes = withWayBack(requireOutcomes(layout), layout, journal, clock.wall());
  writeOutcomes(layout, outcomes);
  const operator = requireOperator(layout);
  const wished = withWishes(operator, layout, journal, outcomes, clock.wall());
  if (wished !== operator) writeOperator(layout, wished);
  removeFileDurably(layout.probation);
  noteKept(journal);
  if (saved?.kind === "copy") disownCopy(join(layout.copies, basename(saved.path)));
  if (saved?.kind === "kept") removeFileDurably(rolledBackPaths(saved.path).note);
  removeWayBackJournal(layout);
  emit({ type: "node.put-back", from: from.name, to: to.name, why: journal.why, kept: journal.kept });
}

/** Where `current` points, what this home runs, and what is planned: what operators and other nodes go by. */
function recordWhatRuns(layout: Layout, journal: WayBackJournal): void {
  const { from, to, movesCurrent } = journal;
  if (movesCurrent && readCurrent(layout) === from.name) switchCurrent(layout, buildLayout(layout, to.name));
  writeVersionRecord(layout, recordOf(journal));
  if (movesCurrent) {
    const plan = requirePlan(layout);
    writePlan(layout, { ...plan, current: to, queuedUp: plan.queuedUp.filter(({ name }) => name !== to.name) });
  }
}

/** What the record of the home says after it. */
export function recordOf({ to, build, startedAt }: WayBackJournal): VersionRecord {
  return { name: to.name, version: build.build_version, upgradeTime: startedAt, binaryDetails: build };
}

/** A folder that nobody has put anything into is not kept. */
function noteKept({ kept, from, to, startedAt, why, byHand }: WayBackJournal): void {
  if (kept === null || !disk.existsSync(rolledBackPaths(kept).home)) return;
  writeRolledBackNote(kept, { ...from, to: to.name, at: startedAt, why, byHand });
}

function withWayBack(known: Outcomes, layout: Layout, journal: WayBackJournal, now: bigint): Outcomes {
  const { from, to, build, saved, startedAt, byHand, why, kept } = journal;
  const left = known.outcomes.findLast(({ home, name }) => home === layout.home && name === from.name);
  const change: Partial<Outcome> = {
    state: "rolled-back",
    why,
    decidedAt: now,
    wentBack: saved === null ? "without-data" : "with-data",
    kept,
    byHand,
  };
  const isLeft = (outcome: Outcome) => outcome === left && outcome.state !== "rolled-back";
  // Of one that had failed before a person went back from it the bytes are as bad as they were.
  const own = ({ state, why, byHand }: Outcome) => (state === "failed" ? { why, byHand } : {});
  const outcomes = known.outcomes.map((outcome) =>
    isLeft(outcome) ? { ...outcome, ...change, ...own(outcome) } : outcome,
  );
  const isNoted = outcomes.some(({ home, performedAt, kind }) => {
    return home === layout.home && performedAt === startedAt && kind === "rollback";
  });
  if (!byHand || isNoted) return { ...known, outcomes };
  const back: Outcome = {
    ...UNDECIDED,
    performedAt: startedAt,
    kind: "rollback",
    name: to.name,
    version: build.build_version,
    sha256: null,
    home: layout.home,
    from: from.name,
    fromVersion: from.version,
    state: "passed",
    why,
    decidedAt: now,
    wentBack: saved === null ? "without-data" : "with-data",
    kept,
    byHand,
  };
  return { ...known, outcomes: [...outcomes, back] };
}

/** The order is carried out; a person's choice is kept to, and two failures in a row ask for a person. */
function withWishes(
  operator: Operator,
  { home }: Layout,
  { byHand, to }: WayBackJournal,
  { outcomes }: Outcomes,
  now: bigint,
): Operator {
  const ordered = operator.goBack.some((order) => order.home === home);
  const goBack = ordered ? operator.goBack.filter((order) => order.home !== home) : operator.goBack;
  if (byHand) return { ...operator, goBack, pin: { release: to.name, since: now } };
  const hold =
    operator.hold === null && rolledBackInARow(outcomes) >= 2
      ? { since: now, until: null, why: "two versions in a row did not prove themselves and were put back" }
      : operator.hold;
  return ordered || hold !== operator.hold ? { ...operator, goBack, hold } : operator;
}
