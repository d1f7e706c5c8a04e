import { readFileSync } from "node:fs";
import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";

/** What the runtime puts where it could not decode a byte; a person may have typed it as well. */
const REPLACEMENT = "\ufffd";

/**
 * The words after the program's name. The runtime decodes them as UTF-8 and loses every byte that is not, and would
 * hand the daemon another word than was typed; the kernel still has the bytes.
 * @throws {UsageError} for a word that is not UTF-8.
 */
export function readCommandLine(): readonly string[] {
  const words = process.argv.slice(2);
  if (words.some((word) => word.includes(REPLACEMENT))) refuseForeignBytes(words, readFileSync("/proc/self/cmdline"));
  return words;
}

/**
 * Compares words with the bytes that they were decoded from (proc_pid_cmdline(5): each word ends with a NUL).
 * @throws {UsageError}
 */
export function refuseForeignBytes(words: readonly string[], commandLine: Uint8Array): void {
  const bytes = splitAtNul(commandLine).slice(-words.length);
  const strict = new TextDecoder("utf-8", { fatal: true });
  for (const [index, word] of bytes.entries()) {
    try {
      strict.decode(word);
    } catch {
      throw new UsageError({
        what: `argument ${index + 1}, "${printable(words[index] ?? "")}", is not valid UTF-8`,
        why: "its bytes cannot be handed on as they are",
        next: "rename the file, or write the value in UTF-8",
      });
    }
  }
}

function splitAtNul(bytes: Uint8Array): Uint8Array[] {
  const words: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const nul = bytes.indexOf(0, start);
    const end = nul === -1 ? bytes.length : nul;
    words.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return words;
}
