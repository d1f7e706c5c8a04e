import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { testExecutable } from "../support/executable.ts";
import { FAULT_VARIABLE, RECORD_VARIABLE } from "./build/fault.ts";
import { faultExecutable } from "./support/fault-executable.ts";

/** Faults are in an executable of their own, and the words that switch them on are in no release. */
test("a release has no fault points", async () => {
  const faulty = readFileSync(await faultExecutable());
  const released = readFileSync(await testExecutable());
  for (const word of [FAULT_VARIABLE, RECORD_VARIABLE, "a fault that was asked for"]) {
    expect([word, faulty.includes(word), released.includes(word)]).toEqual([word, true, false]);
  }
});
