import { describe, expect, test } from "bun:test";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { takeIn } from "./support/instance.ts";
import { nymvisor, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

type Shown = Record<"nymvisor" | "daemon", Record<string, string | number | boolean | null>>;

/** Every setting, with two values that are not its default. */
const SETTINGS: readonly {
  key: `${"nymvisor" | "daemon"}.${string}`;
  env: string;
  flag: string;
  values: readonly [string, string];
  shown: readonly [unknown, unknown];
}[] = [
  {
    key: "nymvisor.id",
    env: "NYMVISOR_ID",
    flag: "--id",
    values: ["a-flag", "a-variable"],
    shown: ["a-flag", "a-variable"],
  },
  {
    key: "nymvisor.upstream_base_upgrade_url",
    env: "NYMVISOR_UPSTREAM_BASE_UPGRADE_URL",
    flag: "--upstream-base-upgrade-url",
    values: ["https://flag.example/", "https://variable.example/x"],
    shown: ["https://flag.example/", "https://variable.example/x"],
  },
  {
    key: "nymvisor.upstream_polling_rate",
    env: "NYMVISOR_UPSTREAM_POLLING_RATE",
    flag: "--upstream-polling-rate",
    values: ["90s", "1h 30m"],
    shown: ["1m 30s", "1h 30m"],
  },
  {
    key: "nymvisor.disable_logs",
    env: "NYMVISOR_DISABLE_LOGS",
    flag: "--disable-nymvisor-logs",
    values: ["", "F"],
    shown: [true, false],
  },
  {
    key: "nymvisor.upgrade_data_directory",
    env: "NYMVISOR_UPGRADE_DATA_DIRECTORY",
    flag: "--upgrade-data-directory",
    values: ["flag-data", "./variable data/../data"],
    shown: ["@HOME@/flag-data", "@HOME@/data"],
  },
  {
    key: "daemon.home",
    env: "DAEMON_HOME",
    flag: "--daemon-home",
    values: ["n1", "../home/n2"],
    shown: ["@HOME@/n1", "@HOME@/n2"],
  },
  {
    key: "daemon.absolute_upstream_upgrade_url",
    env: "DAEMON_ABSOLUTE_UPSTREAM_UPGRADE_URL",
    flag: "--daemon-absolute-upstream-upgrade-url",
    values: ["http://flag.example/i.json", "https://variable.example/i.json"],
    shown: ["http://flag.example/i.json", "https://variable.example/i.json"],
  },
  {
    key: "daemon.allow_binaries_download",
    env: "DAEMON_ALLOW_BINARIES_DOWNLOAD",
    flag: "--allow-download-upgrade-binaries",
    values: ["false", "1"],
    shown: [false, true],
  },
  {
    key: "daemon.enforce_download_checksum",
    env: "DAEMON_ENFORCE_DOWNLOAD_CHECKSUM",
    flag: "--enforce-download-checksum",
    values: ["false", "True"],
    shown: [false, true],
  },
  {
    key: "daemon.restart_after_upgrade",
    env: "DAEMON_RESTART_AFTER_UPGRADE",
    flag: "--restart-daemon-after-upgrade",
    values: ["false", "t"],
    shown: [false, true],
  },
  {
    key: "daemon.restart_on_failure",
    env: "DAEMON_RESTART_ON_FAILURE",
    flag: "--restart-daemon-on-failure",
    values: ["", "0"],
    shown: [true, false],
  },
  {
    key: "daemon.failure_restart_delay",
    env: "DAEMON_FAILURE_RESTART_DELAY",
    flag: "--on-failure-daemon-restart-delay",
    values: ["500ms", "1week"],
    shown: ["500ms", "7days"],
  },
  {
    key: "daemon.max_startup_failures",
    env: "DAEMON_MAX_STARTUP_FAILURES",
    flag: "--max-daemon-startup-failures",
    values: ["3", "0"],
    shown: [3, 0],
  },
  {
    key: "daemon.startup_period_duration",
    env: "DAEMON_STARTUP_PERIOD_DURATION",
    flag: "--startup-period-duration",
    values: ["5m", "5316us"],
    shown: ["5m", "5ms 316us"],
  },
  {
    key: "daemon.shutdown_grace_period",
    env: "DAEMON_SHUTDOWN_GRACE_PERIOD",
    flag: "--daemon-shutdown-grace-period",
    values: ["30 sec", "2days"],
    shown: ["30s", "2days"],
  },
  {
    key: "daemon.backup_data_directory",
    env: "DAEMON_BACKUP_DATA_DIRECTORY",
    flag: "--daemon-backup-data-directory",
    values: ["flag-backups", "x/../variable-backups"],
    shown: ["@HOME@/flag-backups", "@HOME@/variable-backups"],
  },
  {
    key: "daemon.unsafe_skip_backup",
    env: "DAEMON_UNSAFE_SKIP_BACKUP",
    flag: "--unsafe-skip-backup",
    values: ["", "FALSE"],
    shown: [true, false],
  },
];

/** Every setting's value by its key, as `-o json` shows it. */
function valuesIn(home: TemporaryHome, json: string): Record<string, unknown> {
  const shown: Shown = JSON.parse(json.replaceAll(home.path, "@HOME@"));
  return Object.fromEntries(
    Object.entries(shown).flatMap(([table, rows]) =>
      Object.entries(rows).map(([key, value]) => [`${table}.${key}`, value]),
    ),
  );
}

const expected = (which: 0 | 1) => Object.fromEntries(SETTINGS.map(({ key, shown }) => [key, shown[which]]));
const asFlags = () => SETTINGS.flatMap(({ flag, values: [value] }) => (value === "" ? [flag] : [flag, value]));
const asVariables = () => Object.fromEntries(SETTINGS.map(({ env, values }) => [env, values[1]]));

describe("every setting", () => {
  test("is taken from the flags of init, kept in the file and shown by config", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    const answer = await succeed(home, ["init", "-o", "json", ...asFlags(), binary]);
    expect(valuesIn(home, answer)).toEqual({ ...expected(0), "daemon.name": "nym-node" });
    expect(await succeed(home, ["config", "-o", "json"])).toBe(answer);
  });

  test("is taken from its variable, over a flag that says otherwise", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    const words = ["init", "-o", "json", ...asFlags(), binary];
    const answer = await succeed(home, words, { variables: asVariables() });
    expect(valuesIn(home, answer)).toEqual({ ...expected(1), "daemon.name": "nym-node" });
    expect(await succeed(home, ["config", "-o", "json"])).toBe(answer);
  });

  test("is taken from its variable, over a file that says otherwise", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    await succeed(home, ["init", ...asFlags(), binary]);
    const { NYMVISOR_ID: _, ...variables } = asVariables();
    const answer = await succeed(home, ["config", "-o", "json"], { variables });
    expect(valuesIn(home, answer)).toEqual({ ...expected(1), "nymvisor.id": "a-flag", "daemon.name": "nym-node" });
  });

  test("counts as not set where its variable is empty", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const empty = Object.fromEntries([...SETTINGS.map(({ env }) => env), "DAEMON_NAME"].map((env) => [env, ""]));
    const answer = await succeed(home, ["config", "-o", "json"]);
    expect(await succeed(home, ["config", "-o", "json"], { variables: empty })).toBe(answer);
  });

  test("is named when its variable holds something wrong, all of them at once, with exit status 1", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const wrong = {
      NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: "ftp://x/",
      NYMVISOR_UPSTREAM_POLLING_RATE: "soon",
      NYMVISOR_DISABLE_LOGS: "yes",
      DAEMON_RESTART_ON_FAILURE: "2",
      DAEMON_FAILURE_RESTART_DELAY: "-1s",
      DAEMON_MAX_STARTUP_FAILURES: "many",
    };
    const before = stateOf(home);
    for (const command of ["config", "daemon-build-info", "run"]) {
      const ended = await nymvisor(home, [command], { variables: wrong });
      expectFailure(ended, 1, ...Object.entries(wrong).map(([name, value]) => new RegExp(`${name}.*"${value}"`)));
    }
    expect(stateOf(home)).toEqual(before);
  });

  test("is named with its flag when that holds something wrong, all of them at once, with exit status 2", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    const wrong = [
      ["--upstream-polling-rate", "0s"],
      ["--enforce-download-checksum", "maybe"],
      ["--max-daemon-startup-failures", "1.5"],
      ["--daemon-absolute-upstream-upgrade-url", "example.org"],
    ] as const;
    const ended = await nymvisor(home, ["init", "--daemon-home", "n", ...wrong.flat(), binary]);
    expectFailure(ended, 2, ...wrong.map(([flag]) => flag), "maybe", "1.5");
    expect(Object.keys(stateOf(home))).toEqual(["nym-node"]);
  });
});

