import { parseTOML } from "confbox/toml";
import { errorCode, NymvisorError, reasonOf } from "../../model/errors.ts";
import type { HealthCheck } from "../../model/health.ts";
import type { Layout } from "../../model/paths.ts";
import type { Configuration } from "../../model/settings.ts";
import { flavourOf, type HealthSource, overridden, type StartedWith } from "../../policy/flavour.ts";
import { disk } from "../../system/disk.ts";
import { explanation } from "../../system/durable.ts";

/** By what a daemon can be judged, besides that its process lives. */
export interface FoundChecks {
  /** What a person has set: it always applies. */
  set: HealthCheck[];
  /** What follows from the daemon's configuration: it applies once the version that runs has answered it. */
  found: HealthCheck[];
  /** Why nothing was found although the daemon is one that can be asked, for the log; null: there is nothing to say. */
  trouble: string | null;
}

/** A daemon's configuration takes some twenty kilobytes; more than this is some other file. */
const LARGEST_CONFIGURATION = 1024 * 1024;

/**
 * The checks that `[health]` sets, and those that the daemon's own configuration leads to where `[health]` leaves them to
 * nymvisor. A configuration that cannot be used leads to none; this never throws.
 * @param started with what the daemon is started: some of it tells where it listens.
 */
export function findChecks(
  layout: Pick<Layout, "daemon" | "home">,
  { health }: Pick<Configuration, "health">,
  started: Omit<StartedWith, "tables"> = { args: [], variables: {} },
): FoundChecks {
  const { url, port, command } = health;
  const set: HealthCheck[] = [];
  if (typeof url === "object") set.push({ kind: "url", url: url.url });
  if (typeof port === "object") set.push({ kind: "port", ...port });
  if (command !== null) set.push({ kind: "command", command });

  const wanted = (check: HealthCheck) => {
    if (check.kind === "port") return port === "auto";
    // Where a person names a page that counts, its build information still tells which version it is.
    return check.kind === "url" ? url === "auto" : url !== "off";
  };
  const source = flavourOf(layout.daemon).health;
  if (source === null || (url === "off" && port !== "auto")) return { set, found: [], trouble: null };
  try {
    const tables = readConfiguration(layout.home, source, started);
    return { set, found: source.checks({ ...started, tables }).filter(wanted), trouble: null };
  } catch (error) {
    const reason = error instanceof NymvisorError ? `${error.what}: ${error.why}` : reasonOf(error);
    return { set, found: [], trouble: `nobody knows where ${layout.daemon} listens: ${reason}` };
  }
}

/** Undefined: none is there. @throws where one is that cannot be used. */
function readConfiguration(home: string, source: HealthSource, started: Omit<StartedWith, "tables">) {
  const named = source.configFile === null ? undefined : overridden(started, source.configFile);
  for (const path of named === undefined ? source.configFiles(home) : [named]) {
    const text = readText(path);
    if (text === undefined) continue;
    try {
      return parseTOML<Record<string, unknown>>(text);
    } catch (error) {
      const [reason = ""] = reasonOf(error).split("\n");
      throw unusable(path, reason, error);
    }
  }
  return undefined;
}

function readText(path: string): string | undefined {
  try {
    const found = disk.statSync(path);
    // Reading a pipe or a device might never end.
    if (!found.isFile()) throw unusable(path, "it is not a regular file");
    if (found.size > LARGEST_CONFIGURATION) throw unusable(path, `it is ${found.size} bytes long`);
    return disk.readFileSync(path).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    if (error instanceof NymvisorError) throw error;
    throw unusable(path, explanation(error), error);
  }
}

function unusable(path: string, why: string, cause?: unknown): NymvisorError {
  return new NymvisorError({ what: `${path} cannot be read`, why, cause });
}
