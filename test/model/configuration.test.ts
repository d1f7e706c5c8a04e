import { expect, test } from "bun:test";
import type { FileSource } from "../../src/model/config-source.ts";
import { describeOrigin, resolveConfiguration, type Sources } from "../../src/model/configuration.ts";
import { NymvisorError, UsageError } from "../../src/model/errors.ts";
import { settings } from "../../src/model/settings.ts";
import { parseWindow } from "../../src/model/window.ts";

const SECOND = 1_000_000_000n;

/** A file whose every key stands on the line that `lines` says. */
function file(tables: Record<string, unknown>, lines: Record<string, number> = {}): FileSource {
  return { path: "/c.toml", tables, lineOf: (table, key) => lines[key === undefined ? table : `${table}.${key}`] };
}

const whole = { nymvisor: { id: "a" }, daemon: { name: "nym-node", home: "/n" } };

function resolve(sources: Partial<Sources>) {
  return resolveConfiguration({ file: null, environment: {}, flags: new Map(), workingDirectory: "/work", ...sources });
}

function failure(sources: Partial<Sources>): NymvisorError {
  try {
    resolve(sources);
  } catch (error) {
    if (error instanceof NymvisorError) return error;
    throw error;
  }
  throw new Error("nothing was wrong with it");
}

test("a new instance gets the defaults, and names from its binary", () => {
  const { configuration } = resolve({ flags: new Map([["daemon-home", "/n"]]), daemonName: "nym-api" });
  expect(configuration).toEqual({
    nymvisor: {
      id: "nym-api-default",
      upstream_base_upgrade_url: "https://nymtech.net/.wellknown/",
      upstream_polling_rate: 3600n * SECOND,
      disable_logs: false,
      upgrade_data_directory: null,
    },
    daemon: {
      name: "nym-api",
      home: "/n",
      absolute_upstream_upgrade_url: null,
      allow_binaries_download: true,
      enforce_download_checksum: true,
      restart_after_upgrade: true,
      restart_on_failure: false,
      failure_restart_delay: 10n * SECOND,
      max_startup_failures: 10,
      startup_period_duration: 120n * SECOND,
      shutdown_grace_period: 10n * SECOND,
      backup_data_directory: null,
      unsafe_skip_backup: false,
    },
    upstream: { source: "auto", stale_after: 86_400n * SECOND },
    github: {
      api_url: "https://api.github.com",
      repository: "nymtech/nym",
      tag_prefix: "nym-binaries-v",
      token_file: null,
    },
    policy: { minimum_release_age: null, spread: null, window: [], prereleases: false, hold: { held: false } },
    backup: { exclude: [], keep: 3, keep_for: null },
    upgrade: { keep_binaries: 3 },
    health: {
      probation: null,
      interval: 5n * SECOND,
      grace: null,
      url: "auto",
      port: "auto",
      command: null,
      command_timeout: 10n * SECOND,
    },
    rollback: { automatic: true, without_data: false },
  });
});

test("the environment wins over flags, flags over the file, the file over defaults", () => {
  const sources: Partial<Sources> = {
    environment: { DAEMON_MAX_STARTUP_FAILURES: "1" },
    flags: new Map([
      ["max-daemon-startup-failures", "2"],
      ["daemon-shutdown-grace-period", "2s"],
    ]),
    file: file(
      {
        ...whole,
        daemon: {
          ...whole.daemon,
          max_startup_failures: 3,
          shutdown_grace_period: "3s",
          failure_restart_delay: "3s",
        },
      },
      { "daemon.failure_restart_delay": 12 },
    ),
  };
  const { configuration, origins } = resolve(sources);
  expect(configuration.daemon).toMatchObject({
    max_startup_failures: 1,
    shutdown_grace_period: 2n * SECOND,
    failure_restart_delay: 3n * SECOND,
    startup_period_duration: 120n * SECOND,
  });
  const from = (name: string) => describeOrigin(origins.get(name) ?? { from: "default" });
  expect(from("daemon.max_startup_failures")).toBe("$DAEMON_MAX_STARTUP_FAILURES");
  expect(from("daemon.shutdown_grace_period")).toBe("--daemon-shutdown-grace-period");
  expect(from("daemon.failure_restart_delay")).toBe("/c.toml:12");
  expect(from("daemon.startup_period_duration")).toBe("the default");
});

