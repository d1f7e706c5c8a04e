import { describeIssues, type UpgradeInfo, upgradeInfoSchema } from "../model/documents.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Configuration } from "../model/settings.ts";
import { displayUrl } from "./http-error.ts";
import type { Source } from "./source.ts";

/** The promised limit of an `upgrade-info.json`; real ones have two kilobytes. */
const LONGEST_UPGRADE_INFO = 1 << 20;

/** Nym's own way to announce an upgrade: one `upgrade-info.json` for each daemon, at a fixed address. */
export const nym: Source = {
  name: "nym",
  async announces(configuration, fetchJson) {
    const url = upgradeInfoUrl(configuration);
    const document = await fetchJson(url, { maxBytes: LONGEST_UPGRADE_INFO });
    return readUpgradeInfo(document, url);
  },
};

/** `<base>/<daemon>/upgrade-info.json`, a query of the base kept behind it; or the absolute URL, which wins. */
export function upgradeInfoUrl({ nymvisor, daemon }: Configuration): string {
  if (daemon.absolute_upstream_upgrade_url !== null) return daemon.absolute_upstream_upgrade_url;
  const url = new URL(nymvisor.upstream_base_upgrade_url);
  const base = url.pathname.replace(/\/+$/, "");
  url.pathname = `${base}/${encodeURIComponent(daemon.name)}/upgrade-info.json`;
  return url.href;
}

function readUpgradeInfo(document: unknown, url: string): UpgradeInfo {
  const parsed = upgradeInfoSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new NymvisorError({
    what: `${displayUrl(url)} is not the announcement of an upgrade`,
    why: describeIssues(parsed.error),
    next: "compare it with an upgrade-info.json of upgrades/, or check the URL in the configuration",
  });
}
