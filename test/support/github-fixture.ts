import type { BuildInfo } from "../../src/model/build-info.ts";
import { type GithubAsset, type GithubRelease, type HashesShape, hashesJson } from "./github-model.ts";
import { sampleBuildInfo } from "./sample-daemon.ts";

/**
 * The list of releases of nymtech/nym, as it looked from its beginning to early 2026: the tags and the traps are the
 * real ones, the dates and most versions are only plausible. Releases of other trains stand between those of this one.
 */

/** A build of a daemon that the fixture needs bytes for. */
export interface FixtureBuild {
  tag: string;
  info: BuildInfo;
}

export interface FixtureOptions {
  /** The bytes of a binary, different for each build; default: a line of text that is no program. */
  binary?: (build: FixtureBuild) => Uint8Array;
  /** Only releases that were published before, RFC 3339. */
  before?: string;
}

interface Row {
  tag: string;
  /** The date of the commit. */
  created: string;
  /** Where that is another day. */
  published?: string;
  /** Of nym-node; null: the release has none. */
  version: string | null;
  hashes?: HashesShape | "without details" | "none";
  extra?: (build: (name: string) => GithubAsset) => GithubAsset[];
  release?: Partial<GithubRelease>;
}

/** GitHub has given digests to what was uploaded since then. */
const FIRST_DIGEST = "2025-06-03";

