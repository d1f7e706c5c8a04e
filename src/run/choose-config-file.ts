import { readdirSync, statSync } from "node:fs";
import { absolutePath } from "../model/absolute-path.ts";
import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";
import { objectionToInstanceId, printable } from "../model/names.ts";
import { defaultConfigFile, instancesFolder } from "../model/paths.ts";
import { explanation } from "../system/durable.ts";
import type { Environment } from "../system/environment.ts";

/** What to type for a first instance. */
export const INIT = "nymvisor init --daemon-home DIR DAEMON_BINARY";

/** The configuration file that is meant. */
export interface Choice {
  path: string;
  /** The error if there is no file at `path`. */
  missing(): NymvisorError;
}

/**
 * `NYMVISOR_CONFIG_PATH`; else the file of the instance that `NYMVISOR_ID` names; else that of the only instance.
 * @throws {NymvisorError} that lists the instances and says how to choose, if that is not enough.
 */
export function chooseConfigFile({ variables, homeDirectory, workingDirectory }: Environment): Choice {
  const { NYMVISOR_CONFIG_PATH: path, NYMVISOR_ID: id } = variables;
  if (path) return choosePath(path, workingDirectory);
  const instances = findInstances(homeDirectory);
  if (id) return chooseInstance(id, instances, homeDirectory);
  const [only, ...others] = instances.complete;
  if (only !== undefined && others.length === 0) {
    const chosen = defaultConfigFile(homeDirectory, only);
    return { path: chosen, missing: () => noInstance(instances, homeDirectory) };
  }
  if (only === undefined) throw noInstance(instances, homeDirectory);
  throw new NymvisorError({
    what: `there are ${instances.complete.length} instances of nymvisor, and it was not said which one is meant`,
    why: list(instances.complete),
    next: `set NYMVISOR_ID, for example: NYMVISOR_ID=${quoted(only)} nymvisor config`,
  });
}

function choosePath(text: string, workingDirectory: string): Choice {
  let path: string;
  try {
    path = absolutePath(text, workingDirectory);
  } catch (error) {
    throw new NymvisorError({ what: "$NYMVISOR_CONFIG_PATH cannot be used", why: reasonOf(error), cause: error });
  }
  const missing = () =>
    new NymvisorError({
      what: `there is no configuration at ${path}`,
      why: "$NYMVISOR_CONFIG_PATH names that file",
      next: `correct the variable, or make the file: ${INIT}`,
    });
  return { path, missing };
}

function chooseInstance(id: string, { complete }: Instances, homeDirectory: string): Choice {
  const objection = objectionToInstanceId(id);
  if (objection !== undefined) {
    throw new NymvisorError({
      what: "$NYMVISOR_ID cannot be used",
      why: `"${printable(id)}" cannot be used as a name: ${objection}`,
      next: complete.length > 0 ? `set it to one of ${list(complete)}` : INIT,
    });
  }
  const path = defaultConfigFile(homeDirectory, id);
  const missing = () =>
    new NymvisorError({
      what: `there is no instance ${printable(id)}, which $NYMVISOR_ID names`,
      why: `${path} does not exist`,
      next:
        complete.length > 0 ? `set NYMVISOR_ID to one of ${list(complete)}, or make it: ${INIT}` : `make it: ${INIT}`,
    });
  return { path, missing };
}

interface Instances {
  /** Ids of those that have a configuration. */
  complete: readonly string[];
  /** Folders without one: an `init` that failed or is going on. They do not count. */
  unfinished: readonly string[];
}

function findInstances(homeDirectory: string): Instances {
  const folder = instancesFolder(homeDirectory);
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return { complete: [], unfinished: [] };
    throw new NymvisorError({
      what: `the instances in ${folder} cannot be listed`,
      why: explanation(error),
      next: `check who owns it: ls -ld '${folder}'`,
      cause: error,
    });
  }
  const ids = names.filter((name) => objectionToInstanceId(name) === undefined);
  const isComplete = (id: string) => isThere(defaultConfigFile(homeDirectory, id));
  return { complete: ids.filter(isComplete), unfinished: ids.filter((id) => !isComplete(id)) };
}

function noInstance({ unfinished }: Instances, homeDirectory: string): NymvisorError {
  const folder = instancesFolder(homeDirectory);
  const why =
    unfinished.length === 0
      ? `${folder} holds none`
      : `${folder} holds only what an unfinished init left: ${list(unfinished)} without config/config.toml`;
  return new NymvisorError({ what: "there is no instance of nymvisor yet", why, next: `make one: ${INIT}` });
}

/** What may not be looked at is there: reading it says why it cannot be read. */
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    return errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR";
  }
}

function list(ids: readonly string[]): string {
  return ids.map((id) => printable(id)).join(", ");
}

/** As a shell takes it. */
function quoted(id: string): string {
  return /^[\w.-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`;
}
