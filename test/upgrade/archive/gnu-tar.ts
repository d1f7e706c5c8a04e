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

/** Extracts with everything that GNU tar can restore. */
export function extract(archive: string, into: string): void {
  const everything = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--preserve-permissions"];
  run("tar", "--extract", "--gzip", ...everything, "--file", archive, "--directory", into);
}

/** The names in an archive as GNU tar prints them, which escapes what is not printable. */
export function list(archive: string): string[] {
  return run("tar", "--list", "--gzip", "--file", archive).split("\n").slice(0, -1);
}
