import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { declareCommand } from "../../src/commands/command.ts";
import { readArguments } from "../../src/commands/read-arguments.ts";
import type { Environment } from "../../src/system/environment.ts";

const environment = { variables: {} } as Environment;
const manual = { about: "", examples: [] };

const oddWords = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "",
    "-",
    "--",
    "--help",
    "-h",
    "--no-y",
    "--no-",
    "--__proto__=x",
    "--no-constructor",
    "-abc",
    "--x=",
  ),
);

describe("a declared command", () => {
  test("that is transparent gets every word as it was typed, whatever it is", async () => {
    const seen: (readonly string[])[] = [];
    const command = declareCommand({
      name: "run",
      summary: "",
      args: {},
      transparent: true,
      manual,
      async run({ words }) {
        seen.push(words);
      },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(oddWords), async (words) => {
        await command.execute(words, environment);
        expect(seen.pop()).toEqual(words);
      }),
    );
  });

  test.each<[string[], boolean | undefined]>([
    [["--no-data"], true],
    [[], undefined],
  ])("may have a flag that begins with no: %j", async (words, given) => {
    const seen: unknown[] = [];
    const command = declareCommand({
      name: "test",
      summary: "",
      args: { "no-data": { type: "boolean" } },
      manual,
      async run({ args }) {
        seen.push(args["no-data"]);
      },
    });
    const reading = readArguments(words, command);
    await command.execute(reading.kind === "words" ? reading.words : [], environment);
    expect(seen).toEqual([given]);
  });

  test("gets the very values that the strict reader accepted", async () => {
    const seen: unknown[] = [];
    const command = declareCommand({
      name: "test",
      summary: "",
      args: {
        place: { type: "positional", required: true },
        "some-name": { type: "string" },
        bare: { type: "boolean" },
      },
      manual,
      async run({ args }) {
        seen.push([args.place, args["some-name"], args.bare]);
      },
    });
    const word = oddWords.filter((text) => text !== "");
    await fc.assert(
      fc.asyncProperty(word, word, fc.boolean(), async (place, name, bare) => {
        const typed = [...(bare ? ["--bare"] : []), `--some-name=${name}`, "--", place];
        const reading = readArguments(typed, command);
        if (reading.kind === "help") throw new Error("that asked for help");
        await command.execute(reading.words, environment);
        expect(seen.pop()).toEqual([place, name, bare ? true : undefined]);
      }),
    );
  });

  test("ends with the status that it returns, or with 0", async () => {
    const ending = (status: number | undefined) =>
      declareCommand({ name: "x", summary: "", args: {}, manual, run: async () => status }).execute([], environment);
    expect(await ending(137)).toBe(137);
    expect(await ending(undefined)).toBe(0);
  });

  test("that fails hands its own error on", async () => {
    const error = new Error("mine");
    const failing = declareCommand({
      name: "x",
      summary: "",
      args: {},
      manual,
      async run() {
        throw error;
      },
    });
    await expect(failing.execute([], environment)).rejects.toBe(error);
  });
});
