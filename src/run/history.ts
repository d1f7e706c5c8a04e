import { reasonOf } from "../model/errors.ts";
import type { Outcome } from "../model/outcomes.ts";
import type { Layout } from "../model/paths.ts";
import type { HistoryEntry, HistoryReport } from "../model/render-history.ts";
import { type HomeMove, movesOf } from "../policy/upgrade-history.ts";
import { disk } from "../system/disk.ts";
import { requireUsable } from "../system/documents.ts";
import type { Environment } from "../system/environment.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { rolledBackPaths } from "../upgrade/rolled-back.ts";
import { listSavedHomes, type SavedHome, savedFor } from "../upgrade/saved-homes.ts";
import { readHistory } from "../upgrade/shared-documents.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";

/**
 * `nymvisor history`: what this node has been through. Reads files, and nothing else: it takes no lock and changes
 * nothing, and what this user may not look at is told of as it was noted.
 * @throws {NymvisorError} if the history, or what became of upgrades, cannot be read.
 */
export function historyReport(environment: Environment): HistoryReport {
  const { layout } = openInstance(environment);
  requireUpgradeData(layout);
  const { outcomes } = requireOutcomes(layout);
  const next = `look at it; nymvisor run sets it aside and goes on from ${layout.lastGood}`;
  const history = requireUsable(readHistory(layout), layout.history, next)?.history ?? [];
  const { saved, unseen } = lookForSaved(layout, outcomes);
  const upgrades = movesOf(layout.home, outcomes, history).map((move) => describe(move, saved));
  return { upgrades, unseen };
}

function lookForSaved(
  layout: Layout,
  outcomes: readonly Outcome[],
): { saved: readonly SavedHome[] | null; unseen: string | null } {
  try {
    return { saved: listSavedHomes(layout, outcomes), unseen: null };
  } catch (error) {
    return { saved: null, unseen: reasonOf(error) };
  }
}

/** @param saved null: they cannot be looked at, so what was noted has to do. */
function describe(move: HomeMove, saved: readonly SavedHome[] | null): HistoryEntry {
  if (!("outcome" in move)) {
    const { performedAt, info, from } = move;
    const backup = saved?.find(
      ({ kind, upgrade, at }) => kind !== "kept" && upgrade === info.name && at <= performedAt,
    );
    return { ...UNKNOWN, performedAt, name: info.name, version: info.version, from, backup: backup?.path ?? null };
  }
  const { outcome } = move;
  const { performedAt, kind, name, version, from, fromVersion, state, why, decidedAt, downtime } = outcome;
  const { byHand, forgiven, wentBack, kept } = outcome;
  const isKept = kept !== null && disk.existsSync(rolledBackPaths(kept).home);
  return {
    performedAt,
    kind,
    name,
    version,
    from,
    fromVersion,
    outcome: state,
    why,
    decidedAt,
    byHand,
    forgiven,
    wentBack,
    downtime,
    backup: saved === null ? outcome.backup : (savedFor(saved, outcome)?.path ?? null),
    kept: saved === null || isKept ? kept : null,
  };
}

const UNKNOWN = {
  kind: "upgrade",
  fromVersion: null,
  outcome: "unknown",
  why: null,
  decidedAt: null,
  byHand: false,
  forgiven: false,
  wentBack: null,
  downtime: null,
  kept: null,
} as const;
