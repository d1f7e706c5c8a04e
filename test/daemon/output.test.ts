import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { journalLines } from "../../src/daemon/journal-lines.ts";
import { reasonOf } from "../../src/model/errors.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { startProgram } from "../support/program.ts";
import { runOnTerminal } from "../support/pseudo-terminal.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { isAlive, waitFor, waitForEnd } from "../support/wait.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let processes: MarkedProcesses;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  processes = new MarkedProcesses();
  mkdirSync(home.at("bin"));
  // As any other tee, but it tells who it is.
  executable("bin/tee", `echo $$ >>${home.at("tees")}; exec /usr/bin/tee "$@"`);
});
afterEach(() => {
  processes[Symbol.dispose]();
  home[Symbol.dispose]();
});

function executable(name: string, text: string): string {
  const path = home.at(name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A nymvisor that starts a daemon whose last lines are wanted, waits for its end, and writes down what it was. */
const NYMVISOR = `
import { startDaemon } from "#/daemon/daemon.ts";
const { request, result } = JSON.parse(process.argv[1]);
const daemon = await startDaemon({ ...request, emit() {}, keepLines: true });
const ending = await daemon.ended;
const last = await daemon.lastLines();
const told = "lines" in last ? { lines: last.lines.map(String) } : last;
await Bun.write(result, JSON.stringify({ pid: process.pid, daemon: daemon.pid, ...ending, ...told }));
`;

interface Result {
  pid: number;
  daemon: number;
  exitCode: number | null;
  lines?: string[];
  reason?: string;
}

function argument(daemon: string, environment: Record<string, string> = {}): string {
  const binary = executable("daemon", daemon);
  const PATH = `${home.at("bin")}:/usr/bin:/bin`;
  const request = {
    layout: instance.layout,
    binary,
    args: [],
    environment: { ...processes.environment, PATH, ...environment },
  };
  return JSON.stringify({ request, result: home.at("result") });
}

/** @param shell how nymvisor, `"$@"`, is started: what its output is. A socket for each otherwise. */
function start(daemon: string, { shell, environment }: { shell?: string; environment?: Record<string, string> } = {}) {
  const through = shell === undefined ? [] : ["/bin/sh", "-c", shell, "sh"];
  // All of them are marked, so that nobody is left of a test that fails.
  return startProgram(NYMVISOR, { through, args: [argument(daemon, environment)], env: processes.environment });
}

async function result(): Promise<Result> {
  const path = home.at("result");
  return waitFor("the daemon's last lines", () => existsSync(path) && readFileSync(path, "utf8") !== "" && read(path), {
    file: path,
  });
}
const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Result;

/** Runs it to its end. */
async function run(...[daemon, options]: Parameters<typeof start>) {
  const nymvisor = start(daemon, options);
  const [stdout, stderr] = await Promise.all([nymvisor.stdout.bytes(), nymvisor.stderr.bytes()]);
  expect(await nymvisor.exited).toBe(0);
  return { stdout: Buffer.from(stdout), stderr: Buffer.from(stderr), ...(await result()) };
}

const written = (name: string) => (existsSync(home.at(name)) ? readFileSync(home.at(name), "utf8") : "");
/** The pids of all that there have been. */
const tees = () => written("tees").split("\n").slice(0, -1).map(Number);
const firstTee = () => waitFor("a tee", () => tees()[0], { file: home.at("tees") });
const untilExists = (name: string) => `until [ -e ${home.at(name)} ]; do sleep 0.01; done`;
const touch = (name: string) => writeFileSync(home.at(name), "");
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => String(from + at));

const OUTPUTS = [
  ["two sockets", undefined],
  ["two pipes", '{ { "$@" 2>&1 >&3 3>&- | cat >&2; } 3>&1 | cat; }'],
] as const;

describe.each(OUTPUTS)("a daemon whose output goes to %s", (_, shell) => {
  test("has every byte of both arrive where it belongs", async () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256));
    await Bun.write(home.at("bytes"), bytes);
    const daemon = `cat ${home.at("bytes")}; for i in 1 2 3; do cat ${home.at("bytes")} >&2; done; exit 3`;
    const { stdout, stderr, exitCode, lines } = await run(daemon, shell && { shell });
    expect([bytes.equals(stdout), Buffer.concat([bytes, bytes, bytes]).equals(stderr), exitCode]).toEqual([
      true,
      true,
      3,
    ]);
    expect(lines).toHaveLength(200);
    expect(tees()).toHaveLength(2);
  });

  test("has its last lines known, and nobody is left in between", async () => {
    const daemon = `seq 1 1000; echo; printf 'thread main panicked' >&2`;
    const { lines } = await run(daemon, shell && { shell });
    expect(lines).toEqual([...numbers(803, 1000), "", "thread main panicked"]);
    for (const pid of tees()) await waitForEnd(pid);
  });
});

