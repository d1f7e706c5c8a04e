import { describe, expect, test } from "bun:test";
import { parseArgs } from "citty";
import { addUpgrade, addUpgradeRequest } from "../../src/commands/add-upgrade.ts";
import type { Command } from "../../src/commands/command.ts";
import { hold, holdEnd } from "../../src/commands/hold.ts";
import { init, initRequest } from "../../src/commands/init.ts";
import { readArguments } from "../../src/commands/read-arguments.ts";
import { upgrade, upgradeRequest } from "../../src/commands/upgrade.ts";
import { UsageError } from "../../src/model/errors.ts";
import { parseInstant } from "../../src/model/instant.ts";

// The way of every command line: the strict reader, then citty, then the request.
function parsed(command: Command, words: string[]) {
  const reading = readArguments(words, command);
  if (reading.kind === "help") throw new Error("that asked for help");
  return parseArgs<never>([...reading.words], command.args);
}

function addRequest(...words: string[]) {
  return addUpgradeRequest(parsed(addUpgrade, words));
}

function settingsOf(...words: string[]) {
  return Object.fromEntries(initRequest(parsed(init, words)).settings);
}

describe("what init is asked for", () => {
  test("is the binary, no setting and text, if nothing else is given", () => {
    expect(initRequest(parsed(init, ["./nym-node"]))).toEqual({
      daemonBinary: "./nym-node",
      settings: new Map(),
      output: "text",
    });
  });

  test("is each setting that was given, as text", () => {
    const words = ["--id", "a b", "--upstream-polling-rate=90s", "--enforce-download-checksum", "F", "nym-node"];
    expect(settingsOf(...words)).toEqual({
      id: "a b",
      "upstream-polling-rate": "90s",
      "enforce-download-checksum": "F",
    });
  });

  test("is true for a setting whose flag takes no value", () => {
    expect(settingsOf("--unsafe-skip-backup", "nym-node", "--disable-nymvisor-logs")).toEqual({
      "disable-nymvisor-logs": "true",
      "unsafe-skip-backup": "true",
    });
  });

  test("is a value that begins with a dash, when it is attached", () => {
    expect(settingsOf("nym-node", "--id=--force")).toEqual({ id: "--force" });
  });

  test("is JSON with -o json", () => {
    expect(initRequest(parsed(init, ["x", "-o", "json"])).output).toBe("json");
  });

  test("may be a binary whose name begins with a dash", () => {
    expect(initRequest(parsed(init, ["--", "--no-node"])).daemonBinary).toBe("--no-node");
  });
});

describe("what add-upgrade is asked for", () => {
  test("is an upgrade in 15 minutes, if no time is given", () => {
    expect(addRequest("./nym-node", "--upgrade-name", "hotfix")).toEqual({
      daemonBinary: "./nym-node",
      name: "hotfix",
      force: false,
      addBinary: false,
      due: { kind: "after", delay: 15n * 60n * 1_000_000_000n },
      publishDate: null,
      output: "text",
    });
  });

  test("is due at once, at a time, or after a delay", () => {
    const due = (...words: string[]) => addRequest("x", "--upgrade-name=n", ...words).due;
    expect(due("--now")).toEqual({ kind: "now" });
    expect(due("--upgrade-time", "2026-11-21T10:00:00.5+01:00")).toEqual({
      kind: "at",
      instant: parseInstant("2026-11-21T09:00:00.5Z"),
    });
    expect(due("--upgrade-delay", "1h 30m")).toEqual({ kind: "after", delay: 5_400_000_000_000n });
  });

  test("carries the flags and the date of publication", () => {
    const request = addRequest("x", "--upgrade-name=n", "--force", "--publish-date=2026-01-01T00:00:00Z", "-ojson");
    expect(request).toMatchObject({ force: true, addBinary: false, output: "json" });
    expect(request.publishDate).toBe(parseInstant("2026-01-01T00:00:00Z"));
    expect(addRequest("x", "--upgrade-name=n", "--force", "--add-binary").addBinary).toBe(true);
  });

  const time = "--upgrade-time=2026-01-01T00:00:00Z";
  test.each<[string[], string, string]>([
    [["--now", time], "--now", "--upgrade-time"],
    [["--upgrade-delay=1h", "--now"], "--now", "--upgrade-delay"],
    [[time, "--upgrade-delay=1h"], "--upgrade-time", "--upgrade-delay"],
    [["--add-binary", "--now"], "--add-binary", "--now"],
    [["--add-binary", time], "--add-binary", "--upgrade-time"],
    [["--upgrade-delay=1h", "--add-binary"], "--add-binary", "--upgrade-delay"],
    [["--publish-date=2026-01-01T00:00:00Z", "--add-binary"], "--add-binary", "--publish-date"],
  ])("%p is refused, and both are named", (words, one, other) => {
    expect(() => addRequest("x", "--upgrade-name=n", ...words)).toThrow(`${one} and ${other} cannot be given together`);
  });

  test.each<[string[]]>([
    [["--upgrade-name=n", "--upgrade-delay=soon"]],
    [["--upgrade-name=n", "--upgrade-time=tomorrow"]],
    [["--upgrade-name=n", "--publish-date=2026-01-01"]],
    [["--upgrade-name=n", "-o", "yaml"]],
    [["--upgrade-name=../n"]],
    [["--upgrade-name=genesis"]],
    [["--upgrade-name=.n"]],
    [["--upgrade-name", "a\u0007b"]],
    [[]],
  ])("%p is a usage error", (words) => {
    expect(() => addRequest("x", ...words)).toThrow(UsageError);
  });
});

describe("how long upgrades are held", () => {
  test.each<[string[], ReturnType<typeof holdEnd>]>([
    [[], { kind: "ever" }],
    [["--for", "1h 30m"], { kind: "after", delay: 5_400_000_000_000n }],
    [["--until", "2199-01-01T01:00:00+01:00"], { kind: "at", instant: parseInstant("2199-01-01T00:00:00Z") }],
  ])("is read from %j", (words, end) => {
    expect(holdEnd(parsed(hold, words))).toEqual(end);
  });
});

describe("what upgrade is asked for", () => {
  test("is the newest release at once, if nothing else is given", () => {
    expect(upgradeRequest(parsed(upgrade, []))).toEqual({
      release: null,
      due: null,
      allowDowngrade: false,
      retry: false,
    });
    expect(upgradeRequest(parsed(upgrade, ["--now"]))).toMatchObject({ due: null });
  });

  test("is a release, a time and a step back, as they are given", () => {
    expect(upgradeRequest(parsed(upgrade, ["1.2.0", "--allow-downgrade", "--at=2199-01-01T00:00:00Z"]))).toEqual({
      release: "1.2.0",
      due: parseInstant("2199-01-01T00:00:00Z"),
      allowDowngrade: true,
      retry: false,
    });
    expect(upgradeRequest(parsed(upgrade, ["1.2.0", "--retry"]))).toMatchObject({ retry: true });
  });
});
