import { describe, expect, test } from "bun:test";
import { testExecutable } from "../support/executable.ts";
import { runOnTerminal } from "../support/pseudo-terminal.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { takeIn } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { contentsOf } from "./support/tree.ts";

const COMMANDS = [
  ...["init", "run", "check", "plan", "upgrade", "hold", "resume", "skip", "unskip", "pin", "unpin"],
  ...["add-upgrade", "config", "build-info", "daemon-build-info"],
];

describe("help", () => {
  test("goes to stdout with exit status 0, however it is asked for", async () => {
    using home = temporaryHome();
    const [whole, ...same] = await Promise.all([["--help"], ["-h"], ["help"]].map((words) => nymvisor(home, words)));
    if (whole === undefined) throw new Error("nothing was asked");
    expectSuccess(whole);
    for (const command of [...COMMANDS, "-c, --config-env-file"]) expect(whole.stdout).toContain(`  ${command} `);
    for (const other of same) expect(other).toEqual(whole);
  });

  test.each(COMMANDS)("of %s is the same behind it and behind `help`, and needs no instance", async (command) => {
    using home = temporaryHome();
    const [long, short, asked] = await Promise.all([
      nymvisor(home, [command, "--help"]),
      nymvisor(home, [command, "-h"]),
      nymvisor(home, ["help", command]),
    ]);
    expect(expectSuccess(long)).toContain(`nymvisor ${command === "run" ? "[-c <FILE>] run" : command}`);
    expect(short).toEqual(long);
    expect(asked).toEqual(long);
  });

  test("names the variable and the default of each flag of init", async () => {
    using home = temporaryHome();
    const { stdout } = await nymvisor(home, ["init", "--help"]);
    for (const fact of ["DAEMON_SHUTDOWN_GRACE_PERIOD", "NYMVISOR_UPSTREAM_POLLING_RATE", "[default: 120s]"])
      expect(stdout).toContain(fact);
  });
});

describe("the version", () => {
  test("is one line with -V, and the build information with --version", async () => {
    using home = temporaryHome();
    const [short, long, command] = await Promise.all([
      nymvisor(home, ["-V"]),
      nymvisor(home, ["--version"]),
      nymvisor(home, ["build-info"]),
    ]);
    const { version } = await import("../../package.json");
    expect(expectSuccess(short)).toBe(`nymvisor ${version}\n`);
    expect(expectSuccess(long)).toContain(`\nBuild Version:      ${version}\n`);
    expect(long).toEqual(command);
  });
});

describe("a command line that cannot be used ends with 2, names the word on stderr and changes nothing:", () => {
  test("no command at all", async () => {
    using home = temporaryHome();
    const { status, stdout, stderr } = await nymvisor(home, []);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    for (const command of COMMANDS) expect(stderr).toContain(command);
  });

  test.each<[what: string, words: string[], said: string[]]>([
    ["an unknown command", ["inti", "x"], ["inti", "init"]],
    ["an unknown command for help", ["help", "confg"], ["confg", "config"]],
    ["an unknown flag before the command", ["--confg-env-file", "f", "config"], ["--confg-env-file"]],
    ["an unknown flag of init", ["init", "--daemon-hom", "/n", "b"], ["--daemon-hom", "--daemon-home"]],
    ["an unknown flag of add-upgrade", ["add-upgrade", "--upgrade-nam=x", "b"], ["--upgrade-nam", "--upgrade-name"]],
    ["an unknown flag of config", ["config", "--outptu", "json"], ["--outptu", "--output"]],
    ["an unknown flag of build-info", ["build-info", "--jsno"], ["--jsno"]],
    ["an unknown flag of daemon-build-info", ["daemon-build-info", "-x"], ["-x"]],
    ["a missing value", ["init", "b", "--daemon-home"], ["--daemon-home", "value"]],
    ["a missing value before another flag", ["init", "--id", "--daemon-home", "/n", "b"], ["--id"]],
    ["a repeated flag", ["init", "--id", "a", "--id", "b", "--daemon-home", "/n", "b"], ["--id", "more than once"]],
    ["a repeated switch", ["add-upgrade", "--now", "--now", "--upgrade-name", "x", "b"], ["--now", "more than once"]],
    [
      "a value for a switch",
      ["init", "--unsafe-skip-backup=maybe", "--daemon-home", "/n", "b"],
      ["--unsafe-skip-backup"],
    ],
    ["a missing binary", ["init", "--daemon-home", "/n"], ["<DAEMON_BINARY>"]],
    ["two binaries", ["init", "--daemon-home", "/n", "a", "b"], ['"b"']],
    ["a word too many", ["config", "please"], ["please"]],
    ["a format that does not exist", ["config", "-o", "yaml"], ["yaml", "text", "json"]],
    ["-c behind the command", ["config", "-c", "f"], ["-c", "before"]],
    ["-c twice", ["-c", "a", "-c", "b", "config"], ["--config-env-file", "more than once"]],
    ["-c without a file", ["-c"], ["-c"]],
    ["a binary of that name nowhere", ["init", "--daemon-home", "n", "no-such-node"], ["no-such-node", "PATH"]],
  ])("%s", async (_what, words, said) => {
    using home = temporaryHome();
    expectFailure(await nymvisor(home, words), 2, ...said);
    expect(contentsOf(home.path)).toEqual({});
  });

  test("a word that is not UTF-8", async () => {
    using home = temporaryHome();
    const shell = ["bash", "-c", `"$0" "$1" --id $'ab\\xff'`];
    expectFailure(await nymvisor(home, ["run"], { through: shell }), 2, "argument 3", "UTF-8");
  });
});

describe("completions", () => {
  test.each(["bash", "zsh", "fish"])("of %s name every command, and nothing is said beside them", async (shell) => {
    using home = temporaryHome();
    const script = expectSuccess(await nymvisor(home, ["completions", shell]));
    for (const command of COMMANDS) expect(script).toContain(command);
  });
});

test("a level of the log that does not exist is named", async () => {
  using home = temporaryHome();
  await takeIn(home);
  const ended = await nymvisor(home, ["config"], { variables: { NYMVISOR_LOG: "loud" } });
  expectFailure(ended, 1, "NYMVISOR_LOG", "loud", "debug, info, warn, error");
});

test("a result that nobody takes is a failure", async () => {
  using home = temporaryHome();
  await takeIn(home);
  for (const words of [["config"], ["build-info"], ["daemon-build-info"], ["help"]]) {
    const full = ["sh", "-c", '"$0" "$@" >/dev/full'];
    expectFailure(await nymvisor(home, words, { through: full }), 1, "standard output");
  }
});

describe("colour", () => {
  test("is on a terminal", async () => {
    using home = temporaryHome();
    expect(await runOnTerminal([await testExecutable(), "confg"], { env: home.env })).toContain("\u001b[");
  });

  test("is not on a terminal where NO_COLOR is set", async () => {
    using home = temporaryHome();
    const env = { ...home.env, NO_COLOR: "1" };
    const output = await runOnTerminal([await testExecutable(), "confg"], { env });
    expect(output).toContain("confg");
    expect(output).not.toContain("\u001b[");
  });
});
