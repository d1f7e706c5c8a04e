import { beforeAll, describe, expect, test } from "bun:test";
import type { Command } from "../../src/commands/command.ts";
import { commandNames, findCommand, loadAllCommands } from "../../src/commands/index.ts";
import { renderCommandHelp, renderRootHelp } from "../../src/commands/render-help.ts";
import { settings } from "../../src/model/settings.ts";

const asIs = (text: string) => text;
const plain = { style: { bold: asIs, dim: asIs, accent: asIs, alarm: asIs }, width: 80 };

async function helpOf(name: string, width = 80): Promise<string> {
  const command = await findCommand(name);
  if (command === undefined) throw new Error(`there is no command ${name}`);
  return renderCommandHelp(command, { ...plain, width });
}

/** What stands below a flag, up to the next one, on one line. */
function entryOf(help: string, flag: string): string {
  const lines = help.split("\n");
  const start = lines.findIndex((line) => new RegExp(`^ {2}(-\\w, | {4})${flag}( |$)`).test(line));
  if (start === -1) throw new Error(`${flag} is not in the help`);
  const length = lines.slice(start + 1).findIndex((line) => !line.startsWith("        "));
  return lines
    .slice(start, start + 1 + length)
    .map((line) => line.trim())
    .join(" ");
}

/** REFERENCE sections 1 and 2: flag, value, variable, default. */
const INIT_FLAGS: readonly (readonly [flag: string, hint: string, env: string, otherwise: string | null])[] = [
  ["--id", "<ID>", "NYMVISOR_ID", null],
  ["--upstream-base-upgrade-url", "<URL>", "NYMVISOR_UPSTREAM_BASE_UPGRADE_URL", "https://nymtech.net/.wellknown/"],
  ["--upstream-polling-rate", "<DURATION>", "NYMVISOR_UPSTREAM_POLLING_RATE", "1h"],
  ["--disable-nymvisor-logs", "", "NYMVISOR_DISABLE_LOGS", "false"],
  ["--upgrade-data-directory", "<DIR>", "NYMVISOR_UPGRADE_DATA_DIRECTORY", null],
  ["--daemon-home", "<DIR>", "DAEMON_HOME", null],
  ["--daemon-absolute-upstream-upgrade-url", "<URL>", "DAEMON_ABSOLUTE_UPSTREAM_UPGRADE_URL", null],
  ["--allow-download-upgrade-binaries", "<true|false>", "DAEMON_ALLOW_BINARIES_DOWNLOAD", "true"],
  ["--enforce-download-checksum", "<true|false>", "DAEMON_ENFORCE_DOWNLOAD_CHECKSUM", "true"],
  ["--restart-daemon-after-upgrade", "<true|false>", "DAEMON_RESTART_AFTER_UPGRADE", "true"],
  ["--restart-daemon-on-failure", "", "DAEMON_RESTART_ON_FAILURE", "false"],
  ["--on-failure-daemon-restart-delay", "<DURATION>", "DAEMON_FAILURE_RESTART_DELAY", "10s"],
  ["--max-daemon-startup-failures", "<N>", "DAEMON_MAX_STARTUP_FAILURES", "10"],
  ["--startup-period-duration", "<DURATION>", "DAEMON_STARTUP_PERIOD_DURATION", "120s"],
  ["--daemon-shutdown-grace-period", "<DURATION>", "DAEMON_SHUTDOWN_GRACE_PERIOD", "10s"],
  ["--daemon-backup-data-directory", "<DIR>", "DAEMON_BACKUP_DATA_DIRECTORY", null],
  ["--unsafe-skip-backup", "", "DAEMON_UNSAFE_SKIP_BACKUP", "false"],
];

