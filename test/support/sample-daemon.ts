import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compile } from "../../build/compile.ts";
import type { BuildInfo } from "../../src/model/build-info.ts";
import type { SampleBehaviour } from "./sample-behaviour.ts";

const SAMPLE_NODE = join(import.meta.dir, "sample-node.ts");

export interface SampleOptions {
  /** `nym-node` unless it says otherwise. */
  name?: string;
  version: string;
  /** Derived from the version when absent, so that another version is another commit. */
  commit?: string;
  commitTimestamp?: string;
  buildTimestamp?: string;
  /** Fields that are to read otherwise than all of that says. */
  info?: Partial<BuildInfo>;
}

/** What a sample answers to build-info. */
export function sampleBuildInfo(options: SampleOptions): BuildInfo {
  return {
    binary_name: options.name ?? "nym-node",
    build_timestamp: options.buildTimestamp ?? "2026-01-02T03:04:05.678901234Z",
    build_version: options.version,
    commit_sha: options.commit ?? new Bun.CryptoHasher("sha1").update(options.version).digest("hex"),
    commit_timestamp: options.commitTimestamp ?? "2026-01-01T12:00:00.000000000+01:00",
    commit_branch: "develop",
    rustc_version: "1.95.0",
    rustc_channel: "stable",
    cargo_profile: "release",
    cargo_triple: `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-gnu`,
    ...options.info,
  };
}

/**
 * Writes a sample daemon: a shell script of a few hundred bytes that answers build-info at once and otherwise becomes
 * `sample-node.ts`. Which event file it writes to, and its home, come with the environment (`SAMPLE_EVENTS`,
 * `SAMPLE_HOME`), through whatever starts it.
 * @param behaviour what this one does whatever its arguments are
 * @returns the path
 */
export function writeSampleDaemon(path: string, options: SampleOptions, behaviour: SampleBehaviour = {}): string {
  const info = sampleBuildInfo(options);
  const answer = JSON.stringify(info);
  const event = `{"event":"%s","pid":%s,"version":"${info.build_version}","at":%s%s}\\n`;
  const script = `#!/bin/sh
# ${info.binary_name} ${info.build_version}
note() {
  [ -z "\${SAMPLE_EVENTS:-}" ] || printf ${quote(event)} "$1" "$$" "$(date +%s%3N)" "$2" >>"$SAMPLE_EVENTS"
}
case " $* " in *" build-info "*)
cat <<'ANSWER'
${answer}
ANSWER
note asked ''
exit 0
esac
${becomes(behaviour, answer)}
`;
  return writeExecutable(path, script);
}

/** A daemon that only fails does so from the shell, in a few milliseconds, so that many restarts can be tried. */
function becomes(behaviour: SampleBehaviour, answer: string): string {
  const { exitAfter, exitCode = 0, ...others } = behaviour;
  if (exitAfter === 0 && Object.keys(others).length === 0) {
    return `note started ''\nnote exiting ',"code":${exitCode}'\nexit ${exitCode}`;
  }
  // Bun keeps the first `--` behind a file for itself.
  return `export SAMPLE_BUILD_INFO=${quote(answer)} SAMPLE_BEHAVIOUR=${quote(JSON.stringify(behaviour))}
exec ${quote(process.execPath)} ${quote(SAMPLE_NODE)} -- "$@"`;
}

/** Ways in which a file is not a daemon that can be run. */
export type HostileKind = (typeof HOSTILE_KINDS)[number];
export const HOSTILE_KINDS = [
  "missing",
  "a folder",
  "not executable",
  "empty",
  "foreign ELF",
  "hangs",
  "hangs and ignores signals",
  "prints garbage",
  "prints half an object",
  "prints an array",
  "prints too few fields",
  "prints bytes that are no text",
  "prints 100 MB",
  "fails",
  "dies of a signal",
] as const;

/** Puts one of these where a daemon is expected. Returns the path. */
export function writeHostileDaemon(path: string, kind: HostileKind): string {
  mkdirSync(dirname(path), { recursive: true });
  switch (kind) {
    case "missing":
      return path;
    case "a folder":
      mkdirSync(path);
      return path;
    case "not executable":
      writeSampleDaemon(path, { version: "1.0.0" });
      chmodSync(path, 0o644);
      return path;
    case "empty":
      return writeExecutable(path, "");
    case "foreign ELF":
      return writeExecutable(path, foreignElf());
    default:
      return writeExecutable(path, `#!/bin/sh\n${HOSTILE_SCRIPTS[kind]}\n`);
  }
}

const HOSTILE_SCRIPTS = {
  hangs: "exec sleep 600",
  "hangs and ignores signals": "trap '' INT TERM HUP\nsleep 600 &\nwait\nwait",
  "prints garbage": "echo 'thread main panicked'",
  "prints half an object": `printf '{"binary_name":"nym-node","build_ver'`,
  "prints an array": "echo '[1,2,3]'",
  "prints too few fields": `echo '{"binary_name":"nym-node"}'`,
  "prints bytes that are no text": "printf '\\377\\376\\000\\200'",
  "prints 100 MB": "head -c 104857600 /dev/zero | tr '\\0' x",
  fails: "echo 'cannot do that' >&2\nexit 3",
  "dies of a signal": "kill -SEGV $$",
} as const;

/** The header of an executable for a machine that this one is not (elf(5)): enough for execve to refuse it. */
function foreignElf(): Uint8Array {
  const header = new Uint8Array(128);
  const machine = process.arch === "arm64" ? 62 : 183;
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.set([2, 0, machine, 0, 1, 0, 0, 0], 16);
  return header;
}

/**
 * Compiles the sample node into an executable of its own, about 100 MiB as real ones are; some hundred milliseconds.
 * Other options give other bytes.
 */
export async function buildSampleNode({ outfile, ...options }: SampleOptions & { outfile: string }): Promise<void> {
  await compile({
    entry: SAMPLE_NODE,
    outfile,
    nameInside: "sample-node",
    defines: { SAMPLE_BUILD_INFO: JSON.stringify(sampleBuildInfo(options)) },
  });
}

function writeExecutable(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode: 0o755 });
  chmodSync(path, 0o755);
  return path;
}

/** As one word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
