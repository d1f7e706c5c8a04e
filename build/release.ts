import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import packageJson from "../package.json";
import { buildExecutable } from "./compile.ts";
import {
  askBuildInformation,
  type BuiltExecutable,
  releaseHashes,
  renderChecksums,
  sha256Of,
  writeWhole,
} from "./release-files.ts";
import { readStamp } from "./stamp.ts";
import { TARGETS, type Target, targetOfThisMachine } from "./targets.ts";

const SOURCES = resolve(import.meta.dir, "../release");

/** What lies beside the executables in a release, as it is in `release/`. */
const COMPANIONS = ["install.sh", "nymvisor.service", "nymvisor@.service"] as const;

export interface ReleaseOptions {
  targets: readonly Target[];
  /** Becomes the release: every file in it is what an operator may download. */
  folder: string;
  /** `owner/name` on GitHub, for the addresses in `hashes.json`. */
  repository: string;
  /** What becomes the executable; nymvisor itself by default. */
  entry?: string;
}

/** Name and size of a file of the release. */
export interface ReleasedFile {
  path: string;
  bytes: number;
}

/**
 * Builds the executables and lays out the folder that is published: executables, unit files, install script,
 * `SHA256SUMS` over all of these, `hashes.json`. Executables of other targets that an earlier build left there are
 * removed, so that the checksums always speak of the whole folder.
 * @throws NymvisorError when a build fails, or when the executable of this machine does not answer.
 */
export async function buildRelease(options: ReleaseOptions): Promise<ReleasedFile[]> {
  const { folder, targets, entry } = options;
  await mkdir(folder, { recursive: true });
  const stamp = readStamp("release");
  const executables: BuiltExecutable[] = [];
  for (const target of targets) {
    const fileName = executableName(target);
    const outfile = join(folder, fileName);
    await buildExecutable({ target, outfile, stamp, ...(entry === undefined ? {} : { entry }) });
    executables.push({ fileName, target, sha256: await sha256Of(outfile) });
  }
  await removeOtherExecutables(folder, executables);
  for (const name of COMPANIONS) {
    await copyFile(join(SOURCES, name), join(folder, `${name}.new`));
    await rename(join(folder, `${name}.new`), join(folder, name));
  }
  const own = targetOfThisMachine();
  const details = targets.includes(own) ? await askBuildInformation(join(folder, executableName(own))) : undefined;
  const hashes = releaseHashes(packageJson.version, options.repository, executables, details);
  const names = [...executables.map(({ fileName }) => fileName), ...COMPANIONS];
  await writeWhole(join(folder, "SHA256SUMS"), await renderChecksums(folder, names));
  await writeWhole(join(folder, "hashes.json"), `${JSON.stringify(hashes, null, 2)}\n`);
  return [...names, "SHA256SUMS", "hashes.json"].map((name) => {
    const path = join(folder, name);
    return { path, bytes: Bun.file(path).size };
  });
}

/** The name of a target's file, which `install.sh` looks for. */
function executableName(target: Target): string {
  return `nymvisor-linux-${target.name}`;
}

async function removeOtherExecutables(folder: string, executables: readonly BuiltExecutable[]): Promise<void> {
  const known = new Set(TARGETS.map(executableName));
  const built = new Set(executables.map(({ fileName }) => fileName));
  for (const name of await readdir(folder)) {
    if (known.has(name) && !built.has(name)) await rm(join(folder, name));
  }
}
