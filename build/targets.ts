/** A machine that nymvisor is built for. */
export interface Target {
  /** As the executable's name has it: `nymvisor-linux-<name>`. */
  name: "x64" | "arm64";
  /** The runtime that Bun puts the bundle into. */
  runtime: string;
  /** What build information calls it (`cargo_triple`). */
  triple: string;
  /** What release documents call it: Rust's `<os>-<arch>`. */
  platform: string;
}

/**
 * x64 is Bun's baseline build: it asks for SSE4.2 (Nehalem, 2008), where the default one asks for AVX2, which many
 * rented servers do not show to their guests.
 */
export const TARGETS: readonly Target[] = [
  { name: "x64", runtime: "bun-linux-x64-baseline", triple: "x86_64-unknown-linux-gnu", platform: "linux-x86_64" },
  { name: "arm64", runtime: "bun-linux-arm64", triple: "aarch64-unknown-linux-gnu", platform: "linux-aarch64" },
];

/**
 * The row of the machine that this runs on.
 * @throws Error on a machine that nymvisor is not built for.
 */
export function targetOfThisMachine(): Target {
  const own = TARGETS.find(({ name }) => process.platform === "linux" && name === process.arch);
  if (own === undefined)
    throw new Error(`nymvisor is built for Linux on x64 and arm64, not for ${process.platform} on ${process.arch}`);
  return own;
}
