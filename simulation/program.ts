import type { BuildInfo } from "../src/model/build-info.ts";
import type { Health } from "./health.ts";

/** A simulated executable: text that says what it is, so that a torn or foreign file is found out when it is executed. */
export interface Program {
  version: string;
  /** Tells builds of one version apart. */
  build: string;
  health?: Health;
}

export const DAEMON = "nym-node";
const MAGIC = "#!simulated\n";
const END = "\n#end";

export function encodeProgram({ version, build, health }: Program): Uint8Array {
  return new TextEncoder().encode(`${MAGIC}${JSON.stringify({ version, build, health })}${" ".repeat(64)}${END}`);
}

/** Undefined: the kernel would not execute it. */
export function decodeProgram(bytes: Uint8Array): Program | undefined {
  const text = new TextDecoder().decode(bytes);
  if (!text.startsWith(MAGIC) || !text.endsWith(END)) return undefined;
  try {
    return JSON.parse(text.slice(MAGIC.length, -END.length)) as Program;
  } catch {
    return undefined;
  }
}

export function buildInfoOfProgram({ version, build }: Program): BuildInfo {
  return {
    binary_name: DAEMON,
    build_timestamp: "2026-11-20T12:00:00Z",
    build_version: version,
    commit_sha: build,
    commit_timestamp: "2026-11-20T11:00:00Z",
    commit_branch: "main",
    rustc_version: "1.90.0",
    rustc_channel: "stable",
    cargo_profile: "release",
    cargo_triple: "x86_64-unknown-linux-gnu",
  };
}

export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