/** The train, oldest first. */
const TRAIN: readonly Row[] = [
  { tag: "nym-binaries-v1.1.29-snickers", created: "2023-08-29", version: null, hashes: "none" },
  { tag: "nym-binaries-v1.1.30-twix", created: "2023-09-05", version: null, hashes: "list" },
  { tag: "nym-binaries-v1.1.31-kitkat", created: "2023-09-12", version: null, hashes: "list" },
  // Two that their makers misspelled.
  { tag: "nym-binaries-2023.1-milka", created: "2023-09-24", version: null, hashes: "list" },
  { tag: "nym-binaries-v2023.nyxd-upgrade", created: "2023-10-10", version: null, hashes: "none" },
  { tag: "nym-binaries-v2023.3-kinder", created: "2023-10-31", version: null, hashes: "list" },
  { tag: "nym-binaries-v2023.4-galaxy", created: "2023-11-14", version: null, hashes: "list" },
  { tag: "nym-binaries-v2023.5-rolo", created: "2023-11-28", version: null, hashes: "list" },
  { tag: "nym-binaries-v2024.1-marabou", created: "2024-02-15", version: null, hashes: "list" },
  { tag: "nym-binaries-v2024.2-fast-and-furious", created: "2024-03-25", version: null, hashes: "list" },
  { tag: "nym-binaries-v2024.2-fast-and-furious-v2", created: "2024-03-27", version: null, hashes: "list" },
  // Published twelve days after its commit, which is where the list has it.
  { tag: "nym-binaries-v2024.3-eclipse", created: "2024-04-10", published: "2024-04-22", version: "1.0.0" },
  { tag: "nym-binaries-v2024.4-nutella", created: "2024-05-08", version: "1.1.0", hashes: "list" },
  { tag: "nym-binaries-v2024.5-ragusa", created: "2024-05-22", version: "1.1.2", hashes: "map" },
  { tag: "nym-binaries-v2024.6-chomp", created: "2024-06-25", version: "1.1.3", hashes: "map" },
  { tag: "nym-binaries-v2024.7-doubledecker", created: "2024-07-04", version: "1.1.4", hashes: "map" },
  { tag: "nym-binaries-v2024.8-wispa", created: "2024-07-10", version: "1.1.5", hashes: "map" },
  { tag: "nym-binaries-v2024.9-topdeck", created: "2024-07-26", version: "1.1.6" },
  // One version, other bytes.
  { tag: "nym-binaries-v2024.10-caramello", created: "2024-09-10", version: "1.1.7" },
  { tag: "nym-binaries-v2024.10-caramello-patch", created: "2024-09-16", version: "1.1.7" },
  { tag: "nym-binaries-v2024.11-wedel", created: "2024-09-27", version: "1.1.8" },
  // Semver has the second below the first.
  { tag: "nym-binaries-v2024.12-aero", created: "2024-10-17", version: "1.1.9" },
  { tag: "nym-binaries-v2024.12.1-aero", created: "2024-10-24", version: "1.1.9-1" },
  { tag: "nym-binaries-v2024.13-magura", created: "2024-11-18", version: "1.1.10" },
  { tag: "nym-binaries-v2024.13-magura-drift", created: "2024-11-29", version: "1.1.11", hashes: "without details" },
  { tag: "nym-binaries-v2024.14-crunch", created: "2024-12-11", version: "1.2.0" },
  { tag: "nym-binaries-v2024.14-crunch-patch", created: "2024-12-17", version: "1.2.1" },
  { tag: "nym-binaries-v2025.1-reeses", created: "2025-01-15", version: "1.3.0" },
  { tag: "nym-binaries-v2025.2-hu", created: "2025-02-04", version: "1.4.0" },
  { tag: "nym-binaries-v2025.3-ruta", created: "2025-02-19", version: "1.5.0", hashes: "none" },
  { tag: "nym-binaries-v2025.4-dorina", created: "2025-03-04", version: "1.6.0" },
  { tag: "nym-binaries-v2025.4-dorina-nym-node-patch", created: "2025-03-11", version: "1.6.1" },
  // Tagged again 26 days after its commit.
  { tag: "nym-binaries-v2025.5-chokito", created: "2025-03-13", published: "2025-04-08", version: "1.7.0" },
  { tag: "nym-binaries-v2025.6-chuckles", created: "2025-04-03", version: "1.8.0" },
  { tag: "nym-binaries-v2025.7-tex", created: "2025-04-15", version: "1.9.0" },
  { tag: "nym-binaries-v2025.8-tourist", created: "2025-04-29", version: "1.10.0" },
  { tag: "nym-binaries-v2025.9-appenzeller", created: "2025-05-13", version: "1.11.0" },
  { tag: "nym-binaries-v2025.10-brie", created: "2025-05-27", version: "1.12.0" },
  { tag: "nym-binaries-v2025.11-cheddar", created: "2025-06-10", version: "1.13.0", hashes: "without details" },
  {
    tag: "nym-binaries-v2025.12-dolcelatte",
    created: "2025-06-24",
    version: "1.14.0",
    extra: (build) => [build("nym-node-aarch64-unknown-linux-gnu")],
  },
  { tag: "nym-binaries-v2025.13-emmental", created: "2025-07-08", version: "1.15.0" },
  { tag: "nym-binaries-v2025.14-feta", created: "2025-08-05", version: "1.16.0" },
  { tag: "nym-binaries-v2025.15-gruyere", created: "2025-08-20", version: "1.17.0" },
  // One version again.
  { tag: "nym-binaries-v2025.16-halloumi", created: "2025-09-16", version: "1.18.0" },
  { tag: "nym-binaries-v2025.17-isabirra", created: "2025-09-30", version: "1.18.0" },
  { tag: "nym-binaries-v2025.18-jarlsberg", created: "2025-10-14", version: "1.19.0" },
  {
    tag: "nym-binaries-v2025.19-kase-rc",
    created: "2025-10-24",
    version: "1.20.0-rc.1",
    release: { prerelease: true },
  },
  { tag: "nym-binaries-v2025.19-kase", created: "2025-10-28", version: "1.20.0" },
  { tag: "nym-binaries-v2025.20-leerdammer", created: "2025-11-12", version: "1.21.0" },
  { tag: "nym-binaries-v2025.21-mozzarella", created: "2025-11-26", version: "1.22.0" },
  // Its hashes.json is not there yet.
  { tag: "nym-binaries-v2026.1-niolo", created: "2026-01-13", version: "1.23.0", hashes: "none" },
  // Nor are its files.
  { tag: "nym-binaries-v2026.2-oscypek", created: "2026-01-28", version: null, hashes: "none" },
  { tag: "nym-binaries-v2026.3-parmigiano", created: "2026-02-02", version: "1.25.0", release: { draft: true } },
];

