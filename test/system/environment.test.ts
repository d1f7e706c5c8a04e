import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { NymvisorError } from "../../src/model/errors.ts";
import { daemonEnvironment, loadEnvironment } from "../../src/system/environment.ts";
import { runOnTerminal } from "../support/pseudo-terminal.ts";

let folder: string;
let before: Record<string, string | undefined>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-environment-"));
  before = { ...process.env };
  for (const name of ["NYM_HOME_DIR", "NYMVISOR_LOG", "JOURNAL_STREAM"]) delete process.env[name];
});

afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  rmSync(folder, { recursive: true, force: true });
});

function failure(run: () => unknown): NymvisorError {
  try {
    run();
  } catch (error) {
    if (error instanceof NymvisorError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("the file of -c", () => {
  test("is laid over the variables, and where the runtime looks for proxies", () => {
    const file = join(folder, "node.env");
    process.env.NYMVISOR_ID = "before";
    process.env.DAEMON_NAME = "kept";
    writeFileSync(file, "NYMVISOR_ID=after\nhttps_proxy=http://127.0.0.1:1\nNYM_HOME_DIR=$NYMVISOR_ID\n");
    const environment = loadEnvironment(file);
    expect(environment.variables).toMatchObject({ NYMVISOR_ID: "after", DAEMON_NAME: "kept" });
    expect(process.env.https_proxy).toBe("http://127.0.0.1:1");
    expect(environment.homeDirectory).toBe(join(process.cwd(), "after"));
  });

  test("that is missing, a folder, or no text is an error that names it", () => {
    const missing = join(folder, "missing.env");
    expect(failure(() => loadEnvironment(missing)).what).toContain(missing);
    expect(failure(() => loadEnvironment(missing)).exitCode).toBe(1);
    expect(failure(() => loadEnvironment(folder)).why).toContain("EISDIR");
    const binary = join(folder, "binary.env");
    writeFileSync(binary, new Uint8Array([0x41, 0x3d, 0xff]));
    expect(failure(() => loadEnvironment(binary)).why).toBe("it is not UTF-8 text");
  });

  test("that is malformed is an error that names the line, and changes nothing", () => {
    const file = join(folder, "node.env");
    writeFileSync(file, "NYMVISOR_ID=after\nwhat is this\n");
    process.env.NYMVISOR_ID = "before";
    expect(failure(() => loadEnvironment(file)).what).toContain(`${file}:2`);
    expect(process.env.NYMVISOR_ID).toBe("before");
  });
});

describe("the home directory", () => {
  test("is NYM_HOME_DIR, else HOME, else what the user database says", () => {
    process.env.HOME = "/home/op/";
    expect(loadEnvironment().homeDirectory).toBe("/home/op");
    process.env.NYM_HOME_DIR = "/srv/nym";
    expect(loadEnvironment().homeDirectory).toBe("/srv/nym");
    process.env.NYM_HOME_DIR = "";
    process.env.HOME = "";
    expect(loadEnvironment().homeDirectory).toBe(homedir());
  });

  test("is no folder called ~", () => {
    process.env.NYM_HOME_DIR = "~/nym";
    expect(failure(loadEnvironment).what).toBe("$NYM_HOME_DIR cannot be used");
  });
});

test("NYMVISOR_LOG is one of four levels, in any case, and nothing is info", () => {
  for (const [text, level] of [
    ["", "info"],
    ["DEBUG", "debug"],
    ["warn", "warn"],
    ["error", "error"],
  ] as const) {
    process.env.NYMVISOR_LOG = text;
    expect(loadEnvironment().logLevel).toBe(level);
  }
  process.env.NYMVISOR_LOG = "loud\n";
  const error = failure(loadEnvironment);
  expect(error.what).toContain("$NYMVISOR_LOG");
  expect(error.why).toContain('"loud\\n"');
  expect(error.next).toContain("debug, info, warn, error");
});

test("the daemon gets every variable but those about nymvisor's own process", () => {
  const own = {
    BUN_OPTIONS: "--smol",
    BUN_BE_BUN: "1",
    NYMVISOR_GITHUB_TOKEN: "secret",
    NOTIFY_SOCKET: "/run/systemd/notify",
    WATCHDOG_USEC: "1000",
    WATCHDOG_PID: "1",
    LISTEN_FDS: "1",
  };
  const theirs = { JOURNAL_STREAM: "8:1", INVOCATION_ID: "f00", RUST_LOG: "info", NYM_HOME_DIR: "/srv", EMPTY: "" };
  const environment = { ...loadEnvironment(), variables: { ...own, ...theirs } };
  expect(daemonEnvironment(environment)).toEqual(theirs);
});

/** Runs in a process of its own, because its descriptors and its folder are what is asked about. */
const PROGRAM = `
  import { loadEnvironment } from ${JSON.stringify(join(import.meta.dir, "../../src/system/environment.ts"))};
  try {
    const { journal, terminal, colour } = loadEnvironment();
    process.stdout.write(JSON.stringify({ journal, terminal, colour }));
  } catch (error) {
    process.stdout.write(JSON.stringify({ what: error.what, next: error.next }));
  }
`;

async function inProcess(options: { env?: Record<string, string>; cwd?: string; stderr?: number }): Promise<unknown> {
  const { env, cwd = folder, stderr } = options;
  const child = Bun.spawn([process.execPath, "-e", PROGRAM], {
    env: { ...process.env, ...env },
    cwd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: stderr ?? "ignore",
  });
  return JSON.parse(await child.stdout.text());
}

test("stderr is the journal's only if JOURNAL_STREAM names it by device and inode", async () => {
  const file = join(folder, "stderr");
  const stderr = openSync(file, "w");
  const { dev, ino } = statSync(file);
  expect(await inProcess({ stderr, env: { JOURNAL_STREAM: `${dev}:${ino}` } })).toMatchObject({ journal: true });
  expect(await inProcess({ stderr, env: { JOURNAL_STREAM: `${dev}:${ino + 1}` } })).toMatchObject({ journal: false });
  expect(await inProcess({ stderr })).toMatchObject({ journal: false });
});

test("there is no colour where there is no terminal", async () => {
  expect(await inProcess({})).toMatchObject({
    terminal: { stdin: false, stdout: false, stderr: false },
    colour: { stdout: false, stderr: false },
  });
});

test("a working directory that was removed is an error that says what to do", async () => {
  const gone = join(folder, "gone");
  mkdirSync(gone);
  const script = join(folder, "in-gone.sh");
  writeFileSync(script, `rmdir "$PWD" && exec "$@"`);
  chmodSync(script, 0o755);
  const program = join(folder, "program.ts");
  writeFileSync(program, PROGRAM);
  const child = Bun.spawn(["sh", script, process.execPath, program], { cwd: gone, stdout: "pipe", stderr: "ignore" });
  expect(JSON.parse(await child.stdout.text())).toEqual({
    what: "the working directory is gone",
    next: "change to a folder that exists, and type the command again",
  });
});

test("a terminal has colour, unless NO_COLOR or TERM=dumb say otherwise", async () => {
  const program = join(folder, "program.ts");
  writeFileSync(program, PROGRAM);
  const onTerminal = async (env: Record<string, string>): Promise<unknown> =>
    JSON.parse(await runOnTerminal([process.execPath, program], { env }));
  const all = { stdout: true, stderr: true };
  const none = { stdout: false, stderr: false };
  expect(await onTerminal({})).toMatchObject({ terminal: { stdin: true, ...all }, colour: all });
  expect(await onTerminal({ NO_COLOR: "1" })).toMatchObject({ terminal: { stdin: true, ...all }, colour: none });
  expect(await onTerminal({ TERM: "dumb" })).toMatchObject({ colour: none });
});
