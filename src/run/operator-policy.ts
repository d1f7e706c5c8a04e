import { z } from "zod";
import type { UpgradeInfo } from "../model/documents.ts";
import type { Duration } from "../model/duration.ts";
import { reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Instant } from "../model/instant.ts";
import type { Operator } from "../model/operator.ts";
import type { Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import type { ReleasePolicy } from "../policy/decide-releases.ts";
import { withAskFrom } from "../policy/incoming.ts";
import { after, dueAfter, fractionOf } from "../policy/spread.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { makeFolderDurably } from "../system/durable.ts";

/** For releases whose source names no time, where the operator has not set another. */
const USUAL_AGE: Duration = 86_400_000_000_000n;
export const USUAL_SPREAD: Duration = 3_600_000_000_000n;

/** What settings and people want of releases whose source names no time. */
export function releasePolicy(
  { policy, daemon }: Configuration,
  operator: Operator,
  /** Null: none is drawn yet, and times are the earliest that there may be. */
  seed: string | null,
): ReleasePolicy {
  return {
    minimumAge: policy.minimum_release_age ?? USUAL_AGE,
    spread: policy.spread ?? USUAL_SPREAD,
    windows: policy.window,
    prereleases: policy.prereleases,
    enforceChecksum: daemon.enforce_download_checksum,
    skipped: new Set(operator.skipped.map(({ name }) => name)),
    pin: operator.pin?.release ?? null,
    fraction: (name) => (seed === null ? 0 : fractionOf(seed, name)),
  };
}

/**
 * An announcement whose source names a time, with the time that this node performs it at: the same, unless the operator
 * has set an age, a spread or windows.
 */
export function scheduleAnnounced(info: UpgradeInfo, { policy }: Configuration, seed: () => string): UpgradeInfo {
  const { minimum_release_age: age, spread, window } = policy;
  if (age === null && spread === null && window.length === 0) return info;
  const ofAge: Instant = age === null ? 0n : after(info.publishDate ?? info.upgradeTime, age);
  const from = ofAge > info.upgradeTime ? ofAge : info.upgradeTime;
  // Windows that never open again are the reducer's to wait for.
  const due = dueAfter(from, spread ?? 0n, fractionOf(seed(), info.name), window) ?? from;
  const scheduled = { ...info, upgradeTime: due };
  return age === null ? scheduled : withAskFrom(scheduled, ofAge);
}

const seedSchema = z.object({ seed: z.string().min(16) });

/** What was drawn for this instance before, or null; nothing is made. */
export function keptSpreadSeed(layout: Layout): string | null {
  const found = readDocument(seedSchema, layout.spreadSeed);
  return found.state === "found" ? found.value.seed : null;
}

/**
 * What this instance draws its delays from: random, made once. Instances are usually called alike, so it cannot be made
 * from their names. A disk that does not take it gives other delays after the next start, and nothing worse.
 */
export function spreadSeed(layout: Layout, emit: Emit): string {
  const kept = keptSpreadSeed(layout);
  if (kept !== null) return kept;
  const seed = crypto.randomUUID();
  try {
    makeFolderDurably(layout.instanceData);
    writeDocument(seedSchema, layout.spreadSeed, { seed });
  } catch (error) {
    emit({ type: "warning", about: layout.spreadSeed, reason: reasonOf(error) });
  }
  return seed;
}
