import { describe, expect, test } from "bun:test";
import { closeSync, existsSync, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testExecutable } from "../support/executable.ts";
import { waitForEnd } from "../support/wait.ts";
import { expectFailure } from "./support/expect.ts";
import { nymvisor, type RunningNymvisor } from "./support/nymvisor.ts";
import { type NodeOptions, type PreparedNode, prepareNode } from "./support/prepared-node.ts";

/** A node that starts, is upgraded, and ends by itself. */
async function prepareStory(options: NodeOptions = {}): Promise<PreparedNode> {
  const node = await prepareNode(options);
  node.release("1.1.0", { behaviour: { exitAfter: 1 } });
  return node;
}

/** The lines that the daemons do not write. */
function ownLines(stderr: string): string[] {
  return stderr.split("\n").filter((line) => line !== "" && !/^nym-node \S+ logs here$/.test(line));
}

describe("away from a terminal, the log", () => {
  test("has a line for each record: time in UTC, level, name, words; and no escape codes", async () => {
    await using node = await prepareStory();
    await using run = await node.run(["run"], { variables: { TERM: "xterm-256color", FORCE_COLOR: "3" } });
    const { stderr } = await run.ended();
    const lines = ownLines(stderr);
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO |WARN |ERROR) nymvisor: \S/);
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no control character may be there
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    expect(lines.map((line) => line.slice(0, 24))).toEqual(lines.map((line) => line.slice(0, 24)).toSorted());
  });

  test("goes to stderr; stdout is the daemon's", async () => {
    await using node = await prepareStory();
    await using run = await node.run();
    expect((await run.ended()).stdout).toBe("nym-node 1.0.0 is running\nnym-node 1.1.0 is running\n");
  });

  test("has a line for each ten percents of a download, and of a copy", async () => {
    await using node = await prepareNode();
    for (let index = 0; index < 20; index += 1) {
      writeFileSync(join(node.daemonHome, `${index}.db`), Buffer.alloc(1 << 20, `page ${index} `));
    }
    node.release("1.1.0", { padding: 1_000_000, serving: { bytesPerSecond: 4_000_000 } });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is done/);
    for (const task of ["download", "copy"]) {
      const lines = run.stderr.matchAll(new RegExp(`${task} of 1\\.1\\.0: (\\d+) %`, "g"));
      const percents = [...lines].map(([, percent]) => Number(percent));
      expect(percents.length).toBeWithin(5, 11);
      const steps = new Set(percents.map((percent) => Math.floor(percent / 10)));
      expect(steps.size).toBe(percents.length);
      expect(percents).toEqual(percents.toSorted((a, b) => a - b));
      expect(percents.at(-1)).toBe(100);
    }
  });

  test("keeps what comes from outside on its line, and without what a terminal would obey", async () => {
    await using node = await prepareNode();
    node.release("0.9.0", { name: "a\u001b[2Jb\nc" });
    await using run = await node.run();
    const line = await run.waitForLog(/is refused/);
    expect(line).not.toContain("\u001b");
    expect(line).toMatch(/a\\u001b\[2Jb\\nc/);
  });
});

describe("under systemd, the log", () => {
  test("begins each line with its priority and has no time, where stderr is the journal's stream", async () => {
    await using node = await prepareStory();
    const { lines } = await runIntoFile(node, (stream) => stream);
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(line).toMatch(/^<[3467]>nymvisor: \S/);
    expect(lines.some((line) => line.startsWith("<6>"))).toBe(true);
  });

  test("has errors as 3 and warnings as 4", async () => {
    await using node = await prepareNode({ behaviour: { exitAfter: 1, exitCode: 5 } });
    const { lines, status } = await runIntoFile(node, (stream) => stream);
    expect(status).toBe(5);
    expect(lines.find((line) => line.includes("the daemon ended with 5"))).toStartWith("<4>");
    expect(lines.find((line) => line.includes("nymvisor ends with 5"))).toStartWith("<3>");
  });

  test("has time and level where stderr was redirected since", async () => {
    await using node = await prepareStory();
    const { lines } = await runIntoFile(node, () => "1:2");
    for (const line of lines) expect(line).toMatch(/^\d{4}-/);
  });
});

/** Runs to the end with stderr in a file, and JOURNAL_STREAM as the callback makes it of that file's. */
async function runIntoFile(node: PreparedNode, journalStream: (own: string) => string) {
  const path = node.home.at("stderr");
  const descriptor = openSync(path, "w");
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  closeSync(descriptor);
  const variables = { JOURNAL_STREAM: journalStream(`${dev}:${ino}`) };
  await using run = await node.run(["run"], { variables, through: ["/bin/sh", "-c", 'exec "$0" "$@" 2>>stderr'] });
  const { status } = await run.exited;
  return { status, lines: ownLines(readFileSync(path, "utf8")) };
}

