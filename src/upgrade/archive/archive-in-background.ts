import { join } from "node:path";
import { type ChildEnvironment, endGroup, spawnChild } from "../../daemon/spawn.ts";
import { NymvisorError, reasonOf } from "../../model/errors.ts";
import { sweepTemporaries } from "../../system/durable.ts";
import { ARCHIVE_CHILD, ownProgram } from "../../system/own-program.ts";
import {
  type ArchiveOrder,
  type ArchiveResult,
  type ArchiveWord,
  archiveOrderSchema,
  archiveWordSchema,
} from "./archive-order.ts";
import type { ArchiveProgress } from "./archive-ordered.ts";

export interface BackgroundOptions {
  /** All that the process gets. */
  environment: ChildEnvironment;
  /** Calls it off: what it has written so far is removed. */
  signal?: AbortSignal | undefined;
  /** Bytes of contents while it writes, bytes of the archive while it compares; a few times a second. */
  onProgress?: ((progress: ArchiveProgress) => void) | undefined;
  /** What is started; for tests. */
  program?: readonly [string, ...string[]];
}

/** What it says on stderr is for the report of a crash only. */
const LONGEST_COMPLAINT = 2000;

/**
 * Archives a finished copy in a process of its own, at the lowest priority, so that the daemon, and the supervisor's own
 * loop, have what they need. The process cannot outlive this one.
 * @returns when the archive is whole, durable, and was read back and compared.
 * @throws {NymvisorError} if it could not be made, or its process ended without a word: it may be tried again then.
 */
export async function archiveInBackground(
  order: Omit<ArchiveOrder, "parent">,
  { environment, signal, onProgress, program = ownProgram() }: BackgroundOptions,
): Promise<ArchiveResult> {
  signal?.throwIfAborted();
  const child = await spawnChild({
    command: [...program, ARCHIVE_CHILD],
    environment,
    output: "pipe",
    input: `${JSON.stringify(archiveOrderSchema.encode({ ...order, parent: process.pid }))}\n`,
  });
  // At its priority it might need long to hear of it, and whoever calls it off may be waiting to put a node back.
  const callOff = () => child.killGroup();
  signal?.addEventListener("abort", callOff, { once: true });
  try {
    const [word, complaint, ending] = await Promise.all([
      lastWord(child.stdout, onProgress),
      complaintOf(child.stderr),
      child.exited,
    ]);
    signal?.throwIfAborted();
    if (word !== undefined && "done" in word) return word.done;
    if (word !== undefined && "failed" in word) throw failureOf(word.failed);
    const how = ending.signal === null ? `with ${ending.exitCode}` : `by ${ending.signal}`;
    throw new NymvisorError({
      what: "the process that archives the copy ended without an archive",
      why: `it ended ${how}${complaint === "" ? "" : `: ${complaint}`}`,
    });
  } finally {
    signal?.removeEventListener("abort", callOff);
    child.endInput?.();
    await endGroup(child);
    if (signal?.aborted === true) sweepTemporaries(join(order.backups, order.folder));
  }
}

function failureOf({ what, why, next }: { what: string; why?: string | undefined; next?: string | undefined }) {
  return new NymvisorError({ what, why, next });
}

/** Reads to the end. @returns what was said last, if it was not about progress. */
async function lastWord(
  stream: ReadableStream<Uint8Array> | null,
  onProgress: BackgroundOptions["onProgress"],
): Promise<ArchiveWord | undefined> {
  let last: ArchiveWord | undefined;
  let rest = "";
  const decoder = new TextDecoder();
  for await (const part of stream ?? []) {
    const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const word = archiveWordSchema.parse(JSON.parse(line));
      if ("progress" in word) onProgress?.(word.progress);
      else last = word;
    }
  }
  return last;
}

async function complaintOf(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  if (stream === null) return "";
  let text = "";
  try {
    const decoder = new TextDecoder();
    for await (const part of stream) text = (text + decoder.decode(part, { stream: true })).slice(-LONGEST_COMPLAINT);
  } catch (error) {
    return reasonOf(error);
  }
  return text.trim();
}
