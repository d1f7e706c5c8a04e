import { describe, expect, test } from "bun:test";
import type { Arguments } from "../../src/commands/argument.ts";
import { readArguments } from "../../src/commands/read-arguments.ts";
import { UsageError } from "../../src/model/errors.ts";

const args: Arguments = {
  source: { type: "positional", required: true },
  target: { type: "positional", required: false, oneOf: ["here", "there"] },
  "daemon-home": { type: "string", valueHint: "DIR" },
  "upgrade-name": { type: "string", required: true, valueHint: "NAME" },
  delay: {
    type: "string",
    valueHint: "DURATION",
    excludes: ["now"],
    check(text) {
      if (!/^\d+s$/.test(text)) throw new RangeError(`"${text}" is not a duration`);
    },
  },
  now: { type: "boolean" },
  output: { type: "enum", alias: "o", options: ["text", "json"], default: "text" },
};
const command = { name: "test", args, transparent: false };
const enough = ["a", "--upgrade-name=n"];

function read(...words: string[]): readonly string[] {
  const reading = readArguments(words, command);
  if (reading.kind === "help") throw new Error("that asked for help");
  return reading.words;
}

function refusal(...words: string[]): UsageError {
  try {
    read(...words);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(words)} was accepted`);
}

describe("arguments in order", () => {
  test.each<[string, string[], string[]]>([
    ["a value after its flag", ["a", "--upgrade-name", "n"], ["--upgrade-name=n", "--", "a"]],
    ["a value behind an equals sign", ["a", "--upgrade-name=n"], ["--upgrade-name=n", "--", "a"]],
    ["a value that holds equals signs", ["a", "--upgrade-name=n=m="], ["--upgrade-name=n=m=", "--", "a"]],
    ["an attached value that begins with a dash", ["a", "--upgrade-name=-n"], ["--upgrade-name=-n", "--", "a"]],
    ["a value that is a lone dash", ["a", "--upgrade-name", "-"], ["--upgrade-name=-", "--", "a"]],
    ["a value with spaces and newlines", ["a", "--upgrade-name", "n \n m"], ["--upgrade-name=n \n m", "--", "a"]],
    ["flags before positionals", ["--upgrade-name", "n", "a", "here"], ["--upgrade-name=n", "--", "a", "here"]],
    ["a flag that takes no value", [...enough, "--now"], ["--upgrade-name=n", "--now", "--", "a"]],
    ["a short flag", [...enough, "-o", "json"], ["--upgrade-name=n", "--output=json", "--", "a"]],
    ["a short flag with its value attached", [...enough, "-ojson"], ["--upgrade-name=n", "--output=json", "--", "a"]],
    ["a short flag with an equals sign", [...enough, "-o=json"], ["--upgrade-name=n", "--output=json", "--", "a"]],
    ["a double dash, which ends the flags", ["--upgrade-name=n", "--", "--now"], ["--upgrade-name=n", "--", "--now"]],
    ["a lone dash as a positional", ["-", "--upgrade-name=n"], ["--upgrade-name=n", "--", "-"]],
  ])("%s", (_, words, expected) => {
    expect(read(...words)).toEqual(expected);
  });

  test.each([["--help"], ["-h"]])("%s asks for help, wherever it stands", (word) => {
    expect(readArguments([word], command)).toEqual({ kind: "help" });
    expect(readArguments(["a", "--now", word], command)).toEqual({ kind: "help" });
  });

  test("--help behind a double dash is a word like any other", () => {
    expect(read("--upgrade-name=n", "--", "--help")).toEqual(["--upgrade-name=n", "--", "--help"]);
  });
});

describe("arguments that cannot be used", () => {
  test.each<[string, string[], string, string | null]>([
    ["an unknown flag", [...enough, "--frobnicate"], "nymvisor test has no flag --frobnicate", null],
    ["a misspelt flag", [...enough, "--daemon-hoem=x"], "no flag --daemon-hoem", "did you mean --daemon-home?"],
    ["a flag in camel case", ["a", "--upgradeName=n"], "no flag --upgradeName", "did you mean --upgrade-name?"],
    ["a flag with one dash", [...enough, "-now"], "no flag -now", "did you mean --now?"],
    ["a long flag of a short one's letter", [...enough, "-output"], "no flag -output", "did you mean --output?"],
    ["a negated flag", [...enough, "--no-now"], "no flag --no-now", "did you mean --now?"],
    ["a name that every object has", [...enough, "--constructor"], "no flag --constructor", null],
    ["a prototype", [...enough, "--__proto__=x"], "no flag --__proto__", null],
    ["an unknown short flag", [...enough, "-x"], "no flag -x", null],
    ["bundled short flags", [...enough, "-hx"], "no flag -hx", null],
    ["a missing value at the end", [...enough, "--daemon-home"], "--daemon-home needs a value", null],
    ["a flag where a value should be", ["a", "--upgrade-name", "--now"], "--upgrade-name needs a value", "--now"],
    ["a negative number as a value", [...enough, "--delay", "-5s"], "--delay needs a value", "-5s"],
    ["a double dash where a value should be", ["a", "--upgrade-name", "--"], "--upgrade-name needs a value", "--"],
    ["an empty value", ["a", "--upgrade-name", ""], "--upgrade-name needs a value", "empty"],
    ["an empty attached value", ["a", "--upgrade-name="], "--upgrade-name needs a value", "empty"],
    ["a repeated flag", [...enough, "--upgrade-name=m"], "--upgrade-name is given more than once", null],
    [
      "a flag repeated in its short form",
      [...enough, "--output=text", "-ojson"],
      "--output is given more than once",
      null,
    ],
    ["a repeated flag without value", [...enough, "--now", "--now"], "--now is given more than once", null],
    ["a value for a flag that takes none", [...enough, "--now=true"], "--now takes no value", "true"],
    ["a positional too many", [...enough, "here", "extra"], '"extra"', "<SOURCE> <TARGET>"],
    ["a value after a flag that takes none", ["a", "here", "--now", "false"], '"false"', null],
    ["an empty positional", ["", "--upgrade-name=n"], "<SOURCE> is empty", null],
    ["a missing positional", ["--upgrade-name=n"], "needs <SOURCE>", null],
    ["a missing flag", ["a"], "needs --upgrade-name", null],
    ["both missing", [], "needs <SOURCE> and --upgrade-name", null],
    [
      "two that exclude each other",
      [...enough, "--now", "--delay=5s"],
      "--delay and --now cannot be given together",
      null,
    ],
    ["a word that is no choice", [...enough, "-o", "jsn"], "--output cannot be used", "did you mean json?"],
    ["a choice in capitals", [...enough, "-o", "JSON"], "--output cannot be used", "did you mean json?"],
    ["a positional that is no choice", [...enough, "her"], "<TARGET> cannot be used", "did you mean here?"],
    ["a malformed value", [...enough, "--delay=x"], "--delay cannot be used", '"x" is not a duration'],
  ])("%s", (_, words, what, why) => {
    const error = refusal(...words);
    expect(error.what).toContain(what);
    if (why !== null) expect(error.why).toContain(why);
    expect(error.next).toStartWith("nymvisor test");
  });

  test("several wrong values are told in one go", () => {
    const error = refusal(...enough, "--delay=x", "-o", "yaml");
    expect(error.what).toBe("2 values cannot be used");
    expect(error.why).toContain("--delay:");
    expect(error.why).toContain("--output:");
  });

  test("a check that fails for another reason is not taken for a wrong value", () => {
    const broken = { type: "string", check: () => JSON.parse("{") } as const;
    expect(() => readArguments(["--x=1"], { ...command, args: { x: broken } })).toThrow(SyntaxError);
  });

  test.each<[string, string[], string]>([
    ["-c", ["-c", "f"], "nymvisor -c <FILE> test …"],
    ["-c with its file attached", ["-cf"], "nymvisor -c <FILE> test …"],
    ["--config-env-file", ["--config-env-file=f"], "nymvisor --config-env-file <FILE> test …"],
    ["-V", ["-V"], "nymvisor -V"],
    ["--version", ["--version"], "nymvisor --version"],
  ])("%s after the command is told where it belongs", (_, words, next) => {
    const error = refusal(...enough, ...words);
    expect(error.what).toContain("does not belong after test");
    expect(error.next).toBe(next);
  });
});

describe("a transparent command", () => {
  const transparent = { ...command, transparent: true };

  test.each<[string, string[], string[]]>([
    [
      "hands on every word as it is",
      ["run", "--id", "x", "--help", "--", "--no-y"],
      ["run", "--id", "x", "--help", "--", "--no-y"],
    ],
    ["drops a leading double dash", ["--", "--help"], ["--help"]],
    ["drops one double dash only", ["--", "--", "x"], ["--", "x"]],
    ["keeps empty words", ["", "x", ""], ["", "x", ""]],
    ["keeps repeated and unknown flags", ["--a", "--a", "-c", "-V"], ["--a", "--a", "-c", "-V"]],
    ["hands on nothing where there is nothing", [], []],
  ])("%s", (_, words, expected) => {
    expect(readArguments(words, transparent)).toEqual({ kind: "words", words: expected });
  });

  test.each([["--help"], ["-h"]])("takes %s as its own as the first word only", (word) => {
    expect(readArguments([word, "x"], transparent)).toEqual({ kind: "help" });
    expect(readArguments(["x", word], transparent)).toEqual({ kind: "words", words: ["x", word] });
  });
});
