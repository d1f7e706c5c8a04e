import { z } from "zod";
import {
  boolean,
  count,
  daemonName,
  duration,
  healthPort,
  healthUrl,
  hold,
  instanceId,
  interval,
  type Kind,
  oneOf,
  optionalCommand,
  optionalDuration,
  optionalPath,
  optionalUrl,
  path,
  patterns,
  plainUrl,
  repository,
  text,
  url,
  windows,
} from "./setting-kinds.ts";

/**
 * Every setting of nymvisor, one line each. The type of the configuration, its validation, the file's keys, the
 * variables, the flags of `init`, the help texts and the README's table all come from here.
 */
export interface Setting<T = unknown> {
  table: string;
  key: string;
  kind: Kind<T>;
  /** In the file's form. Absent: the setting must be given, or `init` finds it out. */
  default?: unknown;
  env: string;
  /** The flag of `init`, without dashes. Absent: the file and the variable only. */
  flag?: string;
  /** The flag takes no value: giving it means true. */
  bare?: boolean;
  help: string;
  /** A key of our own: the Rust program would refuse it, so it is written only when it differs from the default. */
  own: boolean;
}

interface Names {
  default?: unknown;
  env: string;
  flag?: string;
  bare?: boolean;
  help: string;
}

/** A key that the Rust program knows too. */
function shared<T>(kind: Kind<T>, names: Names) {
  return { kind, own: false, ...names };
}

/** A key of our own. Its table and key give the names: `[policy] window`, `NYMVISOR_POLICY_WINDOW`, `--policy-window`. */
export function own<T>(
  table: string,
  key: string,
  kind: Kind<T>,
  { help, ...rest }: { default: unknown; help: string },
) {
  const name = `${table}_${key}`;
  return { kind, own: true, ...rest, env: `NYMVISOR_${name.toUpperCase()}`, flag: name.replaceAll("_", "-"), help };
}