/** Another valid value for each kind of setting, as text and as the program holds it. */
const OTHER: Readonly<Record<string, readonly [string, unknown]>> = {
  ID: ["other", "other"],
  NAME: ["other", "other"],
  URL: ["https://other/", "https://other/"],
  DIR: ["/other", "/other"],
  DURATION: ["7s", 7n * SECOND],
  N: ["7", 7],
  TEXT: ["other-v", "other-v"],
  "OWNER/NAME": ["other/other", "other/other"],
  "auto|nym|github": ["github", "github"],
  "auto|off|URL": ["http://other:8080/", { url: "http://other:8080/" }],
  "auto|off|PORT|HOST:PORT": ["[::1]:7", { host: "::1", port: 7 }],
  COMMAND: ["exit 0", "exit 0"],
  "PATTERN,…": ["*.bloom, data/cache", ["*.bloom", "data/cache"]],
  "true|false|DATETIME": ["true", { held: true, until: null }],
  "[DAYS ]HH:MM-HH:MM[ ZONE],…": ["22:00-04:00", [parseWindow("22:00-04:00")]],
};

test.each(settings.map((setting) => [setting.env, setting] as const))(
  "%s sets what its flag and key set",
  (env, setting) => {
    const other =
      setting.kind.hint === "true|false"
        ? ([String(!setting.default), !setting.default] as const)
        : OTHER[setting.kind.hint];
    if (other === undefined) throw new Error(`no value is known for ${setting.kind.hint}`);
    const [text, value] = other;
    const valueIn = ({ configuration }: ReturnType<typeof resolve>) =>
      (configuration as Record<string, Record<string, unknown>>)[setting.table]?.[setting.key];
    expect(valueIn(resolve({ file: file(whole), environment: { [env]: text } }))).toEqual(value);
    if (setting.flag !== undefined) {
      expect(valueIn(resolve({ file: file(whole), flags: new Map([[setting.flag, text]]) }))).toEqual(value);
    }
    const inFile = setting.kind.fromText(text, "/");
    const tables = { ...whole, [setting.table]: { ...whole[setting.table as "daemon"], [setting.key]: inFile } };
    expect(valueIn(resolve({ file: file(tables) }))).toEqual(value);
  },
);

test("no two settings share a variable, a flag or a key", () => {
  const unique = (names: readonly unknown[]) => expect(new Set(names).size).toBe(names.length);
  unique(settings.map(({ env }) => env));
  unique(settings.flatMap(({ flag }) => flag ?? []));
  unique(settings.map(({ table, key }) => `${table}.${key}`));
});

test("a variable that is set to nothing counts as not set", () => {
  const environment = { NYMVISOR_ID: "", DAEMON_HOME: "", DAEMON_RESTART_ON_FAILURE: "" };
  expect(resolve({ file: file(whole), environment }).configuration.daemon.home).toBe("/n");
});

test.each([
  ["true", true],
  ["T", true],
  ["1", true],
  ["FALSE", false],
  ["f", false],
  ["0", false],
])("the boolean %s is %p", (text, expected) => {
  const { configuration } = resolve({ file: file(whole), environment: { DAEMON_UNSAFE_SKIP_BACKUP: text } });
  expect(configuration.daemon.unsafe_skip_backup).toBe(expected);
});

test("relative paths in flags and variables are made absolute, those in a file are refused", () => {
  const { configuration } = resolve({
    flags: new Map([["daemon-home", "../n/./x/"]]),
    environment: { NYMVISOR_UPGRADE_DATA_DIRECTORY: "data" },
    daemonName: "nym-node",
  });
  expect(configuration.daemon.home).toBe("/n/x");
  expect(configuration.nymvisor.upgrade_data_directory).toBe("/work/data");
  const inFile = file({ ...whole, daemon: { name: "nym-node", home: "n" } }, { "daemon.home": 3 });
  expect(failure({ file: inFile }).why).toBe('/c.toml:3: [daemon] home: "n" is not an absolute path');
  const untidy = file({ ...whole, daemon: { name: "nym-node", home: "/a//b/../c/" } });
  expect(resolve({ file: untidy }).configuration.daemon.home).toBe("/a/c");
});