test("output and errors that go to one pipe keep their order", async () => {
  const daemon = "for i in $(seq 1 500); do echo out $i; echo error $i >&2; done";
  const { stdout, lines } = await run(daemon, { shell: '"$@" 2>&1 | cat' });
  const expected = numbers(1, 500).flatMap((number) => [`out ${number}`, `error ${number}`]);
  expect(stdout.toString().trim().split("\n")).toEqual(expected);
  expect(lines).toEqual(expected.slice(-200));
  expect(tees()).toHaveLength(1);
});

describe("a daemon that prints to a pipe goes on, and so does its output", () => {
  const daemon = () => `touch ${home.at("runs")}; echo before; ${untilExists("go")}; echo after`;
  const oneOutput = 'exec "$@" 2>&1';
  const untilItRuns = () => waitFor("the daemon", () => existsSync(home.at("runs")), { file: home.at("runs") });

  test("when nymvisor is killed", async () => {
    const nymvisor = start(daemon(), { shell: oneOutput });
    const tee = await firstTee();
    await untilItRuns();
    nymvisor.kill("SIGKILL");
    await nymvisor.exited;
    expect([isAlive(tee), processes.running().length > 0]).toEqual([true, true]);
    touch("go");
    expect(await nymvisor.stdout.text()).toBe("before\nafter\n");
    for (const pid of tees()) await waitForEnd(pid);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)("when everything is sent %s", async (signal) => {
    const nymvisor = start(daemon(), { shell: oneOutput });
    const tee = await firstTee();
    await waitFor("it to be a tee", () => readlinkSync(`/proc/${tee}/exe`).endsWith("/tee"));
    process.kill(tee, signal);
    touch("go");
    expect(await nymvisor.stdout.text()).toBe("before\nafter\n");
    expect(tees()).toEqual([tee]);
  });

  test("when who is in between is killed", async () => {
    const nymvisor = start(daemon(), { shell: oneOutput });
    await untilItRuns();
    await waitFor("what it printed to be kept", () => keptBytes(nymvisor.pid) === "before\n".length);
    process.kill(await firstTee(), "SIGKILL");
    await waitFor("another tee", () => tees().length === 2, { file: home.at("tees") });
    touch("go");
    expect(await nymvisor.stdout.text()).toBe("before\nafter\n");
    expect(await result()).toMatchObject({ exitCode: 0, lines: ["before", "after"] });
    for (const pid of tees()) await waitForEnd(pid);
  });
});

test("a daemon whose output nobody reads is told so", async () => {
  // 42: the shell's own status of a write that failed; by SIGPIPE it would be ended otherwise.
  const daemon = `trap '' PIPE; ${untilExists("go")}; while echo more 2>/dev/null; do sleep 0.01; done; exit 42`;
  start(daemon, { shell: '"$@" 2>&1 | true' });
  await firstTee();
  touch("go");
  expect(await result()).toMatchObject({ exitCode: 42 });
  expect(tees()).toHaveLength(1);
});

describe("the end of a daemon", () => {
  test("does not wait for a reader that stands still, who has all of it when he goes on", async () => {
    const daemon = "head -c 100000 /dev/zero; exit 7";
    const nymvisor = start(daemon, { shell: `"$@" 2>&1 | { ${untilExists("go")}; cat; }` });
    const { pid, exitCode } = await result();
    expect(exitCode).toBe(7);
    await waitForEnd(pid);
    touch("go");
    expect(await nymvisor.stdout.bytes()).toHaveLength(100_000);
    for (const tee of tees()) await waitForEnd(tee);
  });

  test("does not wait for who has left its group, whose words arrive all the same", async () => {
    const left = `touch ${home.at("left")}; ${untilExists("go")}; echo later`;
    const nymvisor = start(`setsid sh -c '${left}' & ${untilExists("left")}; echo end`);
    const { pid, lines } = await result();
    expect(lines).toEqual(["end"]);
    await waitForEnd(pid);
    touch("go");
    expect(await nymvisor.stdout.text()).toBe("end\nlater\n");
    for (const tee of tees()) await waitForEnd(tee);
  });
});

describe("the memory that lines are kept in", () => {
  test("is given back while the daemon prints on", async () => {
    const nymvisor = start(`seq 1 400000; touch ${home.at("printed")}; ${untilExists("go")}; echo end`);
    const output = nymvisor.stdout.bytes();
    await waitFor("its output", () => existsSync(home.at("printed")));
    await waitFor("less than 1 MiB to be kept", () => keptBytes(nymvisor.pid) < 1024 * 1024);
    touch("go");
    expect((await result()).lines).toEqual([...numbers(399_802, 400_000), "end"]);
    expect((await output).length).toBe(2_688_895 + 4);
  });

  test("has a limit, beyond which there are no lines, and every byte still arrives", async () => {
    const nymvisor = start(
      `touch ${home.at("runs")}; ${untilExists("go")}; head -c 40000000 /dev/zero; touch ${home.at("printed")}`,
    );
    const output = nymvisor.stdout.bytes();
    await waitFor("the daemon", () => existsSync(home.at("runs")));
    nymvisor.kill("SIGSTOP");
    touch("go");
    await waitFor("its output", () => existsSync(home.at("printed")));
    expect(keptBytes(nymvisor.pid)).toBe(32 * 1024 * 1024);
    nymvisor.kill("SIGCONT");
    expect((await result()).reason).toBe("it printed faster than its lines could be kept");
    expect((await output).length).toBe(40_000_000);
  });
});

/** The size of what nymvisor has open as files in memory. */
function keptBytes(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).reduce((sum, name) => sum + sizeIfKept(join(folder, name)), 0);
}

