import { z } from "zod";
import type { OutputFormat } from "./requests.ts";
import { type Configuration, type Setting, settings } from "./settings.ts";

/**
 * The effective configuration as `init` and `config` print it, byte for byte as the Rust program does. A setting of our
 * own is shown only when it differs from its default, as in the file.
 */
export function renderConfiguration(configuration: Configuration, format: OutputFormat): string {
  const shown = settings.filter((setting) => !setting.own || !isDefault(setting, configuration));
  return format === "json" ? renderJson(shown, configuration) : renderText(shown, configuration);
}

/** Where values begin, counted from 0. */
const VALUE_COLUMN = 35;

/** Labels that do not follow from the key, and their order. Null: the Rust program's text form leaves it out. */
const LABELS: ReadonlyMap<string, string | null> = new Map([
  ["nymvisor.id", "id:"],
  ["daemon.name", "daemon name:"],
  ["daemon.home", "daemon home:"],
  ["nymvisor.upstream_base_upgrade_url", "upstream base upgrade url:"],
  ["nymvisor.upstream_polling_rate", null],
  ["nymvisor.disable_logs", "disable nymvisor logs:"],
  ["nymvisor.upgrade_data_directory", "CUSTOM upgrade data directory"],
  ["daemon.absolute_upstream_upgrade_url", "upstream absolute upgrade url:"],
  ["daemon.allow_binaries_download", "allow binaries download:"],
  ["daemon.enforce_download_checksum", "enforce download checksum:"],
  ["daemon.restart_after_upgrade", "restart after upgrade:"],
  ["daemon.restart_on_failure", "restart on failure:"],
  ["daemon.failure_restart_delay", "on failure restart delay:"],
  ["daemon.max_startup_failures", "max startup failures:"],
  ["daemon.startup_period_duration", "startup period duration:"],
  ["daemon.shutdown_grace_period", "shutdown grace period:"],
  ["daemon.backup_data_directory", "CUSTOM backup data directory"],
  ["daemon.unsafe_skip_backup", "UNSAFE skip backups"],
]);

const ORDER = [...LABELS.keys()];

function renderText(shown: readonly Setting[], configuration: Configuration): string {
  const known = ORDER.flatMap((name) => shown.filter((setting) => nameOf(setting) === name));
  const ours = shown.filter((setting) => !LABELS.has(nameOf(setting)));
  const lines = [...known, ...ours].flatMap((setting) => {
    const label = LABELS.get(nameOf(setting));
    if (label === null) return [];
    return [`${(label ?? ownLabel(setting)).padEnd(VALUE_COLUMN)}${textOf(setting, configuration)}`];
  });
  return `\n${lines.join("\n")}\n\n`;
}

/** `policy window:` of the key `window` in the table `policy`. */
function ownLabel({ table, key }: Setting): string {
  return `${table} ${key.replaceAll("_", " ")}:`;
}

/** Values that may be absent are quoted, so that absent ones show. */
function textOf(setting: Setting, configuration: Configuration): string {
  const text = setting.kind.toText(valueIn(setting, configuration));
  return setting.default === "" ? JSON.stringify(text) : text;
}

function renderJson(shown: readonly Setting[], configuration: Configuration): string {
  const tables = Map.groupBy(shown, (setting) => setting.table);
  const document = Object.fromEntries(
    [...tables].map(([table, rows]) => [
      table,
      Object.fromEntries(rows.map((row) => [row.key, jsonOf(row, configuration)])),
    ]),
  );
  return `${JSON.stringify(document)}\n`;
}

/** In the file's form, but absent is null. */
function jsonOf(setting: Setting, configuration: Configuration): unknown {
  const value = encoded(setting, configuration);
  return value === "" ? null : value;
}

function isDefault(setting: Setting, configuration: Configuration): boolean {
  return JSON.stringify(encoded(setting, configuration)) === JSON.stringify(setting.default);
}

function encoded(setting: Setting, configuration: Configuration): unknown {
  return z.encode(setting.kind.schema, valueIn(setting, configuration));
}

function valueIn({ table, key }: Setting, configuration: Configuration): unknown {
  return (configuration as Record<string, Record<string, unknown>>)[table]?.[key];
}

function nameOf({ table, key }: Setting): string {
  return `${table}.${key}`;
}
