import type { UpgradeInfo } from "../model/documents.ts";
import type { Instant } from "../model/instant.ts";
import type { SourceRecords } from "../model/source-records.ts";
import { askFromOf, NEVER } from "./incoming.ts";

export interface EntryTimes {
  due: Instant;
  /** Nothing of it is executed before. */
  askFrom: Instant;
}

/**
 * When an entry that is in the plan already is due, and may be executed. A time that a person has moved stays. So does one
 * that a neighbour chose, unless the release is too young then: of several ages the longest counts, as `current` is moved
 * for all who share the plan.
 * @param chosen what `instance` would choose
 * @param record what is noted of the entry
 */
export function timesOfEntry(
  chosen: EntryTimes,
  queued: UpgradeInfo,
  record: Pick<SourceRecords["queued"][number], "by" | "upgradeTime">,
  instance: string,
): EntryTimes {
  const isNeighbours = record.by !== instance;
  const theirs = isNeighbours ? askFromOf(queued) : 0n;
  const askFrom = theirs > chosen.askFrom && theirs !== NEVER ? theirs : chosen.askFrom;
  const isMoved = queued.upgradeTime !== record.upgradeTime;
  const due = isMoved || (isNeighbours && queued.upgradeTime >= askFrom) ? queued.upgradeTime : chosen.due;
  return { due, askFrom };
}
