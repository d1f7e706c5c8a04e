import { constants } from "node:fs";
import { type BuildInfo, buildInfoSchema } from "../model/build-info.ts";
import { describeIssues } from "../model/documents.ts";
import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";
import { objectionToDaemonName, printable } from "../model/names.ts";
import { systemClock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { explanation } from "../system/durable.ts";
import { type ChildEnvironment, endGroup, spawnChild } from "./spawn.ts";

/** How long a binary may take to answer; a real one needs milliseconds. */
const ANSWER_LIMIT_MS = 10_000;
/** How much it may print; a real answer is under a kilobyte. */
const OUTPUT_LIMIT_BYTES = 1024 * 1024;
/** How much of its stderr is quoted in an error. */
const QUOTED_BYTES = 2048;

export interface InspectOptions {
  environment: ChildEnvironment;
  signal?: AbortSignal | undefined;
  /** Milliseconds; default 10 s. */
  limit?: number;
}

/**
 * Asks a binary for its build information by running it. The caller has made sure that the binary may be run at all.
 * The whole process group is gone when this settles.
 * @throws {NymvisorError} if it is not an executable Nym binary, or the signal's reason when aborted.
 */
export async function inspectBinary(
  path: string,
  { environment, signal, limit = ANSWER_LIMIT_MS }: InspectOptions,
): Promise<BuildInfo> {
  signal?.throwIfAborted();
  checkExecutableFile(path);
  const answer = await ask(path, environment, signal, limit);
  return readAnswer(path, answer);
}

function notNym(path: string, why: string, next?: string, cause?: unknown): NymvisorError {
  return new NymvisorError({
    what: `${path} is not a Nym binary that runs here`,
    why,
    next: next ?? `see what it says: ${path} --no-banner build-info --output=json`,
    cause,
  });
}

/** ELF's e_machine (elf(5), the ABI supplements), for what this program runs on and what people mix it up with. */
const MACHINES: Readonly<Record<number, string>> = {
  3: "x86 (32 bit)",
  40: "arm (32 bit)",
  62: "x86_64",
  183: "aarch64",
  243: "riscv64",
};
const OURS: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

function checkExecutableFile(path: string): void {
  let head: Buffer;
  try {
    const stat = disk.statSync(path);
    if (stat.isDirectory()) throw notNym(path, "it is a folder", "name the binary itself");
    if (!stat.isFile()) throw notNym(path, "it is not a regular file", "name the binary itself");
    if ((stat.mode & 0o111) === 0) throw notNym(path, "it is not executable", `make it so: chmod a+x ${path}`);
    if (stat.size === 0) throw notNym(path, "it is empty", "get it again");
    head = readHead(path);
  } catch (error) {
    if (error instanceof NymvisorError) throw error;
    const missing = errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
    throw new NymvisorError({
      what: missing ? `there is no binary at ${path}` : `${path} cannot be read`,
      why: explanation(error),
      next: missing ? "check the path" : `check who owns it: ls -l ${path}`,
      cause: error,
    });
  }
  if (head.subarray(0, 4).toString("latin1") !== "\x7fELF" || head.length < 20) return;
  const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
  if (machine === OURS[process.arch]) return;
  const theirs = MACHINES[machine] ?? `machine ${machine}`;
  throw notNym(
    path,
    `it is built for ${theirs}, and this machine is ${process.arch === "x64" ? "x86_64" : "aarch64"}`,
    "get the binary for this machine",
  );
}

function readHead(path: string): Buffer {
  const file = disk.openSync(path, constants.O_RDONLY);
  try {
    const head = Buffer.alloc(20);
    return head.subarray(0, disk.readSync(file, head, 0, head.length, 0));
  } finally {
    disk.closeSync(file);
  }
}

interface Answer {
  stdout: Buffer;
  stderr: Buffer;
  exitCode: number | null;
  signal: string | null;
}

async function ask(
  path: string,
  environment: ChildEnvironment,
  signal: AbortSignal | undefined,
  limit: number,
): Promise<Answer> {
  const child = await spawnChild({
    command: [path, "--no-banner", "build-info", "--output=json"],
    environment,
    output: "pipe",
  }).catch((error: unknown) => {
    throw notNym(path, `it cannot be executed: ${reasonOf(error)}`, undefined, error);
  });
  const stopped = Promise.withResolvers<never>();
  // Whoever loses the race below must not surface as an unhandled rejection.
  stopped.promise.catch(() => {});
  const late = () => stopped.reject(notNym(path, `it did not answer within ${limit / 1000} s`));
  const cancelLimit = systemClock.after(limit, late);
  const abort = () => stopped.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  // It may have come while the process was being started.
  if (signal?.aborted) abort();
  const tooMuch = () => stopped.reject(notNym(path, `it printed more than ${OUTPUT_LIMIT_BYTES} bytes`));
  const stdout = collect(child.stdout, OUTPUT_LIMIT_BYTES, tooMuch);
  const stderr = collect(child.stderr, QUOTED_BYTES, () => {});
  try {
    const end = await Promise.race([child.exited, stopped.promise]);
    // A grandchild may hold the pipes open for ever: what the binary itself has written is there by now.
    child.killGroup();
    return {
      stdout: await Promise.race([stdout.bytes, stopped.promise]),
      stderr: await Promise.race([stderr.bytes, stopped.promise]),
      ...end,
    };
  } finally {
    // A descendant that has left the group may hold them open still.
    stdout.close();
    stderr.close();
    cancelLimit();
    signal?.removeEventListener("abort", abort);
    await endGroup(child);
    await child.exited;
  }
}

interface Output {
  /** What was printed, at the end of it or when it was closed. */
  bytes: Promise<Buffer>;
  close(): void;
}

/** Reads to the end but keeps at most `most` bytes; says so when there is more. */
function collect(stream: ReadableStream<Uint8Array> | null, most: number, overflow: () => void): Output {
  const reader = stream?.getReader();
  const read = async (): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
      const kept = part.value.subarray(0, most - size);
      if (kept.length > 0) chunks.push(kept);
      size += kept.length;
      // Reading on without keeping anything lets the writer end instead of blocking on a full pipe.
      if (kept.length < part.value.length) overflow();
    }
    return Buffer.concat(chunks);
  };
  // Where cancelling fails, reading has failed already, and says so.
  return { bytes: read(), close: () => void reader?.cancel().catch(() => {}) };
}

function readAnswer(path: string, { stdout, stderr, exitCode, signal }: Answer): BuildInfo {
  if (exitCode !== 0) {
    const ending = signal === null ? `it exited with ${exitCode}` : `it was ended by ${signal}`;
    const said = stderr.toString("utf8").trim().split("\n").at(-1) ?? "";
    throw notNym(path, said === "" ? ending : `${ending}: ${printable(said)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(stdout.toString("utf8"));
  } catch (error) {
    throw notNym(path, `its answer to build-info is not JSON (${reasonOf(error)})`);
  }
  const parsed = buildInfoSchema.safeParse(json);
  if (!parsed.success) throw notNym(path, `its build information is incomplete: ${describeIssues(parsed.error)}`);
  const objection = objectionToDaemonName(parsed.data.binary_name);
  if (objection !== undefined) {
    throw notNym(path, `it calls itself "${printable(parsed.data.binary_name)}", and ${objection}`);
  }
  return parsed.data;
}
