import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bashScript } from "../../src/commands/completions/bash.ts";
import { fishScript } from "../../src/commands/completions/fish.ts";
import { completableProgram } from "../../src/commands/completions/program.ts";
import { zshScript } from "../../src/commands/completions/zsh.ts";
import { commandNames, loadAllCommands } from "../../src/commands/index.ts";

const zsh = present("zsh");
const fish = present("fish");

let folder: string;
let script: { bash: string; zsh: string; fish: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-completions-"));
  mkdirSync(join(folder, "sub folder"));
  writeFileSync(join(folder, "some file"), "");
  const program = completableProgram(await loadAllCommands());
  const texts = { bash: bashScript(program), zsh: zshScript(program), fish: fishScript(program) };
  script = { bash: join(folder, "n.bash"), zsh: join(folder, "n.zsh"), fish: join(folder, "n.fish") };
  for (const shell of ["bash", "zsh", "fish"] as const) writeFileSync(script[shell], texts[shell]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function present(shell: string): boolean {
  if (Bun.which(shell) !== null) return true;
  console.warn(`SKIPPED: ${shell} is not installed, so its completion script is not tried`);
  return false;
}

function output(command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: folder, stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${stderr.toString()}`);
  return stdout.toString();
}

/** What bash offers for the last word; a call of `compopt`, which needs a real prompt, shows as it was made. */
function bashOffers(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const lines = output([
    "bash",
    "-c",
    `compopt() { printf 'compopt %s\\n' "$*"; }
     source "$0"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _nymvisor; printf '%s\\n' "\${COMPREPLY[@]}"`,
    script.bash,
  ]);
  return lines.split("\n").filter((line) => line !== "");
}

function fishOffers(line: string): string[] {
  const offers = output(["fish", "--no-config", "-c", `source ${script.fish}; complete -C ${JSON.stringify(line)}`]);
  return offers.split("\n").flatMap((offer) => (offer === "" ? [] : [offer.split("\t")[0] ?? ""]));
}

describe("in bash", () => {
  test("the script is accepted", () => {
    expect(output(["bash", "-n", script.bash])).toBe("");
  });

  test("every command is offered first", () => {
    expect(bashOffers("nymvisor", "")).toEqual([...commandNames]);
  });

  test.each<[string, string[], string[]]>([
    ["a command by its beginning", ["nymvisor", "add"], ["add-upgrade"]],
    ["a command behind -c FILE", ["nymvisor", "-c", "init", "conf"], ["config"]],
    ["a command behind --config-env-file=FILE", ["nymvisor", "--config-env-file", "=", "f", "conf"], ["config"]],
    ["a flag of nymvisor", ["nymvisor", "--con"], ["--config-env-file"]],
    ["a flag of a command", ["nymvisor", "init", "--daemon-h"], ["--daemon-home"]],
    ["a flag behind another's value", ["nymvisor", "init", "--id", "x", "--unsafe"], ["--unsafe-skip-backup"]],
    ["only the flags of the command", ["nymvisor", "config", "--"], ["--output", "--help"]],
    ["the choices of a flag", ["nymvisor", "config", "-o", ""], ["text", "json"]],
    ["the choices behind an equals sign", ["nymvisor", "config", "--output", "="], ["text", "json"]],
    ["a choice by its beginning", ["nymvisor", "config", "--output", "=", "j"], ["json"]],
    ["true and false", ["nymvisor", "init", "--enforce-download-checksum", ""], ["true", "false"]],
    ["the shells of completions", ["nymvisor", "completions", ""], ["bash", "zsh", "fish"]],
    ["the commands that help knows", ["nymvisor", "help", "daemon"], ["daemon-build-info"]],
    ["files for the binary", ["nymvisor", "init", ""], ["compopt -o default"]],
    ["files for -c", ["nymvisor", "-c", ""], ["compopt -o default"]],
    ["folders for the home", ["nymvisor", "init", "--daemon-home", ""], ["compopt -o dirnames"]],
    ["files for the daemon's words", ["nymvisor", "run", "run", "--id", ""], ["compopt -o default"]],
    ["no flag among the daemon's words", ["nymvisor", "run", "run", "--"], []],
    ["nothing for a name", ["nymvisor", "init", "--id", ""], []],
    ["nothing where no word belongs", ["nymvisor", "completions", "bash", ""], []],
  ])("it offers %s", (_, words, offers) => {
    expect(bashOffers(...words)).toEqual(offers);
  });
});

describe("in zsh", () => {
  test.skipIf(!zsh)("the script is accepted", () => {
    expect(output(["zsh", "-n", script.zsh])).toBe("");
  });

  test("every command has its case", async () => {
    const text = await Bun.file(script.zsh).text();
    for (const name of commandNames) expect(text).toMatch(new RegExp(`^ +${name}\\)`, "m"));
  });
});

describe.skipIf(!fish)("in fish", () => {
  test("the script is accepted", () => {
    expect(output(["fish", "-n", script.fish])).toBe("");
  });

  test("every command is offered first", () => {
    expect(fishOffers("nymvisor ").sort()).toEqual([...commandNames].sort());
  });

  test.each<[string, string, string[]]>([
    ["a command behind -c FILE", "nymvisor -c x conf", ["config"]],
    ["a flag of a command", "nymvisor init --daemon-h", ["--daemon-home"]],
    ["the choices of a flag", "nymvisor config -o ", ["json", "text"]],
    ["the shells of completions", "nymvisor completions ", ["bash", "fish", "zsh"]],
    ["files for the daemon's words", "nymvisor run run --x som", ["some file"]],
    ["folders for the home", "nymvisor init --daemon-home s", ["sub folder/"]],
  ])("it offers %s", (_, line, offers) => {
    expect(fishOffers(line)).toEqual(offers);
  });
});
