import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { isAlive } from "../support/wait.ts";
import { processesOf } from "./support/nymvisor.ts";
import { prepareNode } from "./support/prepared-node.ts";

describe("what the daemon is given", () => {
  const lists: [string, string[], string[]][] = [
    [
      "flags and dashes that mean something elsewhere",
      ["run", "--id", "x", "--help", "--", "--no-y", "-c", "-V", "--output=json"],
      ["run", "--id", "x", "--help", "--", "--no-y", "-c", "-V", "--output=json"],
    ],
    [
      "empty and unusual words",
      ["run", "", " ", "a b", "it's", '"', "$HOME", "*", "\n", "\t", "é日本", "-"],
      ["run", "", " ", "a b", "it's", '"', "$HOME", "*", "\n", "\t", "é日本", "-"],
    ],
    ["an empty first word", ["", "run"], ["", "run"]],
    ["what follows a leading --, which itself is dropped", ["--", "--help", "--", "-h"], ["--help", "--", "-h"]],
    ["a second leading --", ["--", "--", "run"], ["--", "run"]],
    ["no words", [], []],
  ];
  for (const [what, typed, received] of lists) {
    test(`words: ${what}`, async () => {
      await using node = await prepareNode();
      await using run = await node.run(typed);
      const started = await run.waitForEvent("started");
      expect(started.args).toEqual(received);
    });
  }

  test("an empty stdin, whatever nymvisor's own holds", async () => {
    await using node = await prepareNode();
    writeFileSync(node.home.at("typed"), "yes\n");
    const through = ["/bin/sh", "-c", 'exec "$0" "$@" <typed'];
    await using run = await node.run(["run", "--read-stdin"], { through });
    expect((await run.waitForEvent("stdin")).bytes).toBe(0);
  });

  test("a process group and a session of its own, with nymvisor as its parent", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    const { pid, group, session, parent } = await run.waitForEvent("started");
    expect({ group, session, parent }).toEqual({ group: pid, session: pid, parent: run.pid });
  });

  test("nymvisor's environment, but for what is about nymvisor itself", async () => {
    await using node = await prepareNode();
    const handedOn = { EMPTY: "", RUST_LOG: "debug,hyper=warn", TEXT: "two\nlines = é", DAEMON_ANYTHING: "1" };
    const keptBack = {
      BUN_OPTIONS: "--smol",
      BUN_BE_BUN: "1",
      NYMVISOR_GITHUB_TOKEN: "secret",
      NOTIFY_SOCKET: "/nowhere",
      WATCHDOG_USEC: "1000000",
      LISTEN_FDS: "1",
    };
    await using run = await node.run(["run"], { variables: { ...handedOn, ...keptBack } });
    const { env = {} } = await run.waitForEvent("started");
    expect(env).toMatchObject({ ...handedOn, HOME: node.home.path, NYMVISOR_ID: node.id });
    expect(Object.keys(env).filter((name) => name in keptBack)).toEqual([]);
    expect(env.NYMVISOR_DAEMON_HOME).toBe(node.daemonHome);
  });
});

