import { formatDuration } from "./duration.ts";
import { asTable } from "./toml-value.ts";

/**
 * Older schemes of `config.toml`. The file carries no version, because the Rust program refuses a key that it does not
 * know; a scheme is told by its keys and by the shapes of its values.
 */

export type Tables = Readonly<Record<string, unknown>>;

export interface Migration {
  tables: Tables;
  from: number;
  to: number;
  /** What a key of the new tables was called in the file, for messages that name its line. */
  formerName(table: string, key: string): string;
}

/** One step of the chain, from a scheme to the next. Frozen once it was released: it speaks of files that exist. */
interface Step {
  from: number;
  /** Old names of keys to new ones, by table. */
  renamed: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The value in the new scheme's shape; the same one if its shape has not changed. */
  reshape(value: unknown): unknown;
}

/** Scheme 1, before the first release: keys spelled like the flags of `init`, durations in serde's own form. */
const fromFlagSpelling: Step = {
  from: 1,
  renamed: {
    nymvisor: { disable_nymvisor_logs: "disable_logs" },
    daemon: {
      daemon_name: "name",
      daemon_home: "home",
      upstream_absolute_upgrade_url: "absolute_upstream_upgrade_url",
      daemon_absolute_upstream_upgrade_url: "absolute_upstream_upgrade_url",
      allow_download_upgrade_binaries: "allow_binaries_download",
      restart_daemon_after_upgrade: "restart_after_upgrade",
      restart_daemon_on_failure: "restart_on_failure",
      on_failure_daemon_restart_delay: "failure_restart_delay",
      max_daemon_startup_failures: "max_startup_failures",
      daemon_shutdown_grace_period: "shutdown_grace_period",
      daemon_backup_data_directory: "backup_data_directory",
    },
  },
  reshape: readSerdeDuration,
};

const steps: readonly Step[] = [fromFlagSpelling];

/** The scheme of the files that this version writes. */
export const CURRENT_SCHEME = steps.length + 1;

/**
 * The tables in the current scheme, or undefined if that is what they are in. Keys that no scheme knows are kept as
 * they are, and so is an old spelling beside the new one: who reads the result refuses them.
 */
export function migrate(tables: Tables): Migration | undefined {
  let oldest: number | undefined;
  let migrated = tables;
  const formerNames = new Map<string, string>();
  for (const step of steps) {
    const result = apply(step, migrated, formerNames);
    if (!result.changed) continue;
    oldest ??= step.from;
    migrated = result.tables;
  }
  if (oldest === undefined) return undefined;
  return {
    tables: migrated,
    from: oldest,
    to: CURRENT_SCHEME,
    formerName: (table, key) => formerNames.get(`${table}.${key}`) ?? key,
  };
}

function apply(step: Step, tables: Tables, formerNames: Map<string, string>): { tables: Tables; changed: boolean } {
  let changed = false;
  const migrateTable = (name: string, rows: Tables): Tables => {
    const renamed = new Map(
      Object.entries(step.renamed).flatMap(([table, keys]) => (table === name ? Object.entries(keys) : [])),
    );
    const taken = new Set(Object.keys(rows));
    const entries = Object.entries(rows).map(([key, value]): [string, unknown] => {
      const newKey = renamed.get(key);
      const target = newKey === undefined || taken.has(newKey) ? key : newKey;
      taken.add(target);
      const reshaped = step.reshape(value);
      if (target !== key) formerNames.set(`${name}.${target}`, formerNames.get(`${name}.${key}`) ?? key);
      if (target !== key || reshaped !== value) changed = true;
      return [target, reshaped];
    });
    return Object.fromEntries(entries);
  };
  const migrated = Object.entries(tables).map(([name, value]): [string, unknown] => {
    const rows = asTable(value);
    return [name, rows === undefined ? value : migrateTable(name, rows)];
  });
  return { tables: Object.fromEntries(migrated), changed };
}

/** `{ secs = 120, nanos = 0 }`, which is what serde makes of a std::time::Duration, as `2m`. */
function readSerdeDuration(value: unknown): unknown {
  const parts = asTable(value);
  if (parts === undefined || Object.keys(parts).sort().join() !== "nanos,secs") return value;
  const { secs, nanos } = parts;
  if (!isCount(secs) || !isCount(nanos) || nanos >= 1e9) return value;
  return formatDuration(BigInt(secs) * 1_000_000_000n + BigInt(nanos));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