/** What else the repository releases, in between. */
const OTHER_TRAINS: readonly string[] = [
  "nym-wallet-v1.2.13 2024-05-09",
  "nym-wallet-v1.2.14 2024-08-28",
  "nym-wallet-v1.2.18 2025-04-30",
  "nym-vpn-core-v1.4.0 2025-02-24",
  "nym-vpn-desktop-v0.2.3 2024-10-28",
  "nym-connect-v1.1.21 2023-10-12",
  "nym-contracts-v1.5.0-rc.1 2024-05-24",
  "nym-explorer-v1.0.7 2023-09-26",
  "sdk/nodejs/v1.2.0 2023-11-30",
  "nym-vpn/desktop/v1.10.0 2025-06-30",
  "cosmwasm/v0.12.1 2024-01-11",
  "v0.12.0 2023-01-01",
  "nym-credential-proxy-v0.2.0 2025-03-20",
];

/** A fresh list, to be changed at will: 66 releases, 53 of them of the train. */
export function githubFixture({ binary = lineOfText, before = "9999" }: FixtureOptions = {}): GithubRelease[] {
  const train = TRAIN.map((row) => releaseOf(row, binary));
  const others = OTHER_TRAINS.map((row): GithubRelease => {
    const [tag = "", date = ""] = row.split(" ");
    const content = new TextEncoder().encode(`a file of ${tag}`);
    // A node of another train is not to be taken for one of this.
    return { tag, createdAt: `${date}T09:00:00Z`, assets: [{ name: "nym-node", content, digest: null }] };
  });
  return [...train, ...others].filter(({ createdAt, publishedAt }) => (publishedAt ?? createdAt) < before);
}

/** What the build of a release's nym-node says of itself. */
export function fixtureBuildInfo(tag: string, version: string, date: string): BuildInfo {
  const commit = new Bun.CryptoHasher("sha1").update(tag).digest("hex");
  return sampleBuildInfo({ version, commit, commitTimestamp: `${date}T10:00:00.000000000Z` });
}

function releaseOf(row: Row, binary: NonNullable<FixtureOptions["binary"]>): GithubRelease {
  const { tag, created, published = created, version, hashes = "component", extra } = row;
  const info = fixtureBuildInfo(tag, version ?? "1.1.0", created);
  const digest = published < FIRST_DIGEST ? { digest: null } : {};
  // A whole build later than the release.
  const createdAt = `${published}T15:30:00Z`;
  const file = (name: string, content: Uint8Array): GithubAsset => ({ name, content, createdAt, ...digest });
  const build = (name: string) => {
    return file(name, binary({ tag, info: { ...info, cargo_triple: name.replace("nym-node-", "") } }));
  };
  const text = (name: string) => file(name, new TextEncoder().encode(`${name} of ${tag}`));
  const release: GithubRelease = {
    tag,
    createdAt: `${created}T10:00:00Z`,
    publishedAt: row.release?.draft === true ? null : `${published}T14:00:00Z`,
    assets: [],
    ...row.release,
  };
  if (tag.endsWith("-oscypek")) return release;
  release.assets.push(...["nym-api", "nym-client", "nym-mixnode", "nymvisor"].map(text));
  if (version !== null) release.assets.push(file("nym-node", binary({ tag, info })), ...(extra?.(build) ?? []));
  if (hashes === "none") return release;
  const details = version === null || hashes === "without details" ? {} : { "nym-node": info };
  const shape = hashes === "without details" ? "component" : hashes;
  release.assets.push({ ...hashesJson(release, details, shape), createdAt: `${published}T17:00:00Z`, ...digest });
  return release;
}

function lineOfText({ tag, info }: FixtureBuild): Uint8Array {
  return new TextEncoder().encode(`${info.binary_name} ${info.build_version} of ${tag} for ${info.cargo_triple}\n`);
}
