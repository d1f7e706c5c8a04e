import { type Endpoint, formatEndpoint, parseEndpoint } from "../model/endpoint.ts";
import type { HealthCheck } from "../model/health.ts";
import { asTable, describeValue } from "../model/toml-value.ts";

/** What nymvisor knows of Nym's daemons in particular; of any other daemon it knows nothing. */
export interface Flavour {
  /** What the daemon makes anew if it is not there, as patterns relative to its home. */
  rebuildable: readonly string[];
  /** How it can be asked whether it is well; null: nothing is known. */
  health: HealthSource | null;
}

/** Where a daemon's configuration is, and what follows from it. */
export interface HealthSource {
  /** Names the file of its configuration where that is not in its usual place. */
  configFile: Override | null;
  /** Where it usually is, the likeliest first. */
  configFiles(home: string): readonly string[];
  /** @throws {RangeError} that says what cannot be used in the configuration. */
  checks(started: StartedWith): readonly HealthCheck[];
}

/** A flag of the daemon, which wins over a variable, which wins over its file. */
interface Override {
  flag: string;
  variable: string | null;
}

/** What decides where a daemon listens. */
export interface StartedWith {
  args: readonly string[];
  variables: Readonly<Record<string, string | undefined>>;
  /** Its configuration; undefined: none was found. */
  tables: Readonly<Record<string, unknown>> | undefined;
}

/**
 * nym-node's configuration, flags and variables: nym-node/src/config/template.rs, cli/commands/run/args.rs, env.rs; what it
 * answers: nym-node-requests, api/v1/health and api/v1/node (all in github.com/nymtech/nym).
 */
const NYM_NODE: Flavour = {
  // nym-node rewrites its filters of packets that were seen before at every stop, half a gigabyte each, starts without
  // them, and does not start with half of one.
  rebuildable: ["data/replay-detection/*"],
  health: {
    configFile: { flag: "--config-file", variable: "NYMNODE_CONFIG" },
    // Nym's own script for nymvisor names ~/.nym/nym-node/<id> as the home of a node that lives in ~/.nym/nym-nodes/<id>.
    configFiles: (home) => {
      const [id, , ...above] = home.split("/").reverse();
      const usual = `${above.reverse().join("/")}/nym-nodes/${id}`;
      return [`${home}/config/config.toml`, `${usual}/config/config.toml`];
    },
    checks(started) {
      const http = bindAddress(started, "http", { flag: "--http-bind-address", variable: "NYMNODE_HTTP_BIND_ADDRESS" });
      const mixnet = bindAddress(started, "mixnet", {
        flag: "--mixnet-bind-address",
        variable: "NYMNODE_MIXNET_BIND_ADDRESS",
      });
      return [
        ...overHttp(http, { health: "/api/v1/health", build: "/api/v1/build-information" }),
        ...(mixnet === undefined ? [] : [{ kind: "port" as const, ...reachable(mixnet) }]),
      ];
    },
  },
};

/** nym-api/src/support/config, support/cli/run.rs and status/handlers.rs in the same repository. */
const NYM_API: Flavour = {
  rebuildable: [],
  health: {
    configFile: null,
    configFiles: (home) => [`${home}/config/config.toml`],
    checks: (started) =>
      overHttp(bindAddress(started, "base", { flag: "--bind-address", variable: null }), {
        health: "/v1/api-status/health",
        build: "/v1/api-status/build-information",
      }),
  },
};

const UNKNOWN: Flavour = { rebuildable: [], health: null };

const FLAVOURS: ReadonlyMap<string, Flavour> = new Map([
  ["nym-node", NYM_NODE],
  ["nym-api", NYM_API],
]);

/** @param daemon the name of its binary. */
export function flavourOf(daemon: string): Flavour {
  return FLAVOURS.get(daemon) ?? UNKNOWN;
}

/** What the daemon is told by a flag or a variable, or undefined. */
export function overridden({ args, variables }: Omit<StartedWith, "tables">, { flag, variable }: Override) {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const given = args[at]?.slice(flag.length + 1) || args[at + 1];
  if (at !== -1 && given !== undefined) return given;
  return (variable !== null && variables[variable]) || undefined;
}

function bindAddress(started: StartedWith, table: string, override: Override): Endpoint | undefined {
  const given = overridden(started, override);
  if (given !== undefined) return parseEndpoint(given);
  const value = asTable(started.tables?.[table])?.bind_address;
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new RangeError(`[${table}] bind_address is ${describeValue(value)}`);
  return parseEndpoint(value);
}

/** All addresses of a machine, its IPv6 ones included: https://man7.org/linux/man-pages/man7/ipv6.7.html */
const EVERYWHERE = new Set(["0.0.0.0", "::"]);

/**
 * Where to ask what listens at an address. What listens on all of IPv6 takes IPv4 as well unless it says otherwise, and
 * Nym's daemons do not; IPv6's own loopback is missing in many containers.
 */
function reachable({ host, port }: Endpoint): Endpoint {
  return { host: EVERYWHERE.has(host) ? "127.0.0.1" : host, port };
}

function overHttp(
  listens: Endpoint | undefined,
  { health, build }: { health: string; build: string },
): readonly HealthCheck[] {
  if (listens === undefined) return [];
  const base = `http://${formatEndpoint(reachable(listens))}`;
  return [
    { kind: "url", url: `${base}${health}` },
    { kind: "uptime", url: `${base}${health}` },
    { kind: "version", url: `${base}${build}` },
  ];
}
