import { join, resolve } from "node:path";

/** The sources, for the imports of a {@link startProgram}. */
const SOURCES = resolve(import.meta.dir, "../../src");

export interface ProgramOptions {
  /** What the program is started by: `["strace", "-f"]`, `["sh", "-c", 'ulimit -f 8; exec "$@"', "sh"]`. */
  through?: readonly string[];
  /** Handed on as `process.argv.slice(1)`. */
  args?: readonly string[];
  env?: Record<string, string>;
}

/**
 * Starts a piece of program in a process of its own: for what belongs to a whole process (its user, its umask, its
 * locks, its death).
 * @param code a module; `#/` in front of its imports stands for the sources
 */
export function startProgram(code: string, { through = [], args = [], env }: ProgramOptions = {}) {
  const module = code.replaceAll('"#/', `"${join(SOURCES, "/")}`);
  return Bun.spawn([...through, process.execPath, "-e", module, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: "/nonexistent", ...env },
  });
}

/** Runs it to its end. @returns what it printed. @throws Error with its stderr if it fails. */
export async function runProgram(code: string, options?: ProgramOptions): Promise<string> {
  const child = startProgram(code, options);
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`the program ended with ${child.exitCode}: ${errors}`);
  return output;
}

/** Puts a program into the place of another user, once all that it imports is loaded. */
export const AS_NOBODY = "process.setgroups([]); process.setgid(65534); process.setuid(65534);";

/** Whether a test can do what only root can: `test.skipIf(!isRoot)`. */
export const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("SKIPPED: what only root can set up is not tested by an ordinary user");
