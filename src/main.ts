import { intoGroup } from "./commands/group.ts";
import { commandNames, findCommand } from "./commands/index.ts";
import { readArguments } from "./commands/read-arguments.ts";
import { readRoot, unknownCommand } from "./commands/read-root.ts";
import { renderError } from "./commands/render-error.ts";
import { NymvisorError } from "./model/errors.ts";
import { readCommandLine } from "./system/command-line.ts";
import { ARCHIVE_CHILD, RESUME_CHILD } from "./system/own-program.ts";
import { print, printError } from "./system/print.ts";
import { styleFor } from "./system/terminal.ts";

/** Whether the log is to say everything; known once the environment has been read. */
let debug = false;

/** From the command line to the exit status. Nothing else in the program prints an error or sets the status. */
async function main(): Promise<number> {
  try {
    return await dispatch(readCommandLine());
  } catch (error) {
    await printError(renderError(error, { style: styleFor("stderr"), debug }));
    return error instanceof NymvisorError ? error.exitCode : 1;
  }
}

async function dispatch(words: readonly string[]): Promise<number> {
  if (words[0] === ARCHIVE_CHILD) return (await import("./upgrade/archive/archive-child.ts")).runArchiveChild();
  if (words[0] === RESUME_CHILD) return (await import("./run/backups/while-paused.ts")).runResumeChild();
  const root = readRoot(words);
  switch (root.kind) {
    case "nothing":
      await printError(await (await import("./commands/help.ts")).helpFor(undefined, "stderr"));
      return 2;
    case "help":
      await print(await (await import("./commands/help.ts")).helpFor(undefined, "stdout"));
      return 0;
    case "version":
      await print((await import("./commands/build-info.ts")).versionText(root.long));
      return 0;
    case "command":
      return runCommandNamed(root.name, root.words, root.envFile);
  }
}

async function runCommandNamed(name: string, words: readonly string[], envFile: string | undefined): Promise<number> {
  const found = await findCommand(name);
  if (found === undefined) throw unknownCommand(name, commandNames);
  const { command, words: rest } = intoGroup(found, words);
  const reading = readArguments(rest, command);
  if (reading.kind === "help") {
    await print(await (await import("./commands/help.ts")).helpFor(command, "stdout"));
    return 0;
  }
  const { loadEnvironment } = await import("./system/environment.ts");
  const environment = loadEnvironment(envFile);
  debug = environment.logLevel === "debug";
  return command.execute(reading.words, environment);
}

// An empty event loop is not waited for: by now all output is with the kernel, and a handle that a command left open
// must not hold the process.
process.exit(await main());
