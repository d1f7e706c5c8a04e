import type { UpgradeInfo } from "../model/documents.ts";
import { type Configuration, settingDefault } from "../model/settings.ts";
import type { RequestOptions } from "./http.ts";
import { requestJson } from "./json.ts";
import { nym, upgradeInfoUrl } from "./nym.ts";
import type { FetchJson } from "./source.ts";

export interface Announcement {
  info: UpgradeInfo;
  /** The name of the source. */
  source: string;
}

/** Where releases come from: the names that `[upstream] source` knows, in the order that `auto` asks them. */
const sources = [
  /** It announces one upgrade at a time: {@link askSources}. */
  { name: "nym", isUsual: () => true },
  /** It lists all releases: `github/ask.ts`. Only Nym's own daemons are in its releases. */
  { name: "github", isUsual: isWithoutOwnSource },
] as const;

export type SourceName = (typeof sources)[number]["name"];

/** The sources to ask: the one that the operator has chosen, or all that may know of the daemon. */
export function sourcesFor(configuration: Configuration): SourceName[] {
  const chosen = configuration.upstream.source;
  return sources
    .filter(({ name, isUsual }) => (chosen === "auto" ? isUsual(configuration) : name === chosen))
    .map(({ name }) => name);
}

/** The daemons in the releases of nymtech/nym. */
const RELEASED_BY_NYM: ReadonlySet<string> = new Set([
  "nym-node",
  "nym-api",
  "nym-client",
  "nym-socks5-client",
  "nym-network-requester",
  "nym-cli",
  "nymvisor",
]);

/** An operator with a source of their own wants that one and no other. */
function isWithoutOwnSource({ nymvisor, daemon }: Configuration): boolean {
  const isUsualBase = nymvisor.upstream_base_upgrade_url === settingDefault("nymvisor", "upstream_base_upgrade_url");
  return isUsualBase && daemon.absolute_upstream_upgrade_url === null && RELEASED_BY_NYM.has(daemon.name);
}

export type AskOptions = Pick<RequestOptions, "environment" | "signal" | "limits" | "certificateAuthority">;

/** What Nym's endpoint announces; null if it has nothing to say. @throws {HttpError} and what else makes it no answer. */
export async function askSources(configuration: Configuration, options: AskOptions): Promise<Announcement | null> {
  const allowHttp = allowsHttp(configuration, "nym");
  const fetchJson: FetchJson = (url, { maxBytes }) => requestJson(url, { ...options, allowHttp, maxBytes });
  const info = await nym.announces(configuration, fetchJson);
  return info === null ? null : { info, source: nym.name };
}

/**
 * Whether plain http will do for a source and what it names. Only an operator can say so, by a source of their own that is
 * http.
 */
export function allowsHttp(configuration: Configuration, source: SourceName): boolean {
  const url = source === "github" ? configuration.github.api_url : upgradeInfoUrl(configuration);
  return URL.parse(url)?.protocol === "http:";
}
