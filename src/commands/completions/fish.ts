import type { CompletableCommand, CompletableFlag, Completion, Program } from "./program.ts";

export function fishScript({ flags, commands }: Program): string {
  const withValue = flags.filter(({ value }) => value !== null).flatMap(({ spellings }) => spellings);
  return `# fish completion of nymvisor; made by: nymvisor completions fish

# The command that stands on the line so far; fails if there is none yet.
function __nymvisor_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case ${withValue.join(" ")}
                set -e words[1]
                set -q words[1]; and set -e words[1]
            case '-*'
                set -e words[1]
            case '*'
                echo $words[1]
                return 0
        end
    end
    return 1
end

function __nymvisor_is
    set -l command (__nymvisor_command)
    and test "$command" = "$argv[1]"
end

complete -c nymvisor -f
${flags.map((flag) => flagLine("not __nymvisor_command >/dev/null", flag)).join("\n")}
${commands.map(({ name, summary }) => `complete -c nymvisor -n 'not __nymvisor_command >/dev/null' -a ${name} -d ${quoted(summary)}`).join("\n")}
${commands.flatMap(commandLines).join("\n")}
`;
}

function commandLines({ name, flags, positionals, transparent }: CompletableCommand): string[] {
  const condition = `__nymvisor_is ${name}`;
  if (transparent) return [`complete -c nymvisor -n ${quoted(condition)} -F`];
  return [
    ...flags.map((flag) => flagLine(condition, flag)),
    ...positionals.map((positional) => `complete -c nymvisor -n ${quoted(condition)} ${argument(positional)}`),
  ];
}

function flagLine(condition: string, { spellings, description, value }: CompletableFlag): string {
  const names = spellings.map((spelling) =>
    spelling.startsWith("--") ? `-l ${spelling.slice(2)}` : `-s ${spelling.slice(1)}`,
  );
  const tail = value === null ? "" : ` -r ${argument(value)}`;
  return `complete -c nymvisor -n ${quoted(condition)} ${names.join(" ")} -d ${quoted(description)}${tail}`;
}

function argument(completion: Completion): string {
  if (completion === "file") return "-F";
  if (completion === "folder") return "-f -a '(__fish_complete_directories)'";
  if (completion === "free") return "-f";
  return `-f -a ${quoted(completion.join(" "))}`;
}

/** Between single quotes fish knows two escapes only. */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