describe("NYMVISOR_LOG", () => {
  const levels = ["DEBUG", "INFO", "WARN", "ERROR"];
  test.each([
    ["debug", levels],
    ["info", levels.slice(1)],
    ["INFO", levels.slice(1)],
    ["warn", levels.slice(2)],
    ["error", levels.slice(3)],
  ])("%s lets through what is as severe", async (NYMVISOR_LOG, shown) => {
    await using node = await prepareNode({ settings: { NYMVISOR_UPSTREAM_POLLING_RATE: "20ms" } });
    await using run = await node.run(["run"], { variables: { NYMVISOR_LOG } });
    const { pid } = await run.waitForEvent("started");
    // Two polls, the first of which has had time to say that there is nothing new.
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    await node.server.nextRequest("/nym-node/upgrade-info.json");
    process.kill(pid, "SIGKILL");
    const { status, stderr } = await run.ended();
    expect(status).toBe(137);
    const seen = new Set(ownLines(stderr).map((line) => line.split(" ")[1] ?? ""));
    expect([...seen].toSorted()).toEqual(shown.toSorted());
  });

  test("with another word is an error that names the variable and the levels; nothing is started", async () => {
    await using node = await prepareNode();
    const variables = { NYMVISOR_LOG: "loud" };
    expectFailure(await nymvisor(node.home, ["run", "run"], { variables }), 1, "NYMVISOR_LOG", "loud", "debug, info");
    expect(node.events.of("started")).toEqual([]);
  });
});

test("a disabled log says nothing at all, and the daemon's own output is untouched", async () => {
  await using node = await prepareStory({ settings: { NYMVISOR_DISABLE_LOGS: "true" } });
  await using run = await node.run();
  const { status, stdout, stderr } = await run.ended();
  expect(status).toBe(0);
  expect(stdout).toBe("nym-node 1.0.0 is running\nnym-node 1.1.0 is running\n");
  expect(stderr).toBe("nym-node 1.0.0 logs here\nnym-node 1.1.0 logs here\n");
});

test("a failure to begin is an error, and not a line of the log only, also where the log is disabled", async () => {
  await using node = await prepareNode({ settings: { NYMVISOR_DISABLE_LOGS: "true" } });
  await using run: RunningNymvisor = await node.run();
  await run.waitForEvent("started");
  expectFailure(await nymvisor(node.home, ["run", "run"]), 1, `pid ${run.pid}`);
});

describe("on a terminal, the log", () => {
  test("is short and coloured, and draws a bar for what takes long", async () => {
    await using node = await prepareNode();
    const serving = { bytesPerSecond: 4_000_000 };
    node.release("1.1.0", { padding: 1_000_000, serving, behaviour: { exitAfter: 1 } });
    const { output, status } = await runOnTerminal(node, {});
    expect(status).toBe(0);
    expect(output).toContain("\u001b[36mnymvisor:\u001b[0m genesis 1.0.0 started");
    expect(output).toMatch(/download 1\.1\.0 {2}\[#+-*\] +\d+ % /);
    expect(output).not.toMatch(/\d{4}-\d\d-\d\dT\S+Z INFO/);
  });

  test.each([
    ["NO_COLOR", "1"],
    ["TERM", "dumb"],
  ])("has no colour where that is not wanted: %s=%s", async (name, value) => {
    await using node = await prepareStory();
    const { output } = await runOnTerminal(node, { [name]: value });
    expect(output).toContain("nymvisor: genesis 1.0.0 started");
    expect(output).not.toContain("\u001b[3");
  });

  test("and a terminal that goes away (SIGHUP) stops the daemon and ends nymvisor", async () => {
    await using node = await prepareNode();
    const ending = runOnTerminal(node, {}, "SIGHUP");
    const { pid } = await node.events.wait("started");
    const { status } = await ending;
    expect(status).toBe(0);
    await waitForEnd(pid);
    expect(node.events.of("signal").map(({ signal }) => signal)).toEqual(["SIGINT"]);
    expect(existsSync(node.planPath)).toBe(true);
  });
});

/** Runs on a terminal of its own, to the end; after the daemon's start it is sent the signal, if there is one. */
async function runOnTerminal(node: PreparedNode, variables: Record<string, string>, signal?: NodeJS.Signals) {
  const chunks: Uint8Array[] = [];
  const closed = Promise.withResolvers<void>();
  const child = Bun.spawn([await testExecutable(), "run", "run"], {
    env: { ...node.home.env, TERM: "xterm-256color", SAMPLE_EVENTS: node.events.path, ...variables },
    terminal: {
      cols: 100,
      data: (_, bytes) => void chunks.push(bytes.slice()),
      exit: () => closed.resolve(),
    },
  });
  try {
    if (signal !== undefined) {
      await node.events.wait("started");
      child.kill(signal);
    }
    await Promise.all([child.exited, closed.promise]);
    return { output: Buffer.concat(chunks).toString(), status: child.exitCode };
  } finally {
    child.kill("SIGKILL");
  }
}
