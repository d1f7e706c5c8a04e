/**
 * What goes wrong in one process of the fault build, as its environment says:
 * - `NYMVISOR_FAULT_RECORD`: a file that gets a line for each effect, before it happens;
 * - `NYMVISOR_FAULT`: a {@link Fault} in JSON.
 */
export const RECORD_VARIABLE = "NYMVISOR_FAULT_RECORD";
export const FAULT_VARIABLE = "NYMVISOR_FAULT";

/** Errors of the file system that a fault can be. */
export type FaultCode = "ENOSPC" | "EIO" | "EROFS" | "EACCES" | "EMFILE";

export interface Fault {
  /**
   * A death by SIGKILL (before a write: in the midst of it, with half of it done), or an error in place of the effect
   * (of a write: after half of it).
   */
  action: "kill-before" | "kill-after" | FaultCode;
  /** A pattern for names of effects, `<kind> <path>`: `^rename .*upgrade-plan.json$`. */
  effect: string;
  /** Only the one of this number among those that match, from 1; without it each of them. */
  occurrence?: number;
  /** Only while a file of this name is there. */
  while?: string;
}

/** Begins the line of a record that says that the fault has happened. */
export const FAULT_MARK = "fault: ";
