import { type ChildEnvironment, type Ending, endGroup, spawnChild } from "../../daemon/spawn.ts";
import type { Duration } from "../../model/duration.ts";
import { NymvisorError } from "../../model/errors.ts";
import { printable } from "../../model/names.ts";
import { sleep } from "../../system/clock.ts";
import { within } from "./within.ts";

export interface CommandOptions {
  /** The whole environment of the command. */
  environment: ChildEnvironment;
  limit: Duration;
  signal: AbortSignal;
}

/** Its last line is wanted, and no line for an operator is longer. */
const KEPT_BYTES = 4096;
/** What it has written is in its pipes when it ends; a child that it left may hold them open for ever. */
const DRAIN_MS = 250;

/**
 * Runs a line by `/bin/sh -c`. When this settles nobody of its process group is left.
 * @throws {NymvisorError} if it did not exit with 0 in time. @throws the signal's reason.
 */
export async function runCommand(command: string, { environment, limit, signal }: CommandOptions): Promise<void> {
  const what = `the health command "${printable(command, 80)}"`;
  const child = await spawnChild({ command: ["/bin/sh", "-c", command], environment, output: "pipe" });
  const outputs = [follow(child.stderr), follow(child.stdout)];
  try {
    const ending = await within(limit, { signal, late: `${what} did not end` }, () => child.exited);
    if (ending.exitCode === 0) return;
    child.killGroup();
    await Promise.race([Promise.all(outputs.map(({ ended }) => ended)), sleep(DRAIN_MS)]);
    const said = outputs.map((output) => output.lastLine()).find((line) => line !== "");
    throw new NymvisorError({ what: `${what} ${describe(ending)}`, why: said });
  } finally {
    for (const output of outputs) output.close();
    await endGroup(child);
    await child.exited;
  }
}

function describe({ exitCode, signal }: Ending): string {
  return signal === null ? `exited with ${exitCode}` : `was ended by ${signal}`;
}

interface Output {
  /** Settles at the end of it, or when it was closed. */
  ended: Promise<void>;
  /** The last line so far that is not blank, or nothing. */
  lastLine(): string;
  close(): void;
}

/** Reads a stream to its end, so that its writer is never held up, and keeps the end of it. */
function follow(stream: ReadableStream<Uint8Array> | null): Output {
  const reader = stream?.getReader();
  let kept = Buffer.alloc(0);
  const read = async () => {
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
      kept = Buffer.concat([kept, part.value]).subarray(-KEPT_BYTES);
    }
  };
  return {
    // What cannot be read says nothing; that the command failed is said without it.
    ended: read().catch(() => {}),
    lastLine() {
      const lines = kept.toString("utf8").split("\n");
      return printable(lines.findLast((line) => line.trim() !== "")?.trim() ?? "");
    },
    close: () => void reader?.cancel().catch(() => {}),
  };
}