/** The table. Order is the order in the file and in `config -o json`. */
const table = {
  nymvisor: {
    id: shared(instanceId, {
      env: "NYMVISOR_ID",
      flag: "id",
      help: "Name of this instance (default: <daemon name>-default)",
    }),
    upstream_base_upgrade_url: shared(url, {
      default: "https://nymtech.net/.wellknown/",
      env: "NYMVISOR_UPSTREAM_BASE_UPGRADE_URL",
      flag: "upstream-base-upgrade-url",
      help: "Where releases are announced: <URL>/<daemon>/upgrade-info.json",
    }),
    upstream_polling_rate: shared(interval, {
      default: "1h",
      env: "NYMVISOR_UPSTREAM_POLLING_RATE",
      flag: "upstream-polling-rate",
      help: "How often to ask for a new release",
    }),
    disable_logs: shared(boolean, {
      default: false,
      env: "NYMVISOR_DISABLE_LOGS",
      flag: "disable-nymvisor-logs",
      bare: true,
      help: "Log nothing; the daemon's own output is never touched",
    }),
    upgrade_data_directory: shared(optionalPath, {
      default: "",
      env: "NYMVISOR_UPGRADE_DATA_DIRECTORY",
      flag: "upgrade-data-directory",
      help: "Where binaries and plans are kept (default: ~/.nym/nymvisors/data)",
    }),
  },
  daemon: {
    name: shared(daemonName, {
      env: "DAEMON_NAME",
      help: "Name of the daemon's binary (default: what the binary says of itself)",
    }),
    home: shared(path, {
      env: "DAEMON_HOME",
      flag: "daemon-home",
      help: "The daemon's home: its configuration, keys and data",
    }),
    absolute_upstream_upgrade_url: shared(optionalUrl, {
      default: "",
      env: "DAEMON_ABSOLUTE_UPSTREAM_UPGRADE_URL",
      flag: "daemon-absolute-upstream-upgrade-url",
      help: "The full URL of this daemon's upgrade-info.json; wins over the base URL",
    }),
    allow_binaries_download: shared(boolean, {
      default: true,
      env: "DAEMON_ALLOW_BINARIES_DOWNLOAD",
      flag: "allow-download-upgrade-binaries",
      help: "Download the binaries that are announced",
    }),
    enforce_download_checksum: shared(boolean, {
      default: true,
      env: "DAEMON_ENFORCE_DOWNLOAD_CHECKSUM",
      flag: "enforce-download-checksum",
      help: "Refuse a binary that is announced without a checksum; one that is there is checked either way",
    }),
    restart_after_upgrade: shared(boolean, {
      default: true,
      env: "DAEMON_RESTART_AFTER_UPGRADE",
      flag: "restart-daemon-after-upgrade",
      help: "Start the new version after an upgrade; false: end instead",
    }),
    restart_on_failure: shared(boolean, {
      default: false,
      env: "DAEMON_RESTART_ON_FAILURE",
      flag: "restart-daemon-on-failure",
      bare: true,
      help: "Start the daemon again when it has failed",
    }),
    failure_restart_delay: shared(duration, {
      default: "10s",
      env: "DAEMON_FAILURE_RESTART_DELAY",
      flag: "on-failure-daemon-restart-delay",
      help: "How long to wait before a failed daemon is started again",
    }),
    max_startup_failures: shared(count, {
      default: 10,
      env: "DAEMON_MAX_STARTUP_FAILURES",
      flag: "max-daemon-startup-failures",
      help: "Give up after this many startup failures in a row",
    }),
    startup_period_duration: shared(duration, {
      default: "120s",
      env: "DAEMON_STARTUP_PERIOD_DURATION",
      flag: "startup-period-duration",
      help: "A failure this soon after the start is a startup failure",
    }),
    shutdown_grace_period: shared(duration, {
      default: "10s",
      env: "DAEMON_SHUTDOWN_GRACE_PERIOD",
      flag: "daemon-shutdown-grace-period",
      help: "How long the daemon may take to stop before it is killed",
    }),
    backup_data_directory: shared(optionalPath, {
      default: "",
      env: "DAEMON_BACKUP_DATA_DIRECTORY",
      flag: "daemon-backup-data-directory",
      help: "Where backups are kept (default: <daemon home>/nymvisor/backups)",
    }),
    unsafe_skip_backup: shared(boolean, {
      default: false,
      env: "DAEMON_UNSAFE_SKIP_BACKUP",
      flag: "unsafe-skip-backup",
      bare: true,
      help: "Upgrade without a backup: nothing can be put back then",
    }),
  },
  upstream: {
    source: own("upstream", "source", oneOf("auto", "nym", "github"), {
      default: "auto",
      help: "Who is asked for releases: Nym's own endpoint, GitHub, or the one and then the other",
    }),
    stale_after: own("upstream", "stale_after", interval, {
      default: "1day",
      help: "Warn when no source has answered for so long",
    }),
  },
  github: {
    api_url: own("github", "api_url", plainUrl, {
      default: "https://api.github.com",
      help: "Where GitHub's API is",
    }),
    repository: own("github", "repository", repository, {
      default: "nymtech/nym",
      help: "The repository whose releases are followed",
    }),
    tag_prefix: own("github", "tag_prefix", text, {
      default: "nym-binaries-v",
      help: "What the tags of the releases that count begin with",
    }),
    token_file: own("github", "token_file", optionalPath, {
      default: "",
      help: "A file that holds a GitHub token; or put the token into NYMVISOR_GITHUB_TOKEN",
    }),
  },
  policy: {
    minimum_release_age: own("policy", "minimum_release_age", optionalDuration, {
      default: "",
      help: "How old a release must be (default: 1day, for releases whose source names no time)",
    }),
    spread: own("policy", "spread", optionalDuration, {
      default: "",
      help: "How far instances spread the upgrade to one release (default: 1h, for releases whose source names no time)",
    }),
    window: own("policy", "window", windows, {
      default: [],
      help: "When the node may be stopped for an upgrade (default: at any time)",
    }),
    prereleases: own("policy", "prereleases", boolean, {
      default: false,
      help: "Take prereleases as well",
    }),
    hold: own("policy", "hold", hold, {
      default: false,
      help: "Perform no upgrade, or none until a time",
    }),
  },
  backup: {
    exclude: own("backup", "exclude", patterns, {
      default: [],
      help: "What no backup holds: glob patterns for paths in the home; one without a slash is for names anywhere",
    }),
    keep: own("backup", "keep", count, {
      default: 3,
      help: "How many backups of upgrades are kept; the last good one always is",
    }),
    keep_for: own("backup", "keep_for", optionalDuration, {
      default: "",
      help: "Younger backups are kept as well, however many they are (default: none is kept for its age)",
    }),
  },
  upgrade: {
    keep_binaries: own("upgrade", "keep_binaries", count, {
      default: 3,
      help: "How many binaries of earlier upgrades are kept; those of genesis, current and the plan always are",
    }),
  },
  health: {
    probation: own("health", "probation", optionalDuration, {
      default: "",
      help: "How long a new version has to prove itself (default: startup_period_duration)",
    }),
    interval: own("health", "interval", interval, {
      default: "5s",
      help: "How often a new version is looked at until it has proven itself",
    }),
    grace: own("health", "grace", optionalDuration, {
      default: "",
      help: "How long a new version may be unwell at first, where that is longer than its probation",
    }),
    url: own("health", "url", healthUrl, {
      default: "auto",
      help: "Must answer with a 2xx status; auto: what Nym's daemons are known to answer at, off: nothing over HTTP",
    }),
    port: own("health", "port", healthPort, {
      default: "auto",
      help: "Must accept TCP connections; auto: the mixnet port of a nym-node, off: none",
    }),
    command: own("health", "command", optionalCommand, {
      default: "",
      help: "A line for /bin/sh that must end with 0; the last line that it prints says why it did not",
    }),
    command_timeout: own("health", "command_timeout", interval, {
      default: "10s",
      help: "How long that command may take",
    }),
  },
  rollback: {
    automatic: own("rollback", "automatic", boolean, {
      default: true,
      help: "Put a node back on the version before, with its data, when the new one does not prove itself",
    }),
    without_data: own("rollback", "without_data", boolean, {
      default: false,
      help: "Where no backup was made: put the binary alone back",
    }),
  },
};

