import { NymvisorError } from "../model/errors.ts";
import type { Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import { systemClock } from "../system/clock.ts";
import { findProgram } from "./find-program.ts";
import { type ChildEnvironment, launch } from "./launch.ts";
import { joinTails, MOST_LINES, type Tail } from "./tail.ts";

/** How long a journal of many gigabytes on a slow disk may take. */
const ANSWER_LIMIT_MS = 5000;
const SECOND = 1_000_000_000n;

/**
 * What the journal has of a process, most recent last. Its lines are there some milliseconds after they were printed.
 * @param since of the wall clock: an earlier process may have had the same pid.
 * @param limit milliseconds.
 * @throws {NymvisorError} if there is no journalctl, it may not or cannot read the journal, or takes longer.
 */
export async function journalLines(
  pid: number,
  since: Instant,
  environment: ChildEnvironment,
  limit: number = ANSWER_LIMIT_MS,
): Promise<Tail> {
  const child = launch({
    command: [
      findProgram("journalctl", environment),
      "--quiet",
      "--no-pager",
      "--boot",
      `--since=@${since / SECOND}`,
      `--lines=${MOST_LINES}`,
      "--all",
      "--output=cat",
      // Of the process that wrote them, not of the one that opened the stream: systemd.journal-fields(7).
      `_PID=${pid}`,
    ],
    environment: { LC_ALL: "C", SYSTEMD_COLORS: "0" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let late = false;
  const cancelLimit = systemClock.after(limit, () => {
    late = true;
    child.killGroup();
  });
  try {
    const [lines, complaint, { exitCode }] = await Promise.all([
      readEnd(child.stdout),
      readEnd(child.stderr),
      child.exited,
    ]);
    if (late) throw refuse(`journalctl did not answer within ${limit / 1000} s`);
    if (exitCode !== 0) {
      const said = complaint.bytes.toString("utf8").trim().split("\n").at(-1) ?? "";
      throw refuse(`journalctl failed${said === "" ? "" : `: ${printable(said)}`}`);
    }
    if (lines.bytes.length === 0) {
      throw refuse(
        `the journal shows no line of pid ${pid}; to read those of services, a user must be in the group systemd-journal`,
      );
    }
    return lines;
  } finally {
    cancelLimit();
    child.killGroup();
  }
}

const refuse = (what: string) => new NymvisorError({ what });

async function readEnd(stream: ReadableStream<Uint8Array> | null): Promise<Tail> {
  let tail: Tail = { bytes: Buffer.alloc(0), cut: false };
  for await (const part of stream ?? []) tail = joinTails(tail, { bytes: Buffer.from(part), cut: false });
  return tail;
}
