import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";
import { bashScript } from "./completions/bash.ts";
import { fishScript } from "./completions/fish.ts";
import { completableProgram, type Program } from "./completions/program.ts";
import { zshScript } from "./completions/zsh.ts";
import { loadAllCommands } from "./index.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } satisfies Record<
  string,
  (program: Program) => string
>;

type Shell = keyof typeof SCRIPTS;

export const completions = declareCommand({
  name: "completions",
  summary: "Print a script that completes nymvisor's commands and flags in a shell",
  args: {
    shell: {
      type: "positional",
      required: true,
      description: "The shell to complete in",
      oneOf: Object.keys(SCRIPTS),
    },
  },
  manual: {
    about:
      "Prints a script for bash, zsh or fish. Once the shell has read it, the tab key completes commands, flags, their values and paths.",
    usage: `nymvisor completions <${Object.keys(SCRIPTS).join("|")}>`,
    examples: [
      {
        line: "nymvisor completions bash > ~/.local/share/bash-completion/completions/nymvisor",
        does: "For bash, where the package bash-completion is installed; or add `source <(nymvisor completions bash)` to ~/.bashrc",
      },
      {
        line: "nymvisor completions zsh > ~/.zfunc/_nymvisor",
        does: "For zsh, with `fpath+=~/.zfunc` before `autoload -U compinit && compinit` in ~/.zshrc",
      },
      { line: "nymvisor completions fish > ~/.config/fish/completions/nymvisor.fish", does: "For fish" },
    ],
  },
  async run({ args }) {
    const program = completableProgram(await loadAllCommands());
    await print(SCRIPTS[args.shell as Shell](program));
  },
});
