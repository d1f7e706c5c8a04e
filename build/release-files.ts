import { rename } from "node:fs/promises";
import { join } from "node:path";
import { NymvisorError } from "../src/model/errors.ts";
import type { Target } from "./targets.ts";

/** An executable that was built. */
export interface BuiltExecutable {
  fileName: string;
  target: Target;
  sha256: string;
}

/** One asset in `hashes.json`, with the keys that Nym's release action writes (nym-hash-releases/create-hashes.mjs). */
interface HashedAsset {
  sha256: string;
  downloadUrl: string;
  platform: string;
  kind: "executable";
  /** The build information that the executable answers; absent when it could not be run. */
  details?: Record<string, string>;
}

/** The `hashes.json` of a release, as those of Nym carry it. */
export interface ReleaseHashes {
  /** GitHub's number of the release; it exists only after publication, and nothing is found by it. */
  id: number | null;
  name: string;
  tag_name: string;
  html_url: string;
  componentName: string;
  componentVersion: string;
  assets: Record<string, HashedAsset>;
}

/** Lowercase hex of a file's SHA-256. */
export async function sha256Of(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}

/** The text of `SHA256SUMS`, as `sha256sum --check` reads it. */
export async function renderChecksums(folder: string, fileNames: readonly string[]): Promise<string> {
  const lines = await Promise.all(
    [...fileNames].sort().map(async (fileName) => `${await sha256Of(join(folder, fileName))}  ${fileName}\n`),
  );
  return lines.join("");
}

/**
 * The content of `hashes.json`.
 * @param repository `owner/name` on GitHub, where the release will be
 * @param details what the executable of this machine answers to `build-info`; those of the other machines differ from it
 * in nothing but their triple, being made of the same sources at the same time
 */
export function releaseHashes(
  version: string,
  repository: string,
  executables: readonly BuiltExecutable[],
  details: Readonly<Record<string, string>> | undefined,
): ReleaseHashes {
  const tag = `nymvisor-v${version}`;
  const home = `https://github.com/${repository}/releases`;
  return {
    id: null,
    name: `nymvisor v${version}`,
    tag_name: tag,
    html_url: `${home}/tag/${tag}`,
    componentName: "nymvisor",
    componentVersion: `v${version}`,
    assets: Object.fromEntries(
      executables.map(({ fileName, sha256, target }) => [
        fileName,
        {
          sha256,
          downloadUrl: `${home}/download/${tag}/${fileName}`,
          platform: target.platform,
          kind: "executable",
          ...(details === undefined ? {} : { details: { ...details, cargo_triple: target.triple } }),
        },
      ]),
    ),
  };
}

/** Asks a finished executable for its build information, which also shows that it starts. */
export async function askBuildInformation(executable: string): Promise<Record<string, string>> {
  const child = Bun.spawn([executable, "build-info", "--output=json"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exitCode, answer, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  if (exitCode !== 0) {
    throw new NymvisorError({
      what: `${executable} was built and does not run`,
      why: `exit status ${exitCode}\n${errors}`,
    });
  }
  return JSON.parse(answer);
}

/** Writes a file that a reader finds whole or not at all. */
export async function writeWhole(path: string, content: string): Promise<void> {
  await Bun.write(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
