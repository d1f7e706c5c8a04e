import { expect } from "bun:test";
import type { Ended } from "./nymvisor.ts";

/**
 * A failure as a person paged at night needs it: the exit status, nothing on stdout, one error on stderr that says all
 * of the given things, and no trace of the program's inside.
 */
export function expectFailure(ended: Ended, status: 1 | 2, ...said: (string | RegExp)[]): void {
  expect(ended).toMatchObject({ status, signal: null, stdout: "" });
  expect(ended.stderr).toMatch(/^error: \S/m);
  expect(ended.stderr).not.toMatch(/not foreseen|^\s+at .*:\d+:\d+/m);
  expect(ended.stderr).not.toContain("\u001b");
  for (const words of said) {
    if (typeof words === "string") expect(ended.stderr).toContain(words);
    else expect(ended.stderr).toMatch(words);
  }
}

/** A success that says nothing beside its result. @returns stdout. */
export function expectSuccess(ended: Ended): string {
  expect(ended).toMatchObject({ status: 0, signal: null, stderr: "" });
  return ended.stdout;
}
