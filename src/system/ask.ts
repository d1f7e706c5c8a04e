import { printError } from "./print.ts";

/** Asks a person at the terminal. @returns whether the answer is yes; the end of the input is none. */
export async function ask(question: string): Promise<boolean> {
  await printError(`${question} [y/N] `);
  for await (const line of console) return /^\s*y(es)?\s*$/i.test(line);
  return false;
}
