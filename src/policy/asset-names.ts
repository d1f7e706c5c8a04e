/** How one architecture is spelled, Rust's name first. */
const SPELLINGS: readonly (readonly [string, ...string[]])[] = [
  ["x86_64", "amd64", "x64"],
  ["aarch64", "arm64"],
];

/** The architecture whose binaries carry no architecture in their name. */
const UNNAMED = "x86_64";

/** Rust's name of an architecture, whatever way it is spelled: `x64` is `x86_64`. One that is not known is its own. */
export function canonicalArchitecture(architecture: string): string {
  return SPELLINGS.find((spellings) => spellings.includes(architecture))?.[0] ?? architecture;
}

/**
 * What the daemon's binary for a Linux machine may be called among a release's assets, best first. The bare name is
 * x86_64's alone.
 */
export function binaryNames(daemon: string, architecture: string): readonly string[] {
  const canonical = canonicalArchitecture(architecture);
  const spellings = SPELLINGS.find(([name]) => name === canonical) ?? [canonical];
  const named = spellings.flatMap((spelling) => [
    `${daemon}-${spelling}-unknown-linux-gnu`,
    `${daemon}-${spelling}-unknown-linux-musl`,
    `${daemon}-linux-${spelling}`,
  ]);
  return canonical === UNNAMED ? [daemon, ...named] : named;
}

/** The architectures that a release may be told to have binaries for, with the names of those. */
export function knownBinaryNames(daemon: string): ReadonlyMap<string, readonly string[]> {
  return new Map(SPELLINGS.map(([architecture]) => [architecture, binaryNames(daemon, architecture)]));
}
