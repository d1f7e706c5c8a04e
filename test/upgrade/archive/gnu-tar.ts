import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** GNU tar and gzip read what we write: a reader of our own would repeat our mistakes. */
function run(...command: string[]): string {
  const program = command[0] ?? "";
  if (Bun.which(program) === null) throw new Error(`these tests need ${program}: apt-get install tar gzip`);
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" },
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr}`);
  return stdout.toString();
}

/** Checks a whole archive, including its checksum and length. */
export function checkGzip(archive: string): void {
  run("gzip", "--test", archive);
}

const MANIFEST = ".nymvisor-manifest.json";

/** Extracts with everything that GNU tar can restore, and takes the manifest away. @returns what stands in it. */
export function extract(archive: string, into: string): string {
  extractAll(archive, into);
  const manifest = join(into, MANIFEST);
  const text = readFileSync(manifest, "utf8");
  rmSync(manifest);
  return text;
}

function extractAll(archive: string, into: string): void {
  const everything = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--preserve-permissions"];
  run("tar", "--extract", "--gzip", ...everything, "--file", archive, "--directory", into);
}

/** The names in an archive as GNU tar prints them, which escapes what is not printable; but for the manifest, the last. */
export function list(archive: string): string[] {
  const names = run("tar", "--list", "--gzip", "--file", archive).split("\n").slice(0, -1);
  if (names.at(-1) !== MANIFEST) throw new Error(`the last entry of ${archive} is ${names.at(-1)}`);
  return names.slice(0, -1);
}
