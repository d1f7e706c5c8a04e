import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  variables?: Record<string, string>;
  cwd?: string;
}

/** Runs nymvisor from its sources, away from a terminal, with nothing of the environment but what is given. */
export async function nymvisor(words: readonly string[], { variables = {}, cwd }: Surroundings = {}): Promise<Ended> {
  const child = Bun.spawn([process.execPath, MAIN, ...words], {
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", ...variables },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { status: child.exitCode, stdout, stderr };
}

/** The same through a shell, where `"$@"` stands for nymvisor: for pipes and words that are not UTF-8. */
export async function nymvisorInShell(script: string): Promise<Ended> {
  const child = Bun.spawn(["bash", "-c", script, "bash", process.execPath, MAIN], {
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { status: child.exitCode, stdout, stderr };
}
