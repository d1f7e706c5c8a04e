import { describe, expect, test } from "bun:test";
import { type RootReading, readRoot, unknownCommand } from "../../src/commands/read-root.ts";
import { UsageError } from "../../src/model/errors.ts";

function refusal(words: readonly string[]): UsageError {
  try {
    readRoot(words);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(words)} was accepted`);
}

function command(name: string, words: string[], envFile?: string): RootReading {
  return { kind: "command", name, words, envFile };
}

describe("what stands before the command", () => {
  test.each<[string, string[], RootReading]>([
    ["nothing at all is told apart", [], { kind: "nothing" }],
    ["-h asks for help", ["-h"], { kind: "help" }],
    ["--help asks for help", ["--help"], { kind: "help" }],
    ["--help before a command is nymvisor's", ["--help", "config"], { kind: "help" }],
    ["-V asks for the short version", ["-V"], { kind: "version", long: false }],
    ["--version asks for the long one", ["--version"], { kind: "version", long: true }],
    ["the first word is the command", ["config", "-o", "json"], command("config", ["-o", "json"])],
    ["-c takes a file", ["-c", "f", "config"], command("config", [], "f")],
    ["-c takes a file that hangs on it", ["-cf", "config"], command("config", [], "f")],
    ["-c takes a file behind an equals sign", ["-c=f", "config"], command("config", [], "f")],
    ["--config-env-file takes a file", ["--config-env-file", "f", "config"], command("config", [], "f")],
    ["--config-env-file=FILE works as well", ["--config-env-file=a=b", "config"], command("config", [], "a=b")],
    ["-c and --help yield the help", ["-c", "f", "--help"], { kind: "help" }],
    ["words after the command are left alone", ["run", "-c", "x", "--", "-h"], command("run", ["-c", "x", "--", "-h"])],
    ["an empty command is a command", [""], command("", [])],
    ["a lone dash is a command", ["-"], command("-", [])],
  ])("%s", (_, words, expected) => {
    expect(readRoot(words)).toEqual(expected);
  });

  test.each<[string, string[], string, string | null]>([
    ["an unknown flag", ["--verison"], "nymvisor has no flag --verison", "did you mean --version?"],
    ["a command's flag", ["--id=x", "init"], "nymvisor has no flag --id", "stand after it"],
    ["bundled flags", ["-hV"], "nymvisor has no flag -hV", null],
    ["-c without a file", ["-c"], "-c needs a value", null],
    ["-c before another flag", ["-c", "--help"], "-c needs a value", "--help"],
    ["an empty file", ["-c", "", "config"], "-c needs a value", "empty"],
    [
      "an empty file behind an equals sign",
      ["--config-env-file=", "config"],
      "--config-env-file needs a value",
      "empty",
    ],
    ["two files", ["-c", "a", "--config-env-file=b", "config"], "given more than once", null],
    ["a value for --help", ["--help=yes"], "--help takes no value", "yes"],
    ["a value for --version", ["--version=2"], "--version takes no value", "2"],
    ["a double dash", ["--", "config"], "-- has no meaning", null],
    ["a file without a command", ["-c", "f"], "no command is given", null],
  ])("%s is refused, by name", (_, words, what, why) => {
    const error = refusal(words);
    expect(error.what).toContain(what);
    if (why !== null) expect(error.why).toContain(why);
    expect(error.next).toStartWith("nymvisor ");
    expect(error.exitCode).toBe(2);
  });
});

describe("a command that does not exist", () => {
  test("is named, with the one that was meant", () => {
    const error = unknownCommand("confg", ["init", "config"]);
    expect(error.what).toContain('"confg"');
    expect(error.why).toBe("did you mean config?");
    expect(error.next).toBe("nymvisor config --help");
  });

  test("is answered with all there are, if none is like it", () => {
    expect(unknownCommand("xyz", ["init", "config"]).why).toBe("its commands are init, config");
  });

  test("cannot colour a terminal", () => {
    expect(unknownCommand("\u001b[31m", ["init"]).what).not.toContain("\u001b");
  });
});

test("--no-banner, which Nym's tools say to every Nym binary, changes nothing", () => {
  expect(readRoot(["--no-banner", "build-info", "--output=json"])).toEqual(readRoot(["build-info", "--output=json"]));
});
