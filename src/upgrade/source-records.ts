import type { Plan } from "../model/documents.ts";
import type { Instant } from "../model/instant.ts";
import type { Layout } from "../model/paths.ts";
import { NO_RECORDS, type SourceRecords, sourceRecordsSchema } from "../model/source-records.ts";
import { type Found, readDocument, writeDocument } from "../system/documents.ts";
import { requireOperator, writeOperator } from "./operator.ts";
import { readHistory } from "./shared-documents.ts";

/** `sources.json`, read and written. Whoever writes it holds `upgrade.lock`, and has read it under that lock. */

const readSourceRecords = (layout: Layout): Found<SourceRecords> => readDocument(sourceRecordsSchema, layout.sources);

/** The records; none where they cannot be used, which a start sets right. */
export function sourceRecords(layout: Layout): SourceRecords {
  const found = readSourceRecords(layout);
  return found.state === "found" ? found.value : NO_RECORDS;
}

/** Durable when it returns. */
export function writeSourceRecords(layout: Layout, records: SourceRecords): void {
  writeDocument(sourceRecordsSchema, layout.sources, records);
}

type Record = SourceRecords["queued"][number];

/** Notes one entry of a source, or forgets it. Durable when it returns. */
export function noteQueued(layout: Layout, name: string, record: Record | null): void {
  const records = sourceRecords(layout);
  const others = records.queued.filter((other) => other.name !== name);
  if (record === null && others.length === records.queued.length) return;
  writeSourceRecords(layout, { ...records, queued: record === null ? others : [...others, record] });
}

/** Notes that a source has given a valid answer. Durable when it returns. */
export function noteAnswer(layout: Layout, source: string, now: Instant): void {
  const records = sourceRecords(layout);
  writeSourceRecords(layout, {
    ...records,
    since: records.since ?? now,
    answered: { ...records.answered, [source]: now },
  });
}

/** Notes since when sources are asked, unless that is known. */
export function noteAsked(layout: Layout, now: Instant): void {
  const records = sourceRecords(layout);
  if (records.since === null) writeSourceRecords(layout, { ...records, since: now });
}

/**
 * Brings the records up to the plan. An entry that a source made, and that is gone without having been performed, was
 * removed by a person: it counts as skipped from now on. @returns the names of those that are. The caller holds
 * `upgrade.lock`.
 */
export function settleRecords(layout: Layout, plan: Plan, now: Instant): string[] {
  const records = sourceRecords(layout);
  if (records.queued.length === 0) return [];
  const planned = new Set(plan.queuedUp.map(({ name }) => name));
  const gone = records.queued.filter(({ name }) => !planned.has(name));
  const arrived = records.queued.some(({ name, state }) => state === "entering" && planned.has(name));
  if (gone.length === 0 && !arrived) return [];
  const performed = performedNames(layout).add(plan.current.name);
  const removed = gone.filter(({ name, state }) => state === "queued" && !performed.has(name)).map(({ name }) => name);
  if (removed.length > 0) {
    const operator = requireOperator(layout);
    const skipped = [
      ...operator.skipped.filter(({ name }) => !removed.includes(name)),
      ...removed.map((name) => ({ name, since: now, by: "plan" as const })),
    ];
    writeOperator(layout, { ...operator, skipped });
  }
  const queued = records.queued
    .filter(({ name }) => planned.has(name))
    .map((one) => (one.state === "entering" ? { ...one, state: "queued" as const } : one));
  writeSourceRecords(layout, { ...records, queued });
  return removed;
}

function performedNames(layout: Layout): Set<string> {
  const history = readHistory(layout);
  return new Set(history.state === "found" ? history.value.history.map(({ info }) => info.name) : []);
}
