import type { UpgradeInfo } from "../model/documents.ts";
import type { Configuration } from "../model/settings.ts";
import type { RequestOptions } from "./http.ts";
import { requestJson } from "./json.ts";
import { nym, upgradeInfoUrl } from "./nym.ts";

/**
 * Where releases are announced: a table, asked from its top. A new source is a file with a {@link Source} and a row.
 */
export interface Source {
  name: string;
  /** The newest upgrade that it announces for the configured daemon; null if it has nothing to say. @throws if it fails. */
  announces(configuration: Configuration, fetchJson: FetchJson): Promise<UpgradeInfo | null>;
}

/** Gets a JSON document of at most `maxBytes`. @throws {HttpError} */
export type FetchJson = (url: string, options: { maxBytes: number }) => Promise<unknown>;

export interface Announcement {
  info: UpgradeInfo;
  /** The name of the source. */
  source: string;
}

const sources: readonly Source[] = [nym];

export type AskOptions = Pick<RequestOptions, "environment" | "signal" | "limits" | "certificateAuthority">;

/** What the first source with something to say announces; null if none has. @throws {NymvisorError} of the first to fail. */
export async function askSources(configuration: Configuration, options: AskOptions): Promise<Announcement | null> {
  const allowHttp = allowsHttp(configuration);
  const fetchJson: FetchJson = (url, { maxBytes }) => requestJson(url, { ...options, allowHttp, maxBytes });
  for (const { name, announces } of sources) {
    const info = await announces(configuration, fetchJson);
    if (info !== null) return { info, source: name };
  }
  return null;
}

/**
 * Whether plain http will do. Only an operator can say so, by a source of their own that is http; what such a source
 * names may then be http too.
 */
export function allowsHttp(configuration: Configuration): boolean {
  return URL.parse(upgradeInfoUrl(configuration))?.protocol === "http:";
}
