import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NymvisorEvent } from "../../src/model/events.ts";
import type { LogLevel } from "../../src/system/environment.ts";
import { createLog } from "../../src/system/log.ts";
import { runOnTerminal } from "../support/pseudo-terminal.ts";

interface Where {
  terminal?: boolean;
  colour?: boolean;
  journal?: boolean;
  logLevel?: LogLevel;
  disabled?: boolean;
  variables?: Record<string, string>;
}

/** A log that writes into memory; `refuse` makes its standard error take nothing. */
function logTo({ terminal = false, colour = false, journal = false, logLevel = "info", ...rest }: Where = {}) {
  let written = "";
  let refusing = false;
  const log = createLog({
    environment: {
      terminal: { stdin: false, stdout: false, stderr: terminal },
      colour: { stdout: false, stderr: colour },
      journal,
      logLevel,
      variables: rest.variables ?? {},
    },
    disabled: rest.disabled ?? false,
    sink: {
      write(text) {
        if (!refusing) written += text;
        return !refusing;
      },
      columns: () => 80,
    },
  });
  const refuse = (value: boolean) => {
    refusing = value;
  };
  return { log, refuse, written: () => written };
}

function progress(done: number, total: number): NymvisorEvent {
  return { type: "progress", task: "download", name: "1.1.0", done, total };
}

const LEVELS: readonly NymvisorEvent[] = [
  { type: "sweep.removed", path: "/x" },
  { type: "upgrade.withdrawn", name: "1.1.0" },
  { type: "warning", about: "a", reason: "b" },
  { type: "daemon.start-failed", reason: "c" },
];

function linesOf(where: Where): string[] {
  const { log, written } = logTo(where);
  for (const event of LEVELS) log.emit(event);
  return written().split("\n").slice(0, -1);
}