test("everything wrong is told at once, each with where it stands", () => {
  const error = failure({
    environment: { DAEMON_RESTART_ON_FAILURE: "ja", NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: "ftp://x" },
    file: file(
      { nymvisor: { id: "a/b", upstream_polling_rate: "0s" }, daemon: { name: "nym-node", max_startup_failures: "3" } },
      { "nymvisor.id": 2, "nymvisor.upstream_polling_rate": 3, "daemon.max_startup_failures": 6 },
    ),
  });
  expect(error.exitCode).toBe(1);
  expect(error.what).toBe("6 things are wrong with the configuration");
  expect(error.why?.split("\n")).toEqual([
    '/c.toml:2: [nymvisor] id: "a/b" cannot be used as a name: it holds a slash',
    '$NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: "ftp://x" is neither an https nor an http URL',
    "/c.toml:3: [nymvisor] upstream_polling_rate: it must be longer than nothing",
    "/c.toml: [daemon] home is missing; add it there, or set $DAEMON_HOME",
    '$DAEMON_RESTART_ON_FAILURE: "ja" is neither true (t, 1) nor false (f, 0)',
    expect.stringMatching(/^\/c.toml:6: \[daemon\] max_startup_failures: "3" is not a whole number/),
  ]);
});

test("a value must be valid even where another source wins over it", () => {
  const overridden = file({ ...whole, daemon: { ...whole.daemon, restart_on_failure: "no" } });
  expect(failure({ file: overridden, environment: { DAEMON_RESTART_ON_FAILURE: "true" } }).why).toContain(
    "restart_on_failure",
  );
  const flags = new Map([["max-daemon-startup-failures", "many"]]);
  expect(failure({ file: file(whole), flags, environment: { DAEMON_MAX_STARTUP_FAILURES: "1" } })).toBeInstanceOf(
    UsageError,
  );
});

test.each([
  ["id", 5, "5 stands where a string in quotes is expected"],
  ["id", "", '"" cannot be used as a name: it is empty'],
  ["disable_logs", "true", '"true" stands where true or false, without quotes is expected'],
  ["upstream_polling_rate", { secs: 1 }, "a table stands where a string in quotes is expected"],
  ["upstream_polling_rate", ["1h"], "a list stands where a string in quotes is expected"],
  ["upstream_base_upgrade_url", "", '"" is not a URL'],
])("[nymvisor] %s = %j is refused", (key, value, why) => {
  expect(failure({ file: file({ ...whole, nymvisor: { id: "a", [key]: value } }) }).why).toContain(why);
});

test.each([-1, 1.5, Number.MAX_SAFE_INTEGER + 1, Object.create(null), new Date(0)])(
  "%p is no number of failures",
  (value) => {
    const tables = { ...whole, daemon: { ...whole.daemon, max_startup_failures: value } };
    expect(failure({ file: file(tables) }).why).toContain("is not a whole number from 0");
  },
);

test("a wrong flag is a usage error, and so is an unknown home at init", () => {
  const wrong = failure({
    flags: new Map([
      ["daemon-home", "/n"],
      ["startup-period-duration", "2"],
    ]),
    daemonName: "n",
  });
  expect(wrong).toBeInstanceOf(UsageError);
  expect(wrong.exitCode).toBe(2);
  expect(wrong.why).toStartWith("--startup-period-duration: ");
  const homeless = failure({ daemonName: "nym-node" });
  expect(homeless).toBeInstanceOf(UsageError);
  expect(homeless.why).toBe("[daemon] home is missing: give --daemon-home DIR, or set $DAEMON_HOME");
});

test("a wrong variable alone is no usage error", () => {
  expect(
    failure({ flags: new Map([["daemon-home", "/n"]]), daemonName: "n", environment: { NYMVISOR_ID: ".." } }).exitCode,
  ).toBe(1);
});

