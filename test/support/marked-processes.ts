import { findByEnvironment, sendSignal } from "../../src/system/process-table.ts";
import { waitFor } from "./wait.ts";

const VARIABLE = "NYMVISOR_TEST_MARK";

/** A variable that marks the processes of one test, so that those that are left can be found, and are ended with it. */
export class MarkedProcesses implements Disposable {
  readonly #value = crypto.randomUUID();
  readonly environment: Record<string, string> = { PATH: "/usr/bin:/bin", [VARIABLE]: this.#value };

  /** The pids of those that run. */
  running(): number[] {
    return findByEnvironment(VARIABLE, this.#value).map(({ pid }) => pid);
  }

  /** Waits until so many run. */
  async wait(count: number): Promise<number[]> {
    return waitFor(`${count} processes of this test`, () => this.running().length === count && this.running());
  }

  [Symbol.dispose](): void {
    for (const pid of this.running()) sendSignal(pid, "SIGKILL");
  }
}
