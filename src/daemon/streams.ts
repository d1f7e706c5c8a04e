import { type BigIntStats, fstatSync } from "node:fs";
import { isatty } from "node:tty";

export const STDOUT = 1;
export const STDERR = 2;
type OwnOutput = typeof STDOUT | typeof STDERR;

/** What our standard output, or error, leads to; or both. */
export interface Stream {
  /** Those of the two that lead there. */
  descriptors: [OwnOutput, ...OwnOutput[]];
  /** "pipe": a socket, too, that is not the journal's. */
  kind: "file" | "journal" | "pipe" | "terminal" | "other";
  /** Of a file: now. */
  size: number;
}

/** @param journal `$JOURNAL_STREAM`: device and inode of the stream that the journal reads (systemd.exec(5)). */
export function findStreams(journal: string | undefined): Stream[] {
  const streams = new Map<string, Stream>();
  for (const descriptor of [STDOUT, STDERR] as const) {
    const stat = statOf(descriptor);
    const identity = stat === undefined ? `closed ${descriptor}` : `${stat.dev}:${stat.ino}`;
    const same = streams.get(identity);
    if (same !== undefined) {
      same.descriptors.push(descriptor);
      continue;
    }
    const kind = stat === undefined ? "other" : kindOf(stat, descriptor, identity === journal);
    streams.set(identity, { descriptors: [descriptor], kind, size: Number(stat?.size ?? 0n) });
  }
  return [...streams.values()];
}

function statOf(descriptor: number): BigIntStats | undefined {
  try {
    return fstatSync(descriptor, { bigint: true });
  } catch {
    // A closed descriptor leads nowhere.
    return undefined;
  }
}

function kindOf(stat: BigIntStats, descriptor: number, isJournal: boolean): Stream["kind"] {
  if (isJournal) return "journal";
  if (stat.isFile()) return "file";
  if (stat.isFIFO() || stat.isSocket()) return "pipe";
  return isatty(descriptor) ? "terminal" : "other";
}
