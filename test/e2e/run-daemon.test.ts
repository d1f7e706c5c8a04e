import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { neverAnswer } from "../support/responders.ts";
import { writeHostileDaemon, writeSampleDaemon } from "../support/sample-daemon.ts";
import { isAlive } from "../support/wait.ts";
import { expectFailure } from "./support/expect.ts";
import { nymvisor, processesOf, succeed } from "./support/nymvisor.ts";
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

describe("the start", () => {
  test("has the daemon running within a second, without waiting for a source that does not answer", async () => {
    await using node = await prepareNode();
    node.server.serve("/nym-node/upgrade-info.json", neverAnswer);
    const began = performance.timeOrigin + performance.now();
    await using run = await node.run();
    const { at } = await run.waitForEvent("started");
    expect(at - began).toBeLessThan(1000);
  });

  test("is refused while another nymvisor runs the instance, and names its pid", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    const { pid } = await run.waitForEvent("started");
    const variables = { NYMVISOR_ID: node.id };
    expectFailure(await nymvisor(node.home, ["run", "run"], { variables }), 1, `pid ${run.pid}`, "already runs");
    expect(node.events.of("started")).toHaveLength(1);
    expect(isAlive(pid)).toBe(true);
    expect((await run.stop()).status).toBe(0);
    await using next = await node.run();
    await next.waitForEvent("started", { count: 2 });
  });

  test("is refused while another instance runs a daemon on the same home, also by another path to it", async () => {
    await using node = await prepareNode();
    await using run = await node.run();
    await run.waitForEvent("started");
    symlinkSync(node.daemonHome, node.home.at("link"));
    for (const DAEMON_HOME of [node.daemonHome, node.home.at("link")]) {
      const variables = { NYMVISOR_CONFIG_PATH: node.config, NYMVISOR_ID: "other", DAEMON_HOME };
      expectFailure(await nymvisor(node.home, ["run", "run"], { variables }), 1, `pid ${run.pid}`);
    }
    expect(node.running()).toHaveLength(1);
  });

  test("is not hindered by locks that nobody holds any more", async () => {
    await using node = await prepareNode();
    const stale = JSON.stringify({ pid: process.pid, startTime: 1, purpose: "run" });
    for (const path of [join(node.daemonHome, "nymvisor/run.lock"), join(node.data, "upgrade.lock")]) {
      writeFileSync(path, stale);
    }
    await using run = await node.run();
    await run.waitForEvent("started");
    expect((await run.stop()).status).toBe(0);
  });

  test("is a usage error without the daemon's home", async () => {
    await using node = await prepareNode();
    rmSync(node.daemonHome, { recursive: true });
    expectFailure(await nymvisor(node.home, ["run", "run"]), 2, node.daemonHome, "DAEMON_HOME");
    expect(node.events.of("started")).toEqual([]);
  });

  test("is refused with both sides when the binary was exchanged for another build", async () => {
    await using node = await prepareNode();
    unlinkSync(node.binaryOf("genesis"));
    writeSampleDaemon(node.binaryOf("genesis"), { version: "1.0.1", commit: "f".repeat(40) });
    const ended = await nymvisor(node.home, ["run", "run"]);
    expectFailure(ended, 1, "f".repeat(40), node.record().binaryDetails.commit_sha);
    expect(node.events.of("started")).toEqual([]);
    // What the error says to type.
    expect(ended.stderr).toContain(`nymvisor add-upgrade --upgrade-name NAME --now ${node.binaryOf("genesis")}`);
    await succeed(node.home, ["add-upgrade", "--upgrade-name", "mine", "--now", node.binaryOf("genesis")]);
    expect(ended.stderr).toContain(`ln -sfn upgrades/NAME ${join(node.data, "current")}`);
    unlinkSync(join(node.data, "current"));
    symlinkSync("upgrades/mine", join(node.data, "current"));
    await using run = await node.run();
    await run.waitForEvent("started");
    expect(node.record()).toMatchObject({ name: "mine", binaryDetails: { commit_sha: "f".repeat(40) } });
  });

  test("is refused with both sides when the home was run with a newer build than current", async () => {
    await using node = await prepareNode();
    const record = node.record();
    const binaryDetails = { ...record.binaryDetails, build_version: "2.0.0" };
    writeFileSync(node.recordPath, JSON.stringify({ ...record, name: "2.0.0", version: "2.0.0", binaryDetails }));
    expectFailure(await nymvisor(node.home, ["run", "run"]), 1, "2.0.0", "1.0.0");
    expect(node.events.of("started")).toEqual([]);
    expect(node.record().version).toBe("2.0.0");
  });

  test.each(["missing", "not executable", "prints garbage", "foreign ELF"] as const)(
    "is refused when the binary of current is %s, and names it",
    async (kind) => {
      await using node = await prepareNode();
      unlinkSync(node.binaryOf("genesis"));
      writeHostileDaemon(node.binaryOf("genesis"), kind);
      expectFailure(await nymvisor(node.home, ["run", "run"]), 1, node.binaryOf("genesis"));
      expect(node.events.of("started")).toEqual([]);
    },
  );

  test("does not mind that the folder it is typed in is not writable, nor a umask that hides everything", async () => {
    await using node = await prepareNode();
    const through = ["/bin/sh", "-c", 'umask 077; exec "$0" "$@"'];
    chmodSync(node.daemonHome, 0o700);
    await using run = await node.run(["run"], { cwd: "/proc", through });
    await run.waitForEvent("started");
    expect((await run.stop()).status).toBe(0);
  });
});
