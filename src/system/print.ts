import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";

/**
 * Writes a result to standard output. All of it is with the kernel when this returns, so ending the process then cuts
 * nothing off. A reader that went away (`| head`) has what it wanted: that is no failure.
 * @throws {NymvisorError} where it cannot be written, as on a full disk.
 */
export async function print(text: string): Promise<void> {
  try {
    await Bun.write(Bun.stdout, text);
  } catch (error) {
    if (errorCode(error) === "EPIPE") return;
    throw new NymvisorError({
      what: "the result cannot be written to standard output",
      why: reasonOf(error),
      cause: error,
    });
  }
}

/** Writes a message to standard error. Where nobody can receive it, there is nobody to tell that to either. */
export async function printError(text: string): Promise<void> {
  try {
    await Bun.write(Bun.stderr, text);
  } catch (error) {
    if (!["EPIPE", "ENOSPC", "EIO", "EBADF"].includes(errorCode(error) ?? "")) throw error;
  }
}
