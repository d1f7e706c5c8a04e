import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/model/errors.ts";
import { refuseForeignBytes } from "../../src/system/command-line.ts";

/** What the kernel keeps: each word with a NUL behind it. */
function commandLine(...words: (string | number[])[]): Uint8Array {
  return Uint8Array.from(words.flatMap((word) => [...(typeof word === "string" ? Buffer.from(word) : word), 0]));
}

describe("words that the runtime may have decoded wrongly", () => {
  test("are fine when they were UTF-8, even with a replacement character that was typed", () => {
    const words = ["run", "\ufffd", "", "ü"];
    expect(() => refuseForeignBytes(words, commandLine("/bin/nymvisor", ...words))).not.toThrow();
  });

  test("are refused by their number when they were not", () => {
    const line = commandLine("/bin/nymvisor", "run", "", [0x61, 0xff]);
    expect(() => refuseForeignBytes(["run", "", "a\ufffd"], line)).toThrow(UsageError);
    expect(() => refuseForeignBytes(["run", "", "a\ufffd"], line)).toThrow("argument 3");
  });

  test("are refused when they hold half of a surrogate pair, which UTF-8 has no form for", () => {
    const line = commandLine("/bin/nymvisor", [0xed, 0xa0, 0x80]);
    expect(() => refuseForeignBytes(["\ufffd\ufffd\ufffd"], line)).toThrow("argument 1");
  });

  test("do not include the program itself, whose folder may be named in any bytes", () => {
    expect(() => refuseForeignBytes(["config"], commandLine([0xff], "config"))).not.toThrow();
  });
});
