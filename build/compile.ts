import { chmod, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { NymvisorError } from "../src/model/errors.ts";
import { makeVariablesInert } from "./inert-variables.ts";
import { requirePinnedBun } from "./pinned-bun.ts";
import { definesOf, readStamp, type Stamp } from "./stamp.ts";
import type { Target } from "./targets.ts";

const ROOT = resolve(import.meta.dir, "..");

/** What the bundle's modules are called in the executable, whatever file it ends up in: the same bytes everywhere. */
const NAME_INSIDE = "nymvisor";

export interface ExecutableOptions {
  target: Target;
  /** Where the executable goes; a file that is there is replaced in one step, a running one too. */
  outfile: string;
  /** Constants beside those of the stamp, as strings. */
  extraDefines?: Readonly<Record<string, string>>;
  /** `debug` leaves names and line breaks, for a readable stack trace. */
  profile?: Stamp["profile"];
  /** What is stamped in; read now when absent. */
  stamp?: Stamp;
  /** What becomes the executable; nymvisor itself by default. */
  entry?: string;
}

/**
 * Builds nymvisor: one file that needs a Linux with glibc and nothing else, reads no `.env` and no `bunfig.toml` where it
 * is started, and to which no variable of the runtime means anything. The runtime of another machine is taken from
 * Bun's cache, or fetched from the npm registry once. The same sources, commit, `SOURCE_DATE_EPOCH` and Bun give the
 * same bytes.
 * @throws NymvisorError under another Bun than package.json's, and when the build fails; `outfile` is then as before.
 */
export async function buildExecutable(options: ExecutableOptions): Promise<void> {
  const stamp = options.stamp ?? readStamp(options.profile ?? "release");
  await compile({
    entry: options.entry ?? join(ROOT, "src/main.ts"),
    runtime: options.target.runtime,
    outfile: options.outfile,
    nameInside: NAME_INSIDE,
    minify: stamp.profile === "release",
    defines: { ...definesOf(stamp, options.target), ...options.extraDefines },
    finish: (path) => makeVariablesInert(path, options.target),
  });
}

export interface Compilation {
  entry: string;
  /** Bun's name of the runtime; this machine's when absent. */
  runtime?: string;
  outfile: string;
  nameInside?: string;
  minify?: boolean;
  defines?: Readonly<Record<string, string>>;
  /** What is done to the finished file before it takes its place. */
  finish?: (path: string) => void;
}

/** `bun build --compile` with what every executable of this repository needs. Throws as {@link buildExecutable} does. */
export async function compile(compilation: Compilation): Promise<void> {
  requirePinnedBun("bun run build");
  const outfile = resolve(compilation.outfile);
  await mkdir(dirname(outfile), { recursive: true });
  const folder = await mkdtemp(join(dirname(outfile), ".build-"));
  try {
    const fresh = join(folder, compilation.nameInside ?? basename(outfile));
    await bunBuild(compilation, fresh);
    compilation.finish?.(fresh);
    await chmod(fresh, 0o755);
    await rename(fresh, outfile);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bunBuild(compilation: Compilation, outfile: string): Promise<void> {
  const args = [
    "build",
    "--compile",
    ...(compilation.runtime === undefined ? [] : [`--target=${compilation.runtime}`]),
    // Bytecode halves the time to the first line; it wants modules, and its own flags for what is read at the start.
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    ...(compilation.minify ? ["--minify"] : []),
    ...Object.entries(compilation.defines ?? {}).map(([name, value]) => `--define=${name}=${JSON.stringify(value)}`),
    compilation.entry,
    `--outfile=${outfile}`,
  ];
  const { BUN_OPTIONS: _options, BUN_BE_BUN: _beBun, ...env } = process.env;
  const bun = Bun.spawn([process.execPath, ...args], {
    cwd: ROOT,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exitCode, output, errors] = await Promise.all([bun.exited, bun.stdout.text(), bun.stderr.text()]);
  if (exitCode === 0) return;
  throw new NymvisorError({
    what: `building ${basename(compilation.outfile)} from ${compilation.entry} failed`,
    why: `bun build ended with ${exitCode}\n${`${output}${errors}`.trim()}`,
    next: /Failed to download/.test(errors)
      ? "let this machine reach the npm registry: the runtime of another machine is fetched from there, once"
      : undefined,
  });
}
