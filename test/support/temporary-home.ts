import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A home folder of a test's own, gone when the test's scope ends. */
export interface TemporaryHome extends Disposable {
  /** Absolute, without links. */
  path: string;
  /** A path in it. */
  at(...names: string[]): string;
  /**
   * A whole environment for a process that lives in it: nothing of the one that runs the tests but where programs are.
   */
  env: Record<string, string>;
}

/**
 * `using home = temporaryHome();`
 * @param name a part of the folder's name, for tests that want spaces or quotes in it
 */
export function temporaryHome(name = "home"): TemporaryHome {
  const outer = mkdtempSync(join(realpathSync(tmpdir()), "nymvisor-test-"));
  const home = join(outer, name);
  mkdirSync(home);
  return {
    path: home,
    at: (...names) => join(home, ...names),
    env: { HOME: home, PATH: process.env.PATH ?? "/usr/bin:/bin", LANG: "C.UTF-8" },
    [Symbol.dispose]: () => rmSync(outer, { recursive: true, force: true, maxRetries: 3 }),
  };
}