type Table = typeof table;
type ValueOf<S> = S extends { kind: Kind<infer T> } ? T : never;

/** The effective configuration, every value in the program's form. */
export type Configuration = { [T in keyof Table]: { [K in keyof Table[T]]: ValueOf<Table[T][K]> } };

export const settings: readonly Setting[] = Object.entries(table).flatMap(([name, rows]) =>
  Object.entries(rows).map(([key, row]) => ({ table: name, key, ...row }) as Setting),
);

/** What a setting is, in the file's form, when nobody sets it; undefined: it has to be set. */
export function settingDefault(inTable: string, key: string): unknown {
  return settings.find((setting) => setting.table === inTable && setting.key === key)?.default;
}

/** The configuration in the file's form: what TOML holds and what `config -o json` prints (there `''` is null). */
export const configurationSchema = z.object(
  Object.fromEntries(
    Object.entries(table).map(([name, rows]) => [
      name,
      z.object(Object.fromEntries(Object.entries(rows).map(([key, row]) => [key, (row as Setting).kind.schema]))),
    ]),
  ),
) as unknown as z.ZodType<Configuration, Record<string, Record<string, unknown>>>;

/** Whether `value`, in the file's form, is what the setting is when nobody sets it. */
export function isDefault({ kind, default: fallback }: Setting, value: unknown): boolean {
  if (fallback === undefined) return false;
  return JSON.stringify(z.encode(kind.schema, kind.schema.parse(fallback))) === JSON.stringify(value);
}