function sizeIfKept(path: string): number {
  try {
    return readlinkSync(path).includes("daemon output") ? statSync(path).size : 0;
  } catch {
    // It has been closed meanwhile.
    return 0;
  }
}

test("no descriptor is left of a daemon that has ended, or could not be started", async () => {
  const counting = `
    import { readdirSync } from "node:fs";
    import { startDaemon } from "#/daemon/daemon.ts";
    const { request } = JSON.parse(process.argv[1]);
    const open = () => readdirSync("/proc/self/fd").length;
    const begin = (binary) => startDaemon({ ...request, binary, emit() {}, keepLines: true });
    // The runtime opens some of its own at the first one.
    await (await begin(request.binary)).ended;
    const before = open();
    for (let round = 0; round < 3; round += 1) {
      await (await begin(request.binary)).ended;
      await begin("/missing").catch(() => {});
    }
    await Bun.write(process.env.COUNTS, JSON.stringify([before, open()]));`;
  const counts = home.at("counts");
  const nymvisor = startProgram(counting, { args: [argument("echo x")], env: { COUNTS: counts } });
  expect(await nymvisor.exited).toBe(0);
  const [before, after] = JSON.parse(readFileSync(counts, "utf8"));
  expect(after).toBe(before);
  for (const pid of tees()) await waitForEnd(pid);
});

