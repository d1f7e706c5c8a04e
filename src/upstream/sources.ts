import type { UpgradeInfo } from "../model/documents.ts";
import type { Configuration } from "../model/settings.ts";
import type { RequestOptions } from "./http.ts";
import { requestJson } from "./json.ts";
import { nym, upgradeInfoUrl } from "./nym.ts";
import type { FetchJson, Source } from "./source.ts";

export interface Announcement {
  info: UpgradeInfo;
  /** The name of the source. */
  source: string;
}

/** Where releases are announced, asked from the top. A new source is a file with a {@link Source} and a row. */
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
