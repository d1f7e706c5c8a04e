import type { Plan, UpgradeInfo } from "../model/documents.ts";
import type { Instant } from "../model/instant.ts";
import type { Operator } from "../model/operator.ts";
import type { ReleaseState, Verdict } from "../model/releases.ts";
import { judgeAnnouncement, type Running } from "./incoming.ts";
import { objectionToWish, orderOf } from "./operator-wishes.ts";
import { compareReleaseVersions } from "./release-order.ts";

/** A verdict on a release whose source may not tell when it was published. */
export type Candidate = Omit<Verdict, "publishedAt"> & { publishedAt: Instant | null };

export interface AnnouncedSituation {
  running: Running;
  plan: Plan;
  /** The entry of that name in the plan was written or changed by a person. */
  owned: boolean;
  /** What the history holds. */
  performed: readonly UpgradeInfo[];
  operator: Operator;
  /** Why its bytes must not be tried again, or null. */
  bad: string | null;
  /** Why there is no binary that may be used, or null. */
  missing: { state: "no-binary" | "no-checksum"; why: string } | null;
}

/**
 * What becomes of an announcement, in the words that releases of a list are told of with.
 * @returns also whether it is newer than what runs, so that no other source is asked.
 */
export function verdictOnAnnouncement(
  info: UpgradeInfo,
  situation: AnnouncedSituation,
): { candidate: Candidate; newer: boolean } {
  const { running, plan, owned, performed, operator, bad, missing } = situation;
  const { name, version, publishDate: publishedAt } = info;
  const decision = judgeAnnouncement(info, running, plan, owned, performed, bad);
  const order = compareReleaseVersions(version, running.build.build_version) ?? 0;
  const told = (state: ReleaseState, why: string, at: Instant | null = null) => {
    return {
      candidate: { name, version, publishedAt, state, why, at },
      newer: decision.action === "queue" || order > 0,
    };
  };
  if (decision.action === "refuse") {
    const before = performed.some((one) => one.name === name);
    const state = order < 0 ? "older" : before && decision.reason !== bad ? "performed" : "refused";
    return { ...told(state, decision.reason), newer: false };
  }
  if (name === plan.current.name) return told("running", "it is what runs, found by its name");
  const queued = plan.queuedUp.find((entry) => entry.name === name);
  if (decision.action === "nothing" && queued === undefined) {
    if (running.otherBytes === false) return told("same-bytes", `its bytes are those of ${plan.current.name}`);
    return told("not-replaced", `its version is what runs, and nothing tells that it is another build`);
  }
  const ordered = queued !== undefined && orderOf(queued, operator) !== undefined;
  const objection = ordered ? null : objectionToWish(info, operator, owned);
  if (objection !== null) {
    const skipped = operator.skipped.some((one) => one.name === name);
    return told(skipped ? "skipped" : "pinned-away", objection);
  }
  if (missing !== null) return told(missing.state, missing.why);
  if (queued === undefined || decision.action === "queue") {
    return told("chosen", "it is announced, and newer than what runs", info.upgradeTime);
  }
  const why = owned || ordered ? "it is queued, at the time that a person wants" : "it is queued as announced";
  return told("chosen", why, queued.upgradeTime);
}
