export interface Shell {
  seconds: number;
  /** Of processor time, of all its processes. */
  cpu: number;
}

/** Runs a pipeline of bash. @throws Error with its stderr if any part of it fails. */
export async function shell(script: string, ...args: string[]): Promise<Shell> {
  const before = performance.now();
  const child = await run(["bash", "-c", `set -eo pipefail; ${script}`, "bash", ...args]);
  const seconds = (performance.now() - before) / 1000;
  return { seconds, cpu: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6 };
}

/** Runs a program to its end; signals are heard meanwhile. @throws Error with its stderr if it fails. */
export async function run(command: string[], env: Record<string, string | undefined> = process.env) {
  const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const errors = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} ended with ${child.exitCode}: ${errors}`);
  return child;
}
