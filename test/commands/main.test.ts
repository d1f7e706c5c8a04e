import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandNames } from "../../src/commands/index.ts";
import { nymvisor, nymvisorInShell } from "./nymvisor.ts";

describe("help", () => {
  test.each([["--help"], ["-h"], ["help"]])("%s goes to stdout and ends with 0", async (word) => {
    const { status, stdout, stderr } = await nymvisor([word]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const name of commandNames) expect(stdout).toContain(`  ${name} `);
  });

  test("goes to stderr and ends with 2 when nothing was typed", async () => {
    const { status, stdout, stderr } = await nymvisor([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Quick start:");
  });

  test.each([
    [["help", "init"], "Usage:\n  nymvisor init "],
    [["init", "--help"], "Usage:\n  nymvisor init "],
    [["add-upgrade", "--now", "-h"], "Usage:\n  nymvisor add-upgrade "],
    [["run", "--help"], "Usage:\n  nymvisor [-c <FILE>] run "],
    [["run", "-h", "x"], "Usage:\n  nymvisor [-c <FILE>] run "],
    [["help", "run"], "Usage:\n  nymvisor [-c <FILE>] run "],
    [["help", "help"], "Usage:\n  nymvisor help "],
    [["-c", "/nonexistent", "config", "--help"], "Usage:\n  nymvisor config "],
  ])("%p shows that of the command", async (words, usage) => {
    const { status, stdout, stderr } = await nymvisor(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(usage);
  });

  test("has no escape codes away from a terminal", async () => {
    expect((await nymvisor(["--help"])).stdout).not.toContain("\u001b");
  });
});

describe("the version", () => {
  test("is short with -V", async () => {
    expect(await nymvisor(["-V"])).toEqual({ status: 0, stdout: "nymvisor 0.0.0-dev\n", stderr: "" });
  });

  test("is the build information with --version, as build-info prints it", async () => {
    const [long, command] = await Promise.all([nymvisor(["--version"]), nymvisor(["build-info"])]);
    expect(long).toEqual(command);
    expect(long).toMatchObject({ status: 0, stderr: "" });
    expect(long.stdout).toContain("\nBuild Version:      0.0.0-dev\n");
  });

  test("is one line of JSON with build-info -o json", async () => {
    const { status, stdout, stderr } = await nymvisor(["build-info", "-o", "json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toEndWith("}\n");
    expect(stdout.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ binary_name: "nymvisor", runtime: "bun", runtime_version: Bun.version });
  });
});

describe("a command line that cannot be used", () => {
  test.each<[string[], string]>([
    [["confg"], "did you mean config?"],
    [["constructor"], '"constructor"'],
    [[""], "empty"],
    [["help", "nonsense"], '"nonsense"'],
    [["--frob"], "--frob"],
    [["-c"], "-c needs a value"],
    [["config", "--ouptut", "json"], "did you mean --output?"],
    [["config", "-o", "jsno"], "did you mean json?"],
    [["config", "extra"], '"extra"'],
    [["config", "-c", "f"], "nymvisor -c <FILE> config"],
    [["init", "--id", "--force"], "--id needs a value"],
    [["init"], "<DAEMON_BINARY>"],
    [["add-upgrade", "x"], "--upgrade-name"],
    [["add-upgrade", "x", "--upgrade-name=n", "--now", "--upgrade-delay=1h"], "--now and --upgrade-delay"],
    [["completions", "tcsh"], "bash, zsh, fish"],
  ])("%p: the word is named on stderr, and it ends with 2", async (words, hint) => {
    const { status, stdout, stderr } = await nymvisor(words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toStartWith("error: ");
    expect(stderr).toContain(hint);
    expect(stderr).toContain("\n  try: nymvisor");
    expect(stderr).not.toContain("\u001b");
  });

  test("may hold a word that is not UTF-8, which nobody could hand on", async () => {
    const ended = await nymvisorInShell(`"$@" run --id $'ab\\xff'`);
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain("argument 3");
    expect(ended.stderr).toContain("not valid UTF-8");
  });
});

describe("the file of -c", () => {
  test("must be there, whatever the command", async () => {
    const { status, stdout, stderr } = await nymvisor(["-c", "/nonexistent/file.env", "build-info"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("/nonexistent/file.env");
  });
});

describe("standard output", () => {
  test("that nobody reads to its end is no failure", async () => {
    const { status, stderr } = await nymvisorInShell(`"$@" completions bash | true; exit "\${PIPESTATUS[0]}"`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("that takes nothing is one", async () => {
    const { status, stderr } = await nymvisorInShell(`"$@" build-info >/dev/full`);
    expect(status).toBe(1);
    expect(stderr).toContain("standard output");
  });

  test("gets all of a long answer before the end, also through a slow pipe", async () => {
    const print = new URL("../../src/system/print.ts", import.meta.url).pathname;
    const code = `const { print } = await import(${JSON.stringify(print)}); await print("x".repeat(1_000_000)); process.exit(0);`;
    const child = Bun.spawn(["bash", "-c", `"$0" -e "$1" | (read -rn 1; wc -c)`, process.execPath, code], {
      stdout: "pipe",
    });
    expect((await child.stdout.text()).trim()).toBe("999999");
  });
});

describe("config", () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "nymvisor-main-"));
    const folder = join(home, ".nym/nymvisors/instances/nym-node-default/config");
    mkdirSync(folder, { recursive: true });
    const lines = ["[nymvisor]", "id = 'nym-node-default'", "[daemon]", "name = 'nym-node'", `home = '${home}/n1'`];
    writeFileSync(join(folder, "config.toml"), lines.join("\n"));
    writeFileSync(join(home, "over.env"), "DAEMON_MAX_STARTUP_FAILURES=3\n");
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  test("prints what holds, with the file of -c over the environment over the file", async () => {
    const variables = { HOME: home, DAEMON_MAX_STARTUP_FAILURES: "5", NYMVISOR_UPSTREAM_POLLING_RATE: "90s" };
    const { status, stdout, stderr } = await nymvisor(["-c", join(home, "over.env"), "config", "-o", "json"], {
      variables,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      nymvisor: { id: "nym-node-default", upstream_polling_rate: "1m 30s" },
      daemon: { home: `${home}/n1`, max_startup_failures: 3 },
    });
  });

  test("prints text, if nothing else is asked for", async () => {
    const { status, stdout } = await nymvisor(["config"], { variables: { HOME: home } });
    expect(status).toBe(0);
    expect(stdout).toContain(`\ndaemon home:                       ${home}/n1\n`);
  });

  test("tells on stderr that it migrated a file of an older scheme, and keeps stdout for the answer", async () => {
    const path = join(home, "older.toml");
    writeFileSync(path, `[nymvisor]\nid = 'older'\n[daemon]\nname = 'nym-node'\ndaemon_home = '${home}/n1'\n`);
    const variables = { HOME: home, NYMVISOR_CONFIG_PATH: path };
    const { status, stdout, stderr } = await nymvisor(["config", "-o", "json"], { variables });
    expect(status).toBe(0);
    expect(stderr).toContain("older.toml");
    expect(JSON.parse(stdout).daemon.home).toBe(`${home}/n1`);
  });

  test("prints nothing to stdout when there is no instance", async () => {
    const ended = await nymvisor(["config"], { variables: { HOME: join(home, "elsewhere") } });
    expect(ended).toMatchObject({ status: 1, stdout: "" });
    expect(ended.stderr).toStartWith("error: ");
  });
});

test("completions prints a script and nothing else", async () => {
  const { status, stdout, stderr } = await nymvisor(["completions", "bash"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toEndWith("complete -F _nymvisor nymvisor\n");
});
