import { defineCommand, type ParsedArgs, runCommand } from "citty";
import type { Environment } from "../system/environment.ts";
import { type Arguments, flagsOf } from "./argument.ts";

/** A line to type, and what it does. */
export interface Example {
  line: string;
  does: string;
}

/** What a person can read about a command besides its arguments. */
interface Manual {
  /** Two or three sentences above everything else. */
  about: string;
  /** Instead of the usage that the arguments yield. */
  usage?: string;
  /** Paragraphs below the options. */
  notes?: readonly string[];
  examples: readonly Example[];
  /** What one does after this command. */
  next?: readonly Example[];
}

interface Context<A extends Arguments> {
  args: ParsedArgs<A>;
  /** What was typed after the command's name, as far as the strict reader hands it on: for a transparent command. */
  words: readonly string[];
  environment: Environment;
}

interface Declaration<A extends Arguments> {
  name: string;
  /** One line, for the list of commands. */
  summary: string;
  args: A;
  manual: Manual;
  /** What follows the name is another program's command line, but for `--help` as the first word. */
  transparent?: boolean;
  /** @returns the exit status; nothing means 0. */
  run(context: Context<A>): Promise<number | undefined> | Promise<void>;
}

export interface Command {
  /** As it is typed: `backup list` for one of a group. */
  name: string;
  summary: string;
  args: Arguments;
  manual: Manual;
  transparent: boolean;
  /** The commands of a group, which does nothing by itself. */
  members?: readonly Command[];
  /**
   * @param words as the strict reader returns them (`read-arguments.ts`): citty passes over what it does not know.
   * @returns the exit status.
   */
  execute(words: readonly string[], environment: Environment): Promise<number>;
}

export function declareCommand<const A extends Arguments>(declaration: Declaration<A>): Command {
  const { name, summary, args, manual, transparent = false } = declaration;
  const definition = defineCommand({
    meta: { name, description: summary },
    args,
    run: ({ args: parsed, data }) =>
      declaration.run({ args: withNegatives(parsed, args), ...(data as Pick<Context<A>, "words" | "environment">) }),
  });
  return {
    name,
    summary,
    args,
    manual,
    transparent,
    async execute(words, environment) {
      // Another program's words are nothing for citty's parser, which stumbles over some of them (`-_`).
      const rawArgs = transparent ? [] : [...words];
      const { result } = await runCommand(definition, { rawArgs, data: { words, environment } });
      return typeof result === "number" ? result : 0;
    },
  };
}

/** citty takes a flag that is called `no-x` for `x` being false, whatever is declared. */
function withNegatives<A extends Arguments>(parsed: ParsedArgs<A>, declared: A): ParsedArgs<A> {
  const given: Record<string, unknown> = parsed;
  const negatives = flagsOf(declared).flatMap(([name]) => {
    return name.startsWith("no-") && given[name.slice("no-".length)] === false ? [[name, true]] : [];
  });
  return { ...parsed, ...Object.fromEntries(negatives) };
}
