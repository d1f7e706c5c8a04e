import { describe, expect, test } from "bun:test";
import { nearest } from "../../src/model/suggest.ts";

const COMMANDS = ["init", "run", "add-upgrade", "config", "build-info", "daemon-build-info", "completions", "help"];
const FLAGS = [
  "--id",
  "--upstream-polling-rate",
  "--daemon-home",
  "--restart-daemon-on-failure",
  "--restart-daemon-after-upgrade",
  "--unsafe-skip-backup",
  "--output",
  "--help",
];

describe("the nearest word", () => {
  test.each([
    ["a letter too many", "initt", COMMANDS, "init"],
    ["a letter missing", "confg", COMMANDS, "config"],
    ["another letter", "buill-info", COMMANDS, "build-info"],
    ["two letters swapped", "confgi", COMMANDS, "config"],
    ["capitals", "INIT", COMMANDS, "init"],
    ["a piece of it", "upgrade", COMMANDS, "add-upgrade"],
    ["its beginning", "comp", COMMANDS, "completions"],
    ["one dash too few", "-output", FLAGS, "--output"],
    ["underscores for dashes", "--daemon_home", FLAGS, "--daemon-home"],
    ["a part left out", "--restart-on-failure", FLAGS, "--restart-daemon-on-failure"],
    ["only its end", "--skip-backup", FLAGS, "--unsafe-skip-backup"],
    ["its first parts", "--upstream-polling", FLAGS, "--upstream-polling-rate"],
  ] as const)("is found for %s: %p", (_, word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  test.each([["nonsense"], [""], ["--"], ["x"], ["\ufffd"]])("is nothing where no word is like %p", (word) => {
    expect(nearest(word, [...COMMANDS, ...FLAGS])).toBeUndefined();
  });

  test("is the nearer one of two that are near", () => {
    expect(nearest("--restart-daemon-on-failur", FLAGS)).toBe("--restart-daemon-on-failure");
    expect(nearest("build-inf", COMMANDS)).toBe("build-info");
  });
});
