import type { LastLines } from "../daemon/output.ts";
import { adviceOf, isMachineRefusal, NymvisorError, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { printable } from "../model/names.ts";
import type { Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import type { Target } from "../policy/run-state.ts";
import { disk } from "../system/disk.ts";
import { writeFileDurably } from "../system/durable.ts";
import { readCurrent } from "../upgrade/current.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { type ProbationNote, readProbation, whyNoWayBack } from "../upgrade/probation-note.ts";
import { rolledBackPaths } from "../upgrade/rolled-back.ts";
import { listSavedHomes, newestSavedHome, type SavedHome, savedFor } from "../upgrade/saved-homes.ts";
import { readVersionRecord } from "../upgrade/shared-documents.ts";
import {
  turnBack,
  type WayBackContext,
  type WayBackRequest,
  type WayBackResult,
} from "../upgrade/way-back/turn-back.ts";

export interface GoBackContext extends WayBackContext {
  configuration: Configuration;
}

type Back = Extract<Target, { kind: "back" }>;

/**
 * Goes back, on a person's order or because the version on probation has failed. Never throws.
 * @returns besides, the folder in which what the version had made of the home was put, or null.
 */
export async function goBack(context: GoBackContext, target: Back): Promise<WayBackResult> {
  let request: WayBackRequest;
  try {
    request = target.order === null ? fromProbation(context, target.why) : fromOrder(context, target.order);
  } catch (error) {
    // What the machine does not let us read now it may let us read later.
    const hopeless = !isMachineRefusal(error);
    return { outcome: "failed", reason: adviceOf(error), stopped: false, hopeless, kept: null };
  }
  return turnBack(context, request);
}

function fromProbation({ layout, configuration }: GoBackContext, why: string): WayBackRequest {
  const found = readProbation(layout);
  if (found.state !== "found") throw new NymvisorError({ what: "nothing is on probation" });
  const note = found.value;
  const objection = whyNoWayBack(layout, configuration, note);
  if (objection !== null) throw new NymvisorError({ what: objection });
  const saved = note.saved === null ? null : savedForProbation(layout, note);
  return { from: note, to: note.from, saved, why, byHand: false };
}

function savedForProbation(layout: Layout, { performedAt, saved: noted }: ProbationNote): SavedHome {
  const { outcomes } = requireOutcomes(layout);
  const outcome = outcomes.find((one) => one.home === layout.home && one.performedAt === performedAt);
  const all = listSavedHomes(layout, outcomes);
  // Where the outcomes were lost, the note still says where the home was saved.
  const saved = outcome === undefined ? all.find(({ path }) => path === noted) : savedFor(all, outcome);
  if (saved !== undefined) return saved;
  throw new NymvisorError({ what: "the home that was saved before the upgrade is there no more" });
}

function fromOrder({ layout }: GoBackContext, order: NonNullable<Back["order"]>): WayBackRequest {
  const record = readVersionRecord(layout);
  if (record.state !== "found") throw new NymvisorError({ what: "nobody knows what this home is on" });
  const from = record.value;
  if (from.name === order.to && readCurrent(layout) === order.to) {
    throw new NymvisorError({ what: `${printable(order.to)} runs already` });
  }
  const request = { from, to: order.to, why: "a person ordered it", byHand: true };
  if (order.saved === null) return { ...request, saved: null };
  const all = listSavedHomes(layout, requireOutcomes(layout).outcomes);
  // A copy that was meant is an archive by now.
  const saved = all.find(({ path }) => path === order.saved) ?? newestSavedHome(all, order.to);
  if (saved !== undefined) return { ...request, saved };
  throw new NymvisorError({
    what: `no home of ${printable(order.to)} is saved any more`,
    next: "to go back with the data as they are: nymvisor rollback --no-data",
  });
}

/** Puts what a version printed last beside the home that it wrote: why it failed stands there, if anywhere. Never throws. */
export async function keepLines(kept: string, lastLines: () => Promise<LastLines>, emit: Emit): Promise<void> {
  const { output } = rolledBackPaths(kept);
  try {
    const last = await lastLines();
    if (!disk.existsSync(kept)) return;
    const text = "lines" in last ? Buffer.concat(last.lines.flatMap((line) => [line, LINE_FEED])) : `${last.reason}\n`;
    writeFileDurably(output, text, { mode: 0o600 });
  } catch (error) {
    emit({ type: "warning", about: output, reason: reasonOf(error) });
  }
}

const LINE_FEED = Buffer.from("\n");
