import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { migrate } from "../model/config-migration.ts";
import { type Resolved, resolveConfiguration } from "../model/configuration.ts";
import { errorCode, NymvisorError } from "../model/errors.ts";
import type { NymvisorEvent } from "../model/events.ts";
import { settings } from "../model/settings.ts";
import { type ConfigFile, readConfigFile, renderConfigFile } from "../system/config-file.ts";
import { explanation, sweepTemporaries, writeFileDurably } from "../system/durable.ts";
import type { Environment } from "../system/environment.ts";
import { chooseConfigFile, INIT } from "./choose-config-file.ts";

export interface LoadedConfiguration extends Resolved {
  /** The file that was loaded. */
  path: string;
  /** What happened on the way, for the log, which cannot be made before the configuration is known. */
  events: readonly NymvisorEvent[];
}

/** Whoever may read the file learns where the node's keys are. */
const CONFIG_MODE = 0o600;

/**
 * Finds, reads and checks the configuration of the instance that is meant. A file of an older
 * scheme is replaced on the way, and kept beside as `config.toml.v<scheme>.bak`; both are durable when this returns.
 * Where they cannot be written the configuration is loaded all the same, with a warning among the events.
 * @throws {NymvisorError} if no instance or several are there to choose from, or the file is missing or wrong.
 */
export function loadConfiguration(environment: Environment): LoadedConfiguration {
  const choice = chooseConfigFile(environment);
  const file = readConfigFile(choice.path);
  if (file === undefined) throw choice.missing();
  requireOurs(file);
  const migration = migrate(file.tables);
  if (migration === undefined)
    return { ...resolve(file, environment.variables, environment), path: file.path, events: [] };
  const { formerName, tables, from, to } = migration;
  const migrated: ConfigFile = {
    ...file,
    tables,
    lineOf: (table, key) => file.lineOf(table, key === undefined ? undefined : formerName(table, key)),
  };
  const resolved = resolve(migrated, environment.variables, environment);
  const event = replaceFile(migrated, from, to, environment);
  // Read again, so that the lines that values come from are those of the new file.
  if (event.type === "config.migrated") return { ...loadConfiguration(environment), events: [event] };
  return { ...resolved, path: file.path, events: [event] };
}

function resolve(file: ConfigFile, variables: Environment["variables"], { workingDirectory }: Environment): Resolved {
  return resolveConfiguration({ file, environment: variables, flags: new Map(), workingDirectory });
}

/**
 * An empty file, or one of another program, gets one sentence instead of a list of everything that is wrong with it.
 * @throws {NymvisorError} if it sets nothing of nymvisor's.
 */
export function requireOurs({ path, tables }: ConfigFile): void {
  const names = Object.keys(tables);
  if (settings.some(({ table }) => names.includes(table))) return;
  throw new NymvisorError({
    what: `${path} is not a configuration of nymvisor`,
    why: names.length === 0 ? "nothing is set in it" : "it has neither a table [nymvisor] nor a table [daemon]",
    next: `move it away, and make a new one: ${INIT}`,
  });
}

/** Writes what the file says, without what variables override, in the current scheme. */
function replaceFile(file: ConfigFile, from: number, to: number, environment: Environment): NymvisorEvent {
  try {
    const { configuration } = resolve(file, {}, environment);
    sweepTemporaries(dirname(file.path));
    const kept = keepOriginal(file, from);
    writeFileDurably(file.path, renderConfigFile(configuration), { mode: CONFIG_MODE });
    return { type: "config.migrated", path: file.path, from, to, kept };
  } catch (error) {
    if (!(error instanceof NymvisorError) && errorCode(error) === undefined) throw error;
    return {
      type: "warning",
      about: `${file.path} is of the older scheme ${from}, and stays so`,
      reason: error instanceof NymvisorError ? error.message : explanation(error),
    };
  }
}

/** @returns where it is kept. What is there already is never overwritten, unless it is the same. */
function keepOriginal({ path, bytes }: ConfigFile, scheme: number): string {
  for (let attempt = 0; ; attempt += 1) {
    const kept = `${path}.v${scheme}.bak${attempt === 0 ? "" : `.${attempt}`}`;
    if (!existsSync(kept)) writeFileDurably(kept, bytes, { mode: CONFIG_MODE });
    else if (!holds(kept, bytes)) continue;
    return kept;
  }
}

/** What cannot be read counts as something else: another name is found for what is to be kept. */
function holds(path: string, bytes: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(bytes);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}