describe("the daemon's output", () => {
  /** Every byte, in an order in which none of UTF-8, lines and terminals survive. */
  const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 167 + (index >> 8)) % 256);

  test("passes through byte for byte, stdout and stderr apart", async () => {
    await using node = await prepareNode({ settings: { NYMVISOR_DISABLE_LOGS: "true" } });
    writeFileSync(node.home.at("bytes"), bytes);
    const through = ["/bin/sh", "-c", 'exec "$0" "$@" >out 2>err'];
    const words = ["run", "--print-file", node.home.at("bytes"), "--exit-after", "1"];
    await using run = await node.run(words, { through });
    expect((await run.exited).status).toBe(0);
    const printed = (name: string) => readFileSync(node.home.at(name));
    expect(printed("out").equals(Buffer.concat([Buffer.from("nym-node 1.0.0 is running\n"), bytes]))).toBe(true);
    expect(printed("err").equals(Buffer.concat([Buffer.from("nym-node 1.0.0 logs here\n"), bytes]))).toBe(true);
  });

  test("waits for a slow reader of a pipe and loses nothing, while nymvisor logs into the same pipe", async () => {
    await using node = await prepareNode();
    writeFileSync(node.home.at("bytes"), bytes);
    // Nothing is read until the file `go` appears; a pipe holds less than what is printed.
    const script =
      '{ "$0" "$@"; echo "status $?" >status; } 2>&1 | { while ! test -e go; do sleep 0.01; done; cat >out; }';
    const words = ["run", "--print-file", node.home.at("bytes"), "--exit-after", "1"];
    await using run = await node.run(words, { through: ["/bin/sh", "-c", script] });
    await run.waitForEvent("started");
    writeFileSync(node.home.at("go"), "");
    expect((await run.exited).status).toBe(0);
    expect(readFileSync(node.home.at("status"), "utf8")).toBe("status 0\n");
    // A line of the log is short enough to be written at once, in the middle of whatever stands there.
    const printed = readFileSync(node.home.at("out"), "latin1").replace(/\d{4}-\S+Z \w+ +nymvisor: .*\n/g, "");
    const expected = ["nym-node 1.0.0 is running\nnym-node 1.0.0 logs here\n", bytes, bytes];
    expect(Buffer.from(printed, "latin1").equals(Buffer.concat(expected.map((part) => Buffer.from(part))))).toBe(true);
  });

  test("may be read by nobody: nymvisor goes on when the pipe of its log is full", async () => {
    const settings = {
      DAEMON_RESTART_ON_FAILURE: "true",
      DAEMON_FAILURE_RESTART_DELAY: "1ms",
      DAEMON_MAX_STARTUP_FAILURES: "3",
    };
    await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 5 }, settings });
    const script = 'mkfifo full; exec 9<>full; head -c 65536 /dev/zero >&9; exec "$0" "$@" 2>&9';
    await using run = await node.run(["run"], { through: ["/bin/sh", "-c", script] });
    expect((await run.exited).status).toBe(5);
    expect(node.events.of("started")).toHaveLength(3);
  });
});

describe("the end of the daemon", () => {
  test.each([
    ["its own 0", {}, 0],
    ["its own exit code", { exitCode: 7 }, 7],
    ["its own highest exit code", { exitCode: 255 }, 255],
    ["128 + 11 after SIGSEGV", { exitSignal: "SIGSEGV" }, 139],
    ["128 + 9 after SIGKILL", { exitSignal: "SIGKILL" }, 137],
    ["128 + 6 after SIGABRT", { exitSignal: "SIGABRT" }, 134],
    ["128 + 15 after SIGTERM, when it was not nymvisor that was asked", { exitSignal: "SIGTERM" }, 143],
  ] as const)("ends nymvisor with %s", async (_, behaviour, status) => {
    await using node = await prepareNode({ behaviour: { exitAfter: 20, ...behaviour } });
    await using run = await node.run();
    expect((await run.ended()).status).toBe(status);
    expect(node.events.of("started")).toHaveLength(1);
  });

  test("takes with it what it left running in its group", async () => {
    await using node = await prepareNode({ behaviour: { spawnChild: true, exitAfter: 50 } });
    await using run = await node.run();
    const { child } = await run.waitForEvent("child");
    expect((await run.ended()).status).toBe(0);
    expect(isAlive(child)).toBe(false);
    expect(processesOf(node.home)).toEqual([]);
  });

  test("leaves no lock, record or temporary file behind", async () => {
    await using node = await prepareNode({ behaviour: { exitAfter: 1, exitCode: 1 } });
    await using run = await node.run();
    expect((await run.ended()).status).toBe(1);
    const left = [...new Bun.Glob("**").scanSync({ cwd: node.home.path, dot: true, onlyFiles: true })];
    expect(left.filter((path) => /lock|tmp|journal|daemon\.json/.test(path))).toEqual([]);
  });
});
