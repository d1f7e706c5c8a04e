import { type GithubRelease, hashesJson } from "../../support/github-model.ts";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";
import type { TemporaryHome } from "../../support/temporary-home.ts";
import { binaryOf, type GithubNode, prepareGithubNode } from "./github-node.ts";

/** What the tests of the operator's commands begin with: four releases, of which a node runs the second. */

const DAY = 86_400_000;

/** What the release of a version is called. */
export function tagOf(version: string): string {
  return `nym-binaries-v2025.${version.split(".")[1]}-cheese`;
}

/** A release of one binary with its checksum; `hashes.json` tells its version, unless `silent`. */
export function releaseOf(
  home: TemporaryHome,
  version: string,
  {
    age = 10 * DAY,
    silent = false,
    commit = version,
    ...others
  }: { age?: number; silent?: boolean; commit?: string } & Partial<GithubRelease> = {},
): GithubRelease {
  const build = sampleBuildInfo({ version, commit: new Bun.CryptoHasher("sha1").update(commit).digest("hex") });
  const content = binaryOf(home, build);
  const createdAt = new Date(Date.now() - age).toISOString();
  const release: GithubRelease = { tag: tagOf(version), createdAt, assets: [{ name: "nym-node", content }], ...others };
  if (!silent) release.assets.push(hashesJson(release, { "nym-node": build }));
  return release;
}

/** Runs 1.2.0, of 1.1.0 to 1.4.0, which are 40, 30, 20 and 10 days old. GitHub is asked by the hour. */
export async function prepareTrain(settings: Readonly<Record<string, string>> = {}): Promise<GithubNode> {
  const builds = new Map<string, GithubRelease>();
  const node = await prepareGithubNode(
    (home) => {
      for (const [index, version] of ["1.1.0", "1.2.0", "1.3.0", "1.4.0"].entries()) {
        builds.set(version, releaseOf(home, version, { age: (4 - index) * 10 * DAY }));
      }
      return builds.get("1.2.0")?.assets[0]?.content ?? new Uint8Array();
    },
    { NYMVISOR_UPSTREAM_POLLING_RATE: "1h", ...settings },
  );
  node.github.releases = [...builds.values()];
  return node;
}
