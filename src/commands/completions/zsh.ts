import type { CompletableCommand, CompletableFlag, Completion, Program } from "./program.ts";

/** For a folder of `$fpath`, and for `source <(…)`. */
export function zshScript({ flags, commands }: Program): string {
  return `#compdef nymvisor
# zsh completion of nymvisor; made by: nymvisor completions zsh

_nymvisor() {
    local context state state_descr line
    typeset -A opt_args

    _arguments -C \\
${flags.map((flag) => `        ${flagSpec(flag)} \\`).join("\n")}
        '1: :->command' \\
        '*:: :->arguments'

    case $state in
        command)
            local -a commands=(
${commands.map(({ name, summary }) => `                ${quoted(`${name}:${summary}`)}`).join("\n")}
            )
            _describe -t commands 'command of nymvisor' commands
            ;;
        arguments)
            case $line[1] in
${commands.map(commandCase).join("\n")}
            esac
            ;;
    esac
}

if [[ $funcstack[1] == _nymvisor ]]; then
    _nymvisor "$@"
else
    compdef _nymvisor nymvisor
fi
`;
}

function commandCase({ name, flags, positionals, transparent }: CompletableCommand): string {
  if (transparent) return `                ${name}) _files ;;`;
  const specs = [
    ...flags.map(flagSpec),
    ...positionals.map((positional, index) => quoted(`${index + 1}: :${action(positional)}`)),
  ];
  return [
    `                ${name})`,
    `                    _arguments \\`,
    `                        ${specs.join(" \\\n                        ")}`,
    `                    ;;`,
  ].join("\n");
}

/** `'(--output -o)'{--output=,-o+}'[description]:value:(text json)'`: one of the spellings, once. */
function flagSpec({ spellings, description, value }: CompletableFlag): string {
  const marked = spellings.map((spelling) =>
    value === null ? spelling : `${spelling}${spelling.startsWith("--") ? "=" : "+"}`,
  );
  const names = marked.length === 1 ? marked[0] : `{${marked.join(",")}}`;
  const tail = value === null ? "" : `:value:${action(value)}`;
  return `${quoted(`(${spellings.join(" ")})`)}${names}${quoted(`[${escaped(description)}]${tail}`)}`;
}

function action(completion: Completion): string {
  if (completion === "file") return "_files";
  if (completion === "folder") return "_files -/";
  if (completion === "free") return " ";
  return `(${completion.join(" ")})`;
}

function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
