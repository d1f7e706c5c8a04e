import type { BuildInfo } from "../model/build-info.ts";
import { printable } from "../model/names.ts";
import { HASHES_ASSET, type KeptAsset, type KeptHashes, type KeptRelease } from "../model/release-list.ts";
import type { ReleaseBinary } from "../model/releases.ts";
import { binaryNames, canonicalArchitecture, knownBinaryNames } from "./asset-names.ts";

/** What a binary is for. */
export interface Machine {
  daemon: string;
  /** As Rust or the runtime calls it: `x86_64` or `x64`. */
  architecture: string;
}

export type AssetChoice = { asset: KeptAsset; objections: string[] } | { missing: string };

/** The asset that is the machine's binary: the first of its names that has arrived whole. */
export function chooseAsset(release: KeptRelease, machine: Machine): AssetChoice {
  const names = binaryNames(machine.daemon, machine.architecture);
  for (const name of names) {
    const [asset, ...others] = arrived(release, name);
    if (asset === undefined) continue;
    const objections = others.length === 0 ? [] : [`different files are listed as its ${printable(name)}`];
    return { asset, objections };
  }
  return { missing: whyMissing(release, machine, names) };
}

/** The files of that name that have arrived whole. Identical ones are one. */
function arrived(release: KeptRelease, name: string): KeptAsset[] {
  const assets = release.assets.filter((asset) => asset.name === name && asset.state === "uploaded" && asset.size > 0);
  return assets.filter((asset, index) => assets.findIndex((other) => sameAsset(other, asset)) === index);
}

function sameAsset(left: KeptAsset, right: KeptAsset): boolean {
  return (Object.keys(left) as (keyof KeptAsset)[]).every((key) => left[key] === right[key]);
}

function whyMissing(release: KeptRelease, { daemon, architecture }: Machine, names: readonly string[]): string {
  if (release.assetCount === 0) return "it has no files yet";
  const listed = release.assets.find(({ name }) => names.includes(name));
  if (listed !== undefined) {
    const name = printable(listed.name);
    return listed.state === "uploaded" ? `its ${name} is empty (0 bytes)` : `its ${name} has not arrived yet`;
  }
  const others = [...knownBinaryNames(daemon)]
    .filter(([, known]) => known.some((name) => arrived(release, name).length > 0))
    .map(([known]) => known);
  const wanted = `it has no ${printable(daemon)} for ${canonicalArchitecture(architecture)}`;
  const [leftOut] = release.leftOut;
  if (leftOut !== undefined) return `${wanted}: ${leftOut}`;
  return others.length === 0 ? wanted : `${wanted}, only for ${others.join(", ")}`;
}

export interface FoundChecksum {
  sha256: ReleaseBinary["sha256"];
  details: BuildInfo | null;
  objections: string[];
  warnings: string[];
}

/** What is announced of the binary's bytes, by GitHub's own digest and by the release's hashes.json, which must agree. */
export function checksumOf(
  release: KeptRelease,
  asset: KeptAsset,
  hashes: readonly KeptHashes[],
  { daemon }: Machine,
): FoundChecksum {
  const name = printable(asset.name);
  const digest = readDigest(asset.digest);
  const listed = findHashes(release, asset, hashes, daemon);
  const warnings = [...digest.warnings.map((warning) => `the digest of its ${name} ${warning}`), ...listed.warnings];
  const { objections } = listed;
  if (digest.sha256 !== null && listed.sha256 !== null && digest.sha256 !== listed.sha256) {
    const disagreement = `GitHub's digest of its ${name} is ${digest.sha256}, and its ${HASHES_ASSET} says ${listed.sha256}`;
    return { sha256: digest.sha256, details: null, objections: [...objections, disagreement], warnings };
  }
  const missing = { missing: `neither GitHub nor a ${HASHES_ASSET} names a usable sha256 of its ${name}` };
  return { sha256: digest.sha256 ?? listed.sha256 ?? missing, details: listed.details, objections, warnings };
}

function readDigest(text: string | null): { sha256: string | null; warnings: string[] } {
  if (text === null) return { sha256: null, warnings: [] };
  const [, hex] = /^sha256:([0-9a-f]{64})$/i.exec(text) ?? [];
  if (hex !== undefined) return { sha256: hex.toLowerCase(), warnings: [] };
  return { sha256: null, warnings: [`counts as none: "${printable(text, 80)}" is not sha256: and 64 hex digits`] };
}

interface ListedChecksum {
  sha256: string | null;
  details: BuildInfo | null;
  objections: string[];
  warnings: string[];
}

function findHashes(
  release: KeptRelease,
  asset: KeptAsset,
  hashes: readonly KeptHashes[],
  daemon: string,
): ListedChecksum {
  const nothing = { sha256: null, details: null, objections: [], warnings: [] };
  const [file, ...others] = arrived(release, HASHES_ASSET);
  if (file === undefined) return nothing;
  if (others.length > 0) return { ...nothing, objections: [`different files are listed as its ${HASHES_ASSET}`] };
  const content = hashes.find((entry) => entry.asset === file.id);
  // One that could not be got, or whose turn has not come: the next question tries again.
  if (content === undefined) return nothing;
  if (content.state === "contradictory") {
    return { ...nothing, objections: [`its ${HASHES_ASSET} contradicts itself: ${content.reason}`] };
  }
  if (content.state === "unreadable") {
    return { ...nothing, warnings: [`its ${HASHES_ASSET} counts as not there: ${content.reason}`] };
  }
  const binary = content.binaries.find((entry) => entry.name === asset.name);
  if (binary === undefined) {
    const why = `it names no usable sha256 of ${printable(asset.name)}`;
    return { ...nothing, warnings: [`its ${HASHES_ASSET} counts as not there: ${why}`] };
  }
  if (binary.details === null || binary.details.binary_name === daemon) {
    return { ...nothing, sha256: binary.sha256, details: binary.details };
  }
  const other = printable(binary.details.binary_name, 60);
  const warning = `what its ${HASHES_ASSET} says of the build of ${printable(asset.name)} counts for nothing: it is of ${other}`;
  return { ...nothing, sha256: binary.sha256, warnings: [warning] };
}
