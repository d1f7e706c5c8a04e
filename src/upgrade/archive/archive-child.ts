import { writeSync } from "node:fs";
import { errorCode, NymvisorError, reasonOf } from "../../model/errors.ts";
import { dieWithParent, yieldToOthers } from "../../system/priority.ts";
import { readFinishedCopy } from "../copy/finished-copy.ts";
import { type ArchiveOrder, type ArchiveWord, archiveOrderSchema } from "./archive-order.ts";
import { archiveAsOrdered } from "./archive-ordered.ts";

/** Bytes of a home that are archived before a node that shares the processor would notice. */
const NOTICEABLE = 32 << 20;

/** At the lowest priority a few files may take minutes on a busy machine, and their copy stays for as long. */
function isWorthYielding({ source }: ArchiveOrder): boolean {
  return !("copy" in source) || (readFinishedCopy(source.copy)?.bytes ?? NOTICEABLE) >= NOTICEABLE;
}

/** Between two words about how far it is, in milliseconds. */
const TELL_EVERY_MS = 200;

/**
 * The whole life of the process that archives in the background. It ends when its parent does: by the kernel's signal,
 * and when its stdin ends, which is also how the parent calls it off.
 * @returns the exit status: 0 when the archive is there.
 */
export async function runArchiveChild(): Promise<number> {
  const called = new AbortController();
  const order = await readOrder(called);
  if (order === undefined || !dieWithParent(order.parent)) return 1;
  if (isWorthYielding(order)) yieldToOthers();
  let toldAt = Number.NEGATIVE_INFINITY;
  try {
    const done = await archiveAsOrdered(order, called.signal, (progress) => {
      const now = performance.now();
      if (now - toldAt < TELL_EVERY_MS) return;
      toldAt = now;
      tell({ progress });
    });
    tell({ done });
    return 0;
  } catch (error) {
    const { what, why, next } = error instanceof NymvisorError ? error : new NymvisorError({ what: reasonOf(error) });
    tell({ failed: { what, why, next } });
    return 1;
  }
}

/** The first line of stdin; when stdin ends, `called` is aborted. Undefined: it ended, or was none of ours. */
async function readOrder(called: AbortController): Promise<ArchiveOrder | undefined> {
  const first = Promise.withResolvers<string | undefined>();
  const listen = async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const part of Bun.stdin.stream()) {
      text += decoder.decode(part, { stream: true });
      const end = text.indexOf("\n");
      if (end !== -1) first.resolve(text.slice(0, end));
    }
    first.resolve(undefined);
    called.abort(new NymvisorError({ what: "the archive was called off" }));
  };
  listen().catch((error: unknown) => called.abort(error));
  const line = await first.promise;
  return line === undefined ? undefined : archiveOrderSchema.parse(JSON.parse(line));
}

function tell(word: ArchiveWord): void {
  try {
    writeSync(1, `${JSON.stringify(word)}\n`);
  } catch (error) {
    // Nobody listens any more; that the parent is gone shows elsewhere.
    if (errorCode(error) !== "EPIPE") throw error;
  }
}
