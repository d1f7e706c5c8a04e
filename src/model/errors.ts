/** What every failure carries on its way to `main.ts`, which is the only place that prints one. */
export interface Failure {
  /** What happened, in one line, without a full stop. */
  what: string;
  /** Why: the fact behind it (a system error, the two sides that disagree, every wrong value on its own line). */
  why?: string | undefined;
  /** What to type or do next. */
  next?: string | undefined;
  /** The error that this one explains. */
  cause?: unknown;
}

/**
 * A failure that a person can act on. Its message is `what: why`; `next` is printed on a line of its own.
 * `name` is a literal because minified builds rename classes.
 */
export class NymvisorError extends Error {
  override name = "NymvisorError";
  /** The exit status of the command: 1, or 2 for a {@link UsageError}. */
  readonly exitCode: number = 1;
  readonly what: string;
  readonly why: string | undefined;
  readonly next: string | undefined;

  constructor({ what, why, next, cause }: Failure) {
    super(why === undefined ? what : `${what}: ${why}`, cause === undefined ? undefined : { cause });
    this.what = what;
    this.why = why;
    this.next = next;
  }
}

/** A command line that cannot be carried out as it was typed: exit status 2. */
export class UsageError extends NymvisorError {
  override name = "UsageError";
  override readonly exitCode = 2;
}

/** The system's name of an error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * What a machine says no with to something that is right in itself, and that may be possible again later: room, rights,
 * a device's or a process's limits (errno(3)).
 */
const REFUSALS: ReadonlySet<string> = new Set([
  "EACCES",
  "EDQUOT",
  "EIO",
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "ENOSPC",
  "EPERM",
  "EROFS",
]);

/** Whether the error, or one that it explains, is the machine's and not one of what is written on it. */
export function isMachineRefusal(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = errorCode(at);
    if (code !== undefined && REFUSALS.has(code)) return true;
  }
  return false;
}

/** One line that says what an error of any kind says, with no stack. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

/** {@link reasonOf}, and in parentheses what to do next: for what is logged or kept, and never printed as an error. */
export function adviceOf(error: unknown): string {
  const next = error instanceof NymvisorError ? error.next : undefined;
  return next === undefined ? reasonOf(error) : `${reasonOf(error)} (${next})`;
}
