import { printable } from "../model/names.ts";
import { systemClock } from "../system/clock.ts";
import { type ChildEnvironment, launch } from "./launch.ts";
import { MOST_LINES, TAIL_BYTES, type Tail } from "./tail.ts";

/** How long a journal of many gigabytes on a slow disk may take. */
const ANSWER_LIMIT_MS = 5000;

/**
 * What the journal has of a process, most recent last.
 * @param since milliseconds since 1970: an earlier process may have had the same pid.
 * @throws if there is no journalctl, it may not or cannot read the journal, or takes longer than 5 s.
 */
export async function journalLines(pid: number, since: number, environment: ChildEnvironment): Promise<Tail> {
  const PATH = environment.PATH ?? "/usr/bin:/bin";
  const program = Bun.which("journalctl", { PATH });
  if (program === null) throw new Error("this machine has no journalctl");
  const child = launch({
    command: [
      program,
      "--quiet",
      "--no-pager",
      "--boot",
      `--since=@${Math.floor(since / 1000)}`,
      `--lines=${MOST_LINES}`,
      "--all",
      "--output=cat",
      `_PID=${pid}`,
    ],
    environment: { PATH, LC_ALL: "C", SYSTEMD_COLORS: "0" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let late = false;
  const cancelLimit = systemClock.after(ANSWER_LIMIT_MS, () => {
    late = true;
    child.killGroup();
  });
  try {
    const [lines, complaint, { exitCode }] = await Promise.all([
      readEnd(child.stdout),
      readEnd(child.stderr),
      child.exited,
    ]);
    if (late) throw new Error(`journalctl did not answer within ${ANSWER_LIMIT_MS / 1000} s`);
    if (exitCode !== 0) {
      const said = complaint.bytes.toString("utf8").trim().split("\n").at(-1) ?? "";
      throw new Error(`journalctl failed${said === "" ? "" : `: ${printable(said)}`}`);
    }
    if (lines.bytes.length === 0) {
      throw new Error(
        `the journal shows no line of pid ${pid}; to read those of services, a user must be in the group systemd-journal`,
      );
    }
    return lines;
  } finally {
    cancelLimit();
    child.killGroup();
  }
}

async function readEnd(stream: ReadableStream<Uint8Array> | null): Promise<Tail> {
  let bytes = Buffer.alloc(0);
  let cut = false;
  for await (const part of stream ?? []) {
    const all = Buffer.concat([bytes, part]);
    cut ||= all.length > TAIL_BYTES;
    bytes = all.subarray(-TAIL_BYTES);
  }
  return { bytes, cut };
}