describe("the help of init", () => {
  let help: string;
  beforeAll(async () => {
    help = await helpOf("init");
  });

  test.each(INIT_FLAGS)("tells %s with its value, variable and default", (flag, hint, env, otherwise) => {
    const entry = entryOf(help, flag);
    expect(entry).toStartWith(`${flag}${hint === "" ? "" : ` ${hint}`} `);
    expect(entry).toContain(`[env: ${env}]`);
    if (otherwise !== null) expect(entry).toContain(`[default: ${otherwise}]`);
  });

  test("has a flag for every setting that has one", () => {
    for (const { flag, env } of settings) {
      if (flag !== undefined) expect(entryOf(help, `--${flag}`)).toContain(`[env: ${env}]`);
    }
  });

  test("says that the daemon's home is required", () => {
    expect(entryOf(help, "--daemon-home")).toContain("required");
    expect(help).toContain("nymvisor init --daemon-home <DIR> [OPTIONS] <DAEMON_BINARY>");
  });

  test("tells where the values come from that have no fixed default", () => {
    for (const flag of ["--id", "--upgrade-data-directory", "--daemon-backup-data-directory"]) {
      expect(entryOf(help, flag)).toContain("(default: ");
    }
  });
});

describe("the help of add-upgrade", () => {
  test.each([
    ["--upgrade-name", "<NAME>", "[required]"],
    ["--force", "", ""],
    ["--add-binary", "", ""],
    ["--now", "", ""],
    ["--publish-date", "<DATETIME>", "[default: now]"],
    ["--upgrade-time", "<DATETIME>", ""],
    ["--upgrade-delay", "<DURATION>", "[default: 15m]"],
    ["--output", "<text|json>", "[default: text]"],
  ])("tells %s", async (flag, hint, fact) => {
    const entry = entryOf(await helpOf("add-upgrade"), flag);
    expect(entry).toContain(hint);
    expect(entry).toContain(fact);
  });
});

describe("the help of every command", () => {
  test.each(commandNames.map((name) => [name]))(
    "%s has a usage line, --help and examples that begin with a command",
    async (name) => {
      const help = await helpOf(name);
      expect(help).toContain(`Usage:\n  nymvisor `);
      expect(entryOf(help, "--help")).toStartWith("-h, --help");
      const examples = help
        .slice(help.indexOf("Examples:\n"))
        .split("\n")
        .filter((line) => /^ {2}\S/.test(line));
      expect(examples.length).toBeGreaterThan(0);
      for (const line of examples) expect(line).toMatch(/^ {2}([A-Z_]+=\S+ )?nymvisor [a-z]/);
    },
  );

  test.each([40, 80, 100])("keeps to %d columns, but for lines to copy", async (width) => {
    for (const name of commandNames) {
      const prose = (await helpOf(name, width)).split("\n").filter((line) => line.startsWith("        "));
      for (const line of prose) {
        if (line.trim().includes(" ") && !line.includes("[")) expect(line.length).toBeLessThanOrEqual(width);
      }
    }
  });

  test("has commands with -o|--output where the reference has them", async () => {
    for (const name of ["init", "check", "plan", "add-upgrade", "config", "build-info", "daemon-build-info"]) {
      expect(entryOf(await helpOf(name), "--output")).toStartWith("-o, --output <text|json>");
    }
  });

  test("never breaks a fact in brackets", async () => {
    for (const line of (await helpOf("init", 40)).split("\n")) {
      expect(line.split("[").length).toBe(line.split("]").length);
    }
  });
});

describe("the help of nymvisor", () => {
  let commands: Command[];
  let help: string;
  beforeAll(async () => {
    commands = await loadAllCommands();
    help = renderRootHelp(commands, plain);
  });

  test("lists every command with what it does, in order", () => {
    const listed = [...help.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map((match) => match[1]);
    expect(listed).toEqual(commands.map(({ name }) => name));
  });

  test("has a quick start of three lines", () => {
    const quickStart = help.slice(help.indexOf("Quick start:"), help.indexOf("Commands:"));
    expect(quickStart.match(/^ {2}nymvisor /gm)).toHaveLength(3);
  });

  test.each(["-c, --config-env-file <FILE>", "-h, --help", "-V, --version"])("tells %s", (flag) => {
    expect(help).toContain(`  ${flag}\n`);
  });

  test("marks up nothing but what it is told to mark up", () => {
    const loud = { ...plain.style, accent: (text: string) => `<${text}>` };
    const marked = renderRootHelp(commands, { style: loud, width: 80 });
    expect(marked).toContain("<init>");
    expect(
      marked.replace(/<(init|run|add-upgrade|config|build-info|daemon-build-info|completions|help)>/g, "$1"),
    ).toContain("  init               Take");
  });
});
