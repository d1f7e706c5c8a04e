import { NymvisorError } from "../../src/model/errors.ts";

/** The error that `action` throws. @throws if it throws none, or one that was not made for a person. */
export function failureOf(action: () => unknown): NymvisorError {
  try {
    action();
  } catch (error) {
    if (error instanceof NymvisorError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** The error that a promise is rejected with, as {@link failureOf}. */
export async function failureOfAsync(action: Promise<unknown>): Promise<NymvisorError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof NymvisorError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
