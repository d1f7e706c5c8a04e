import { wrap, wrapWords } from "../model/wrap.ts";
import type { Style } from "../system/terminal.ts";
import {
  type Argument,
  type Arguments,
  flagsOf,
  HELP,
  placeholder,
  positionalsOf,
  shortForm,
  valueHint,
} from "./argument.ts";
import type { Command, Example } from "./command.ts";
import { rootArguments, SHORT_VERSION } from "./read-root.ts";

/** How wide and how marked the help is to be. */
export interface Look {
  style: Style;
  /** In columns. */
  width: number;
}

const QUICK_START: readonly Example[] = [
  {
    line: "nymvisor init --daemon-home ~/.nym/nym-nodes/my-node ./nym-node",
    does: "Once: take the node in and write the configuration",
  },
  {
    line: "nymvisor run run --id my-node",
    does: "Run the node; what follows the first run is the node's own command line",
  },
  { line: "nymvisor config", does: "See which settings hold" },
];

const ROOT_NOTES: readonly string[] = [
  "An environment variable wins over a flag, a flag over the configuration file, the file over the default. `nymvisor help init` lists every setting with its variable.",
  "Several instances on one machine: NYMVISOR_ID, or NYMVISOR_CONFIG_PATH, says which one is meant. NYM_HOME_DIR stands in for $HOME. NYMVISOR_LOG=debug|info|warn|error sets how much is logged.",
  "Exit status: 0 done; 1 failed; 2 the command line cannot be used; `run` ends as a daemon that has failed for good did.",
];

/** What `nymvisor --help` shows. */
export function renderRootHelp(commands: readonly Pick<Command, "name" | "summary">[], look: Look): string {
  return page([
    wrap(
      "Runs a Nym node and keeps it up to date: new releases are downloaded, verified and tried while the node runs, then take over in seconds.",
      look.width,
    ),
    section("Usage", [`  nymvisor [-c <FILE>] <COMMAND>`], look),
    section("Quick start", examples(QUICK_START, look), look),
    section("Commands", [...listed(commands, look), "", "  nymvisor <COMMAND> --help tells more about each."], look),
    section("Options", options(flagsOf(rootArguments), look), look),
    section("Good to know", paragraphs(ROOT_NOTES, look), look),
  ]);
}

/** What `nymvisor <COMMAND> --help` shows. */
export function renderCommandHelp(
  { name, args, manual, members }: Pick<Command, "name" | "args" | "manual" | "members">,
  look: Look,
): string {
  if (members !== undefined) return renderGroupHelp({ name, manual, members }, look);
  const positionals = positionalsOf(args).flatMap(([place, argument]) => entry(placeholder(place), argument, look));
  const groups = Map.groupBy([...flagsOf(args), ["help", HELP] as const], ([, { group }]) => group ?? "Options");
  return page([
    wrap(manual.about, look.width),
    section("Usage", [`  ${manual.usage ?? usageOf(name, args)}`], look),
    section("Arguments", positionals, look),
    ...[...groups].map(([heading, flags]) => section(heading, options(flags, look), look)),
    section("Good to know", paragraphs(manual.notes ?? [], look), look),
    section("Examples", examples(manual.examples, look), look),
    section("What next", examples(manual.next ?? [], look), look),
  ]);
}

function renderGroupHelp(
  { name, manual, members }: Pick<Command, "name" | "manual"> & { members: readonly Command[] },
  look: Look,
): string {
  return page([
    wrap(manual.about, look.width),
    section("Usage", [`  ${manual.usage ?? `nymvisor ${name} <COMMAND>`}`], look),
    section(
      "Commands",
      [...listed(members, look), "", `  nymvisor ${name} <COMMAND> --help tells more about each.`],
      look,
    ),
    section("Options", options([["help", HELP]], look), look),
    section("Examples", examples(manual.examples, look), look),
  ]);
}

/** Names and what they do, in two columns. */
function listed(commands: readonly Pick<Command, "name" | "summary">[], look: Look): string[] {
  const column = Math.max(...commands.map(({ name }) => name.length)) + 4;
  return commands.flatMap(({ name, summary }) => {
    const [first = "", ...more] = wrap(summary, look.width, column);
    return [`  ${look.style.accent(name)}${first.slice(2 + name.length)}`, ...more];
  });
}

function usageOf(name: string, args: Arguments): string {
  const flags = flagsOf(args).flatMap(([flag, argument]) =>
    argument.required ? [`--${flag}${valueHint(argument)}`] : [],
  );
  return ["nymvisor", name, "[OPTIONS]", ...flags, ...positionalsOf(args).map(([place]) => placeholder(place))].join(
    " ",
  );
}

function options(flags: readonly (readonly [name: string, flag: Argument])[], look: Look): string[] {
  return flags.flatMap(([name, flag]) => {
    const short = name === "version" ? SHORT_VERSION : shortForm(flag);
    return entry(`${short === undefined ? "   " : `${short},`} --${name}${valueHint(flag)}`, flag, look);
  });
}

/** Where what a line does stands, below it: flags are too long for two columns. */
const INDENT = 8;

function entry(head: string, argument: Argument, { style, width }: Look): string[] {
  return [
    `  ${style.accent(head)}`,
    ...wrap(argument.description ?? "", width, INDENT),
    ...wrapWords(factsOf(argument), width, INDENT).map((line) => style.dim(line)),
  ];
}

function factsOf(argument: Argument): string[] {
  const facts: string[] = [];
  if (argument.required && argument.type !== "positional") facts.push("[required]");
  if (argument.env !== undefined) facts.push(`[env: ${argument.env}]`);
  const otherwise = argument.otherwise ?? argument.default;
  if (otherwise !== undefined) facts.push(`[default: ${otherwise}]`);
  return facts;
}

function examples(list: readonly Example[], { style, width }: Look): string[] {
  return list.flatMap(({ line, does }) => [`  ${style.accent(line)}`, ...wrap(does, width, INDENT)]);
}

function paragraphs(list: readonly string[], { width }: Look): string[] {
  return list.flatMap((text, index) => [...(index === 0 ? [] : [""]), ...wrap(text, width, 2)]);
}

/** A heading and what stands below it; nothing at all if nothing does. */
function section(heading: string, lines: readonly string[], { style }: Look): string[] {
  return lines.length === 0 ? [] : [style.bold(`${heading}:`), ...lines];
}

function page(sections: readonly (readonly string[])[]): string {
  const shown = sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  return `${shown.join("\n\n")}\n`;
}