test("a wrong flag makes it a usage error, whatever else is wrong", () => {
  const flags = new Map([["startup-period-duration", "2"]]);
  const error = failure({ flags, file: file({ ...whole, surplus: {} }), environment: { NYMVISOR_ID: ".." } });
  expect(error).toBeInstanceOf(UsageError);
  expect(error.why?.split("\n")).toHaveLength(3);
});

test("a key in an inline table is told with the line of its table", () => {
  const inline = file({ ...whole, daemon: { ...whole.daemon, home: "n" } }, { daemon: 4 });
  expect(failure({ file: inline }).why).toStartWith("/c.toml:4: [daemon] home");
});

test("a name from a variable is part of the id, and a wrong one is told once", () => {
  const flags = new Map([["daemon-home", "/n"]]);
  expect(resolve({ flags, daemonName: "x", environment: { DAEMON_NAME: "y" } }).configuration.nymvisor.id).toBe(
    "y-default",
  );
  const error = failure({ flags, daemonName: "x", environment: { DAEMON_NAME: "a/b" } });
  expect(error.why).toBe('$DAEMON_NAME: "a/b" cannot be used as a name: it holds a slash');
});

test("unknown keys and tables are named with their line and the nearest valid one", () => {
  const error = failure({
    file: file(
      {
        top: 1,
        id: "a",
        nymvisor: { id: "a", polling_rate: "1h", home: "/x", zzzzzz: 1 },
        daemon: whole.daemon,
        deamon: {},
        qqqqqq: {},
      },
      { top: 1, id: 2, "nymvisor.polling_rate": 5, "nymvisor.home": 6, "nymvisor.zzzzzz": 7, deamon: 9, qqqqqq: 10 },
    ),
  });
  expect(error.why?.split("\n")).toEqual([
    "/c.toml:1: the key top stands in no table",
    "/c.toml:2: the key id stands in no table; it belongs into [nymvisor]",
    "/c.toml:5: [nymvisor] has no key polling_rate; did you mean upstream_polling_rate?",
    "/c.toml:6: [nymvisor] has no key home; it belongs into [daemon]",
    "/c.toml:7: [nymvisor] has no key zzzzzz",
    "/c.toml:9: there is no table [deamon]; did you mean [daemon]?",
    "/c.toml:10: there is no table [qqqqqq]",
  ]);
});

test("a table that is none is named, and its keys are missing", () => {
  expect(failure({ file: file({ nymvisor: 3, daemon: [] }) }).why).toContain(
    "/c.toml: 3 stands where the table [nymvisor] is expected",
  );
});

test("a screen is not filled with mistakes", () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`zz${index}`, 1]));
  const lines = failure({ file: file({ ...whole, ...many }) }).why?.split("\n");
  expect(lines).toHaveLength(21);
  expect(lines?.at(-1)).toBe("and 80 more");
});

test("a home within its backup folder is refused, wherever it was said", () => {
  for (const backups of ["/b/n", "/b", "/"]) {
    const tables = { ...whole, daemon: { name: "nym-node", home: "/b/n", backup_data_directory: backups } };
    expect(failure({ file: file(tables) }).why).toContain("lies in its backup folder");
  }
});

test("a new instance's backups may lie in the home's nymvisor folder, but not among what is backed up", () => {
  const flags = (backups: string) =>
    new Map([
      ["daemon-home", "/n"],
      ["daemon-backup-data-directory", backups],
    ]);
  const error = failure({ flags: flags("/n/backups"), daemonName: "nym-node" });
  expect(error).toBeInstanceOf(UsageError);
  expect(error.why).toContain("lies in the daemon's home");
  expect(
    resolve({ flags: flags("/n/nymvisor/saved"), daemonName: "nym-node" }).configuration.daemon.backup_data_directory,
  ).toBe("/n/nymvisor/saved");
  const existing = { ...whole, daemon: { ...whole.daemon, backup_data_directory: "/n/backups" } };
  expect(resolve({ file: file(existing) }).configuration.daemon.backup_data_directory).toBe("/n/backups");
});
