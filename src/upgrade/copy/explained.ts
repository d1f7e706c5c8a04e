import { dirname } from "node:path";
import { errorCode, NymvisorError, reasonOf } from "../../model/errors.ts";
import { explanation } from "../../system/durable.ts";

/** Does what has to do with the copy at `path`. @throws {NymvisorError} that says what it fails with. */
export async function explained<T>(path: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof NymvisorError) throw error;
    if (signal?.aborted) throw interrupted(signal);
    const full = ["ENOSPC", "EDQUOT"].includes(errorCode(error) ?? "");
    throw new NymvisorError({
      what: "the home cannot be copied",
      why: `${path}: ${explanation(error)}`,
      next: full ? `make room there: df -h '${dirname(path)}'` : `check the folder: ls -ld '${path}'`,
      cause: error,
    });
  }
}

function interrupted(signal: AbortSignal): NymvisorError {
  return new NymvisorError({
    what: "the copy of the home was stopped before it was complete",
    why: reasonOf(signal.reason),
    next: "nothing depends on it; it is made again when it is needed",
    cause: signal.reason,
  });
}
