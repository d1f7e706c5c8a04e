import { fstatSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isatty } from "node:tty";
import { absolutePath } from "../model/absolute-path.ts";
import { parseEnvFile } from "../model/env-file.ts";
import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { explanation } from "./durable.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** What the process was started with and into. Read once; nothing else in the program reads `process.env`. */
export interface Environment {
  /** The variables, with the file of `-c` applied over them. One that is set to nothing counts as not set. */
  variables: Readonly<Record<string, string>>;
  /** Absolute: what `.nym` lies in. `NYM_HOME_DIR`, else `HOME`, else what the user database says. */
  homeDirectory: string;
  /** Absolute: what relative paths on the command line and in variables are relative to. */
  workingDirectory: string;
  terminal: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** Whether escape codes for colour may be written there. */
  colour: { stdout: boolean; stderr: boolean };
  /** Whether stderr is the journal's stream, where a line begins with its priority and carries no time. */
  journal: boolean;
  /** `NYMVISOR_LOG`; the least severe level that is logged. */
  logLevel: LogLevel;
}

/**
 * @param envFile the file of `-c`, laid over the variables; and over `process.env`, where the runtime's fetch looks for
 *   proxies.
 * @throws {NymvisorError} that names the file and the line, or the variable, that cannot be used.
 */
export function loadEnvironment(envFile?: string): Environment {
  if (envFile !== undefined) Object.assign(process.env, readEnvFile(envFile, process.env));
  const variables = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const workingDirectory = findWorkingDirectory();
  const terminal = { stdin: isatty(0), stdout: isatty(1), stderr: isatty(2) };
  const colourful = !variables.NO_COLOR && variables.TERM !== "dumb";
  return {
    variables,
    homeDirectory: findHomeDirectory(variables, workingDirectory),
    workingDirectory,
    terminal,
    colour: { stdout: colourful && terminal.stdout, stderr: colourful && terminal.stderr },
    journal: isJournal(variables.JOURNAL_STREAM, 2),
    logLevel: readLogLevel(variables.NYMVISOR_LOG),
  };
}

/** Variables that are about the process that nymvisor is, not about the daemon that it starts. */
const NYMVISORS_OWN: readonly { names: readonly string[]; why: string }[] = [
  { names: ["BUN_OPTIONS", "BUN_BE_BUN"], why: "they would bend a daemon that is an executable of the same runtime" },
  { names: ["NYMVISOR_GITHUB_TOKEN"], why: "a secret that the daemon has no use for" },
  { names: ["NOTIFY_SOCKET"], why: "what the daemon said there would be taken for nymvisor's word: sd_notify(3)" },
  { names: ["WATCHDOG_PID", "WATCHDOG_USEC"], why: "systemd waits for nymvisor's keep-alive: sd_watchdog_enabled(3)" },
  { names: ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"], why: "they count nymvisor's descriptors: sd_listen_fds(3)" },
];

/**
 * All that the daemon gets. `JOURNAL_STREAM` and `INVOCATION_ID` stay: the daemon writes to the same journal stream,
 * under the same unit.
 */
export function daemonEnvironment(environment: Environment): Record<string, string> {
  const own = new Set(NYMVISORS_OWN.flatMap(({ names }) => names));
  return Object.fromEntries(Object.entries(environment.variables).filter(([name]) => !own.has(name)));
}

function readEnvFile(path: string, variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const refuse = (why: string, cause?: unknown) =>
    new NymvisorError({
      what: `the environment file ${path} cannot be read`,
      why,
      next: "check the path behind -c (--config-env-file)",
      cause,
    });
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw refuse(explanation(error), error);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw refuse("it is not UTF-8 text", error);
  }
  return parseEnvFile(text, { path, variables });
}

function findWorkingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new NymvisorError({
      what: "the working directory is gone",
      why: "it was removed after this shell or service went into it",
      next: "change to a folder that exists, and type the command again",
      cause: error,
    });
  }
}

function findHomeDirectory(variables: Readonly<Record<string, string>>, workingDirectory: string): string {
  const name = variables.NYM_HOME_DIR ? "NYM_HOME_DIR" : "HOME";
  try {
    return absolutePath(variables[name] || homedir(), workingDirectory);
  } catch (error) {
    throw new NymvisorError({
      what: `$${name} cannot be used`,
      why: reasonOf(error),
      next: `set ${name} to the absolute path of a folder`,
      cause: error,
    });
  }
}

function readLogLevel(text: string | undefined): LogLevel {
  if (!text) return "info";
  const level = LOG_LEVELS.find((candidate) => candidate === text.toLowerCase());
  if (level !== undefined) return level;
  throw new NymvisorError({
    what: "$NYMVISOR_LOG cannot be used",
    why: `"${printable(text)}" is no level of the log`,
    next: `set it to one of ${LOG_LEVELS.join(", ")}`,
  });
}

/**
 * systemd names the stream by device and inode, so that a service whose stderr was redirected since can tell:
 * systemd.exec(5), $JOURNAL_STREAM.
 */
function isJournal(stream: string | undefined, descriptor: number): boolean {
  if (!stream) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch (error) {
    // A closed descriptor leads nowhere.
    if (errorCode(error) === "EBADF") return false;
    throw error;
  }
}