describe("a daemon that prints to a file", () => {
  const shell = () => `exec "$@" >>${home.at("log")} 2>&1`;

  test("has its last lines read from there, beginning with its own, and writes there itself", async () => {
    writeFileSync(home.at("log"), "of the daemon before\n");
    const { lines } = await run("stat -Lc %i /proc/self/fd/1; echo error >&2", { shell: shell() });
    expect(lines).toEqual([String(statSync(home.at("log")).ino), "error"]);
    expect(tees()).toEqual([]);
  });

  test("and does not know those that another wrote after its end, nor where it was renamed", async () => {
    const { lines } = await run(`mv ${home.at("log")} ${home.at("log.1")}; echo mine`, { shell: shell() });
    appendFileSync(home.at("log.1"), "of the next\n");
    expect(lines).toEqual(["mine"]);
  });

  test("has those that were written since it was emptied", async () => {
    writeFileSync(home.at("log"), "of the daemon before\n".repeat(10));
    const nymvisor = start(`touch ${home.at("runs")}; ${untilExists("go")}; echo mine`, { shell: shell() });
    await waitFor("the daemon", () => existsSync(home.at("runs")));
    truncateSync(home.at("log"));
    touch("go");
    await nymvisor.exited;
    expect((await result()).lines).toEqual(["mine"]);
  });

  test("and its errors to another has its share of both", async () => {
    const both = `exec "$@" >${home.at("log")} 2>${home.at("errors")}`;
    const { lines } = await run("seq 1 500; seq 1001 1050 >&2", { shell: both });
    expect(lines).toEqual([...numbers(351, 500), ...numbers(1001, 1050)]);
  });
});

describe("there are no lines, and a reason,", () => {
  test("where the output is a terminal, which the daemon has to itself", async () => {
    const sources = resolve(import.meta.dir, "../../src");
    const code = NYMVISOR.replace("#", sources);
    const daemon = "test -t 1 && test -t 2 && echo on a terminal";
    expect(await runOnTerminal([process.execPath, "-e", code, argument(daemon)])).toBe("on a terminal\r\n");
    expect((await result()).reason).toBe("its output goes to a terminal");
  });

  test("where it goes nowhere", async () => {
    const { reason } = await run("echo x", { shell: 'exec "$@" >/dev/null 2>&1' });
    expect(reason).toBe("its output goes to no file, pipe or journal");
  });

  test("where the machine has no tee; the output is what it always is", async () => {
    const { stdout, reason } = await run("echo x", { environment: { PATH: home.at("missing") } });
    expect([stdout.toString(), reason]).toEqual(["x\n", "this machine has no tee"]);
  });
});

describe("a daemon that prints to the journal", () => {
  const log = () => home.at("stream");
  /** A file takes the journal's place, and a script journalctl's. */
  async function runInJournal(journalctl: string | null, daemon = "stat -Lc %d:%i /proc/self/fd/1") {
    writeFileSync(log(), "");
    if (journalctl !== null) executable("bin/journalctl", `echo "$*" >${home.at("question")}; ${journalctl}`);
    const { dev, ino } = statSync(log());
    const PATH = journalctl === null ? home.at("missing") : `${home.at("bin")}:/usr/bin:/bin`;
    return run(daemon, {
      shell: `exec "$@" >>${log()} 2>&1`,
      environment: { JOURNAL_STREAM: `${dev}:${ino}`, PATH },
    });
  }

  test("writes there itself, and has its lines asked for by its pid", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { lines, daemon } = await runInJournal("echo one; echo two");
    expect(lines).toEqual(["one", "two"]);
    const { dev, ino } = statSync(log());
    expect(readFileSync(log(), "utf8")).toBe(`${dev}:${ino}\n`);
    const question = readFileSync(home.at("question"), "utf8").trim().split(" ");
    expect(question).toContain(`_PID=${daemon}`);
    const since = Number(question.find((word) => word.startsWith("--since=@"))?.slice("--since=@".length));
    expect(since >= before && since <= Date.now() / 1000).toBe(true);
  });

  test.each([
    [
      "may not read it",
      "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
      /insufficient permissions/,
    ],
    ["sees nothing in it", "true", /shows no line of pid \d+; .* group systemd-journal/],
    ["has no journalctl", null, /no journalctl/],
  ] as const)("has a reason instead where nymvisor %s", async (_, journalctl, reason) => {
    expect((await runInJournal(journalctl)).reason).toMatch(reason);
  });

  test("has a reason instead where the journal does not answer in time", async () => {
    executable("bin/journalctl", "sleep 600 & sleep 600");
    const answer = journalLines(1, 0n, { PATH: `${home.at("bin")}:/usr/bin:/bin` }, 50);
    expect(await answer.then(String, reasonOf)).toBe("journalctl did not answer within 0.05 s");
  });
});
