import { z } from "zod";
import type { Layout } from "../model/paths.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { removeFileDurably } from "../system/durable.ts";
import { findByEnvironment, isAlive, type ProcessIdentity } from "../system/process-table.ts";

/**
 * What nymvisor notes about the daemon that it starts, so that a nymvisor that comes after a killed one finds a daemon
 * that is still there and never starts a second one on the same home. It lies in the home, because that is what two
 * daemons must not share, and it is removed when the daemon has ended.
 *
 * The note is made before the start, without a pid. If nymvisor is killed between the start and the note of the pid, or
 * the note could not be made, the daemon is found by the variable that it was given.
 */
const recordSchema = z.object({
  state: z.enum(["starting", "running", "stopping"]),
  pid: z.number().int().nullable(),
  startTime: z.number().nullable(),
  bootId: z.string(),
});

export type DaemonRecord = z.infer<typeof recordSchema>;

/** Marks a daemon (and its children) as the one of a home; the value is the home. */
export const HOME_VARIABLE = "NYMVISOR_DAEMON_HOME";

/** Durable when it returns. */
export function writeDaemonRecord(layout: Layout, record: DaemonRecord): void {
  writeDocument(recordSchema, layout.daemonRecord, record, { mode: 0o600 });
}

export function removeDaemonRecord(layout: Layout): void {
  removeFileDurably(layout.daemonRecord);
}

export interface Orphan {
  process: Required<ProcessIdentity>;
  /** It was already asked to stop: a second SIGINT would make nym-node drop everything. */
  interrupted: boolean;
}

/**
 * The daemons of this home that outlived their nymvisor. All processes are looked at also where there is no note: a full
 * disk may have kept it from being made, and looking takes a millisecond.
 */
export function findOrphans(layout: Layout): Orphan[] {
  const found = readDocument(recordSchema, layout.daemonRecord);
  const record = found.state === "found" ? found.value : undefined;
  const interrupted = record?.state === "stopping";
  const marked = findByEnvironment(HOME_VARIABLE, layout.home);
  if (record?.pid != null && record.startTime !== null) {
    const process = { pid: record.pid, startTime: record.startTime, bootId: record.bootId };
    if (isAlive(process) && !marked.some(({ pid }) => pid === process.pid)) marked.unshift(process);
  }
  return marked.map((process) => ({ process, interrupted }));
}