describe("how a new version proves itself", () => {
  const SET = {
    probation: "10m",
    interval: "2s",
    grace: "3m",
    url: "http://127.0.0.1:8080/up",
    port: "1789",
    command: "test -e /tmp",
    command_timeout: "1m",
  };
  const flags = Object.entries(SET).flatMap(([key, value]) => [`--health-${key.replaceAll("_", "-")}`, value]);
  const goingBack = ["--rollback-automatic", "false", "--rollback-without-data", "true"];

  test("is taken from the flags of init, kept in the file and shown by config", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    const words = ["init", "-o", "json", "--daemon-home", "n", ...flags, ...goingBack, binary];
    const answer = JSON.parse(await succeed(home, words));
    expect(answer.health).toEqual({ ...SET, port: 1789 });
    expect(answer.rollback).toEqual({ automatic: false, without_data: true });
    expect(JSON.parse(await succeed(home, ["config", "-o", "json"]))).toEqual(answer);
  });

  test("is not shown where nobody has set it", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const shown = await succeed(home, ["config", "-o", "json"]);
    expect(Object.keys(JSON.parse(shown))).toEqual(["nymvisor", "daemon"]);
  });

  test("is refused where it is wrong, each setting by its name", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const wrong = {
      NYMVISOR_HEALTH_PROBATION: "a while",
      NYMVISOR_HEALTH_INTERVAL: "0s",
      NYMVISOR_HEALTH_GRACE: "5",
      NYMVISOR_HEALTH_URL: "127.0.0.1:8080",
      NYMVISOR_HEALTH_PORT: "99999",
      NYMVISOR_HEALTH_COMMAND: "  ",
      NYMVISOR_HEALTH_COMMAND_TIMEOUT: "-1s",
      NYMVISOR_ROLLBACK_AUTOMATIC: "never",
      NYMVISOR_ROLLBACK_WITHOUT_DATA: "2",
    };
    for (const command of ["config", "run"]) {
      const ended = await nymvisor(home, [command], { variables: wrong });
      expectFailure(ended, 1, "9 things are wrong", ...Object.keys(wrong).map((name) => `$${name}: `));
    }
  });
});

describe("a boolean in a variable", () => {
  test.each([
    ...["true", "t", "1", "TRUE", "T"].map((word) => [word, true]),
    ...["false", "f", "0", "False", "F"].map((word) => [word, false]),
  ])("may be written %s", async (word, value) => {
    using home = temporaryHome();
    await takeIn(home);
    const variables = { DAEMON_UNSAFE_SKIP_BACKUP: String(word) };
    const answer: Shown = JSON.parse(await succeed(home, ["config", "-o", "json"], { variables }));
    expect(answer.daemon.unsafe_skip_backup).toBe(value === true);
  });
});