describe("a line of the log", () => {
  test("has time and level where it goes to a file or a pipe, and no escape codes", () => {
    const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";
    const lines = linesOf({ logLevel: "debug" });
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^${time} DEBUG nymvisor: removed what`)),
      expect.stringMatching(new RegExp(`^${time} INFO  nymvisor: the upgrade 1.1.0 is no longer in the plan$`)),
      expect.stringMatching(new RegExp(`^${time} WARN  nymvisor: a: b$`)),
      expect.stringMatching(new RegExp(`^${time} ERROR nymvisor: the daemon cannot be started: c$`)),
    ]);
    expect(lines.join("")).not.toContain("\u001b");
  });

  test("has its priority and no time where it goes to the journal", () => {
    expect(linesOf({ journal: true, logLevel: "debug" })).toEqual([
      "<7>nymvisor: removed what an interrupted write left: /x",
      "<6>nymvisor: the upgrade 1.1.0 is no longer in the plan",
      "<4>nymvisor: a: b",
      "<3>nymvisor: the daemon cannot be started: c",
    ]);
  });

  test("is short on a terminal, and coloured where that is wanted", () => {
    expect(linesOf({ terminal: true })).toEqual([
      "nymvisor: the upgrade 1.1.0 is no longer in the plan",
      "nymvisor: warning: a: b",
      "nymvisor: error: the daemon cannot be started: c",
    ]);
    expect(linesOf({ terminal: true, colour: true })).toEqual([
      "\u001b[36mnymvisor:\u001b[0m the upgrade 1.1.0 is no longer in the plan",
      "\u001b[33mnymvisor: warning:\u001b[0m a: b",
      "\u001b[31mnymvisor: error:\u001b[0m the daemon cannot be started: c",
    ]);
  });

  test("is one line, whatever the reason holds", () => {
    for (const where of [{}, { journal: true }, { terminal: true, colour: true }]) {
      const { log, written } = logTo(where);
      log.emit({ type: "warning", about: "a", reason: "one\ntwo\r\u001b[2J\u0007\u009b1m\u2028<3>x" });
      expect(written()).toEndWith("a: one\\ntwo\\u000d\\u001b[2J\\u0007\\u009b1m\\u2028<3>x\n");
      expect(written().split("\n")).toHaveLength(2);
    }
  });
});

test.each([
  ["debug", 4],
  ["info", 3],
  ["warn", 2],
  ["error", 1],
] as const)("at level %s, %d of four are worth a line", (logLevel, count) => {
  expect(linesOf({ logLevel })).toHaveLength(count);
});

test("nothing at all is written where the log is disabled", () => {
  for (const terminal of [false, true]) {
    const { log, written } = logTo({ disabled: true, terminal, logLevel: "debug" });
    for (const event of [...LEVELS, progress(50, 100), progress(100, 100)]) log.emit(event);
    log.close();
    expect(written()).toBe("");
  }
});

test("a line that repeats is written each time, at once", () => {
  const { log, written } = logTo();
  for (let count = 0; count < 50; count += 1) log.emit({ type: "warning", about: "a", reason: "b" });
  expect(written().match(/a: b/g)).toHaveLength(50);
});

test("lines that nobody took are counted where the log goes on", () => {
  const { log, refuse, written } = logTo({ journal: true });
  refuse(true);
  for (let count = 0; count < 3; count += 1) log.emit({ type: "warning", about: "a", reason: "b" });
  refuse(false);
  log.emit({ type: "upgrade.withdrawn", name: "1.1.0" });
  log.emit({ type: "upgrade.withdrawn", name: "1.2.0" });
  expect(written()).toBe(
    "<4>nymvisor: lines lost here: 3\n<6>nymvisor: the upgrade 1.1.0 is no longer in the plan\n<6>nymvisor: the upgrade 1.2.0 is no longer in the plan\n",
  );
});

describe("progress", () => {
  test("is a line for each ten percents where there is no terminal, or a dumb one", () => {
    for (const where of [{ journal: true }, { terminal: true, variables: { TERM: "dumb" } }]) {
      const { log, written } = logTo(where);
      for (let done = 0; done <= 100; done += 1) log.emit(progress(done, 100));
      const lines = written().split("\n").slice(0, -1);
      expect(lines).toHaveLength(10);
      expect(lines[0]).toEndWith("nymvisor: download of 1.1.0: 10 % (10 B of 100 B)");
      expect(written()).not.toContain("\r");
    }
  });

  test("is a bar on a terminal, which other lines push aside and the end takes away", () => {
    const { log, written } = logTo({ terminal: true });
    log.emit(progress(10, 100));
    log.emit({ type: "warning", about: "a", reason: "b" });
    log.emit(progress(20, 100));
    log.close();
    log.close();
    const [first, second, ...none] = written().split("\r\u001b[K");
    expect(first).toMatch(/^download 1\.1\.0 [^\n]* 10 %[^\n]*$/);
    expect(second).toMatch(/^nymvisor: warning: a: b\ndownload 1\.1\.0 [^\n]* 20 %[^\n]*$/);
    expect(none).toEqual([""]);
  });

  test("is not worth a line where only warnings are", () => {
    for (const terminal of [false, true]) {
      const { log, written } = logTo({ terminal, logLevel: "warn" });
      for (let done = 0; done <= 100; done += 1) log.emit(progress(done, 100));
      expect(written()).toBe("");
    }
  });
});

describe("the log of a process", () => {
  let folder: string;
  let program: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nymvisor-log-"));
    program = join(folder, "program.ts");
    const source = join(import.meta.dir, "../../src/system");
    writeFileSync(
      program,
      `
      import { loadEnvironment } from ${JSON.stringify(join(source, "environment.ts"))};
      import { createLog } from ${JSON.stringify(join(source, "log.ts"))};
      const log = createLog({ environment: loadEnvironment(), disabled: false });
      log.emit({ type: "progress", task: "download", name: "1.1.0", done: 1, total: 2 });
      for (let count = 0; count < 500; count += 1) log.emit({ type: "warning", about: "line", reason: String(count) });
      log.close();
      // Nothing is left to be written when the process ends.
      process.exit(7);
    `,
    );
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("goes to standard error, whole, though the process ends at once", async () => {
    const child = Bun.spawn([process.execPath, program], { stdout: "pipe", stderr: "pipe" });
    const [output, log, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect({ output, status }).toEqual({ output: "", status: 7 });
    const lines = log.split("\n").slice(0, -1);
    expect(lines.map((line) => line.split(" WARN  nymvisor: line: ")[1] ?? line)).toEqual([
      expect.stringContaining("download of 1.1.0: 50 %"),
      ...Array.from({ length: 500 }, (_, index) => String(index)),
    ]);
  });

  test("ends nothing when its reader goes away", async () => {
    const script = '{ "$@" 2>&1 >/dev/null; echo $? >status; } | head -c 1 >/dev/null';
    const child = Bun.spawn(["sh", "-c", script, "sh", process.execPath, program], { cwd: folder });
    await child.exited;
    expect(readFileSync(join(folder, "status"), "utf8")).toBe("7\n");
  });

  test("on a terminal is drawn within its width, in colour, and leaves no bar behind", async () => {
    const output = await runOnTerminal([process.execPath, program], { columns: 60 });
    const [bar, ...lines] = output.split("\r\u001b[K");
    expect(bar).toStartWith("download 1.1.0");
    expect(Bun.stringWidth(bar ?? "")).toBeLessThan(60);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toStartWith("\u001b[33mnymvisor: warning:\u001b[0m line: 0\r\n");
    expect(lines[0]).toEndWith("line: 499\r\n");
  });
});
