import { z } from "zod";

/**
 * What a Nym binary says of itself (`<binary> --no-banner build-info --output=json`). Ten strings; extra fields are
 * ignored, and kept where a document holds them. `cargo_triple` is absent in old binaries.
 */
export const buildInfoSchema = z.looseObject({
  binary_name: z.string(),
  build_timestamp: z.string(),
  build_version: z.string(),
  commit_sha: z.string(),
  commit_timestamp: z.string(),
  commit_branch: z.string(),
  rustc_version: z.string(),
  rustc_channel: z.string(),
  cargo_profile: z.string(),
  cargo_triple: z.string().default("unknown"),
});

export type BuildInfo = z.infer<typeof buildInfoSchema>;

const IDENTITY = Object.keys(buildInfoSchema.shape) as readonly (keyof typeof buildInfoSchema.shape)[];

/** Two builds are the same if all ten fields are equal. */
export function sameBuild(left: BuildInfo, right: BuildInfo): boolean {
  return differingFields(left, right).length === 0;
}

/** The fields in which two builds differ, as `field: left | right` lines for a message that shows both sides. */
export function differingFields(left: BuildInfo, right: BuildInfo): string[] {
  return IDENTITY.filter((key) => left[key] !== right[key]).map((key) => `${key}: ${left[key]} | ${right[key]}`);
}

const LABELS: readonly (readonly [string, keyof typeof buildInfoSchema.shape])[] = [
  ["Binary Name:", "binary_name"],
  ["Build Timestamp:", "build_timestamp"],
  ["Build Version:", "build_version"],
  ["Commit SHA:", "commit_sha"],
  ["Commit Date:", "commit_timestamp"],
  ["Commit Branch:", "commit_branch"],
  ["rustc Version:", "rustc_version"],
  ["rustc Channel:", "rustc_channel"],
  ["cargo Profile:", "cargo_profile"],
];

/** The nine-line block, values at column 21, with an empty line before and after it. */
export function renderBuildInfo(info: BuildInfo): string {
  const lines = LABELS.map(([label, key]) => `${label.padEnd(20)}${info[key]}`);
  return `\n${lines.join("\n")}\n\n`;
}
