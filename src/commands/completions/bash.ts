import type { CompletableCommand, CompletableFlag, Completion, Program } from "./program.ts";

/** Any bash since 4.1, with or without the package bash-completion. */
export function bashScript({ flags, commands }: Program): string {
  const files = flags.filter(({ value }) => value !== null).flatMap(({ spellings }) => spellings);
  return `# bash completion of nymvisor; made by: nymvisor completions bash

_nymvisor() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= skip= place=0 word i
    COMPREPLY=()

    # bash makes words of its own out of "--flag=value".
    if [[ $cur == "=" ]]; then
        cur=
    elif [[ $prev == "=" ]]; then
        prev=\${COMP_WORDS[COMP_CWORD-2]}
    fi

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ -n $skip ]]; then
            [[ $word == "=" ]] || skip=
            continue
        fi
        if [[ -z $command ]]; then
            case $word in
                ${files.join(" | ")}) skip=1 ;;
                -*) ;;
                *) command=$word ;;
            esac
        else
            case "$command $word" in
${commands.flatMap(skippedValues).join("\n")}
                *" -"*) ;;
                *) place=$((place + 1)) ;;
            esac
        fi
    done

    case "$command $prev" in
${[...flags.flatMap((flag) => valueCase("", flag)), ...commands.flatMap(({ name, flags }) => flags.flatMap((flag) => valueCase(name, flag)))].join("\n")}
    esac

    if [[ $cur == -* ]]; then
        case $command in
            "") _nymvisor_words ${words(flags)} ;;
${commands
  .filter(({ transparent }) => !transparent)
  .map(({ name, flags }) => `            ${name}) _nymvisor_words ${words(flags)} ;;`)
  .join("\n")}
        esac
        return
    fi

    case "$command $place" in
        " 0") _nymvisor_words ${commands.map(({ name }) => name).join(" ")} ;;
${commands.flatMap(placeCases).join("\n")}
    esac
}

_nymvisor_words() {
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

# Paths are left to bash itself, which knows about ~ and about quotes.
_nymvisor_files() {
    compopt -o default
}

_nymvisor_folders() {
    compopt -o dirnames
}

complete -F _nymvisor nymvisor
`;
}

/** Values are not positionals; \`skip\` passes over the word behind such a flag. */
function skippedValues({ name, flags }: CompletableCommand): string[] {
  const spellings = flags.filter(({ value }) => value !== null).flatMap(({ spellings }) => spellings);
  if (spellings.length === 0) return [];
  return [`                ${spellings.map((spelling) => `"${name} ${spelling}"`).join(" | ")}) skip=1 ;;`];
}

function valueCase(command: string, { spellings, value }: CompletableFlag): string[] {
  if (value === null) return [];
  const patterns = spellings.map((spelling) => `"${command} ${spelling}"`).join(" | ");
  return [`        ${patterns}) ${action(value)}; return ;;`];
}

function placeCases({ name, positionals, transparent }: CompletableCommand): string[] {
  if (transparent) return [`        "${name} "*) _nymvisor_files ;;`];
  return positionals.map((positional, index) => `        "${name} ${index}") ${action(positional)} ;;`);
}

function action(completion: Completion): string {
  if (completion === "file") return "_nymvisor_files";
  if (completion === "folder") return "_nymvisor_folders";
  if (completion === "free") return ":";
  return `_nymvisor_words ${completion.join(" ")}`;
}

function words(flags: readonly CompletableFlag[]): string {
  return flags.flatMap(({ spellings }) => spellings).join(" ");
}
