import { print } from "../system/print.ts";
import { type Stream, styleFor, widthOf } from "../system/terminal.ts";
import { type Command, declareCommand } from "./command.ts";
import { intoGroup } from "./group.ts";
import { commandNames, findCommand, loadAllCommands } from "./index.ts";
import { unknownCommand } from "./read-root.ts";
import { renderCommandHelp, renderRootHelp } from "./render-help.ts";

export const help = declareCommand({
  name: "help",
  summary: "Show this help, or that of a command",
  args: {
    command: { type: "positional", required: false, description: "The command to read about", completes: commandNames },
    member: { type: "positional", required: false, description: "Of a group, which one" },
  },
  manual: {
    about: "Shows what nymvisor can do, or all about one command.",
    usage: "nymvisor help [COMMAND [MEMBER]]",
    examples: [{ line: "nymvisor help init", does: "Every setting, with its flag, its variable and its default" }],
  },
  async run({ args }) {
    if (args.command === undefined) return print(await helpFor(undefined, "stdout"));
    const command = await findCommand(args.command);
    if (command === undefined) throw unknownCommand(args.command, commandNames);
    const words = args.member === undefined ? ["--help"] : [args.member];
    return print(await helpFor(intoGroup(command, words).command, "stdout"));
  },
});

/** The help of a command, or of nymvisor as a whole, fit for the stream that will show it. */
export async function helpFor(command: Command | undefined, stream: Stream): Promise<string> {
  const look = { style: styleFor(stream), width: widthOf(stream) };
  return command === undefined ? renderRootHelp(await loadAllCommands(), look) : renderCommandHelp(command, look);
}
