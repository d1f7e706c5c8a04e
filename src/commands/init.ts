import type { ParsedArgs } from "citty";
import { renderConfiguration } from "../model/render-configuration.ts";
import type { InitRequest } from "../model/requests.ts";
import { settings } from "../model/settings.ts";
import { print } from "../system/print.ts";
import type { Arguments } from "./argument.ts";
import { declareCommand } from "./command.ts";
import { daemonBinary, flagsOfSettings, output } from "./flags.ts";

const args = {
  "daemon-binary": {
    ...daemonBinary,
    description:
      "The node's binary, such as ./nym-node; a name without a slash is looked for in the current folder, then in PATH",
  },
  ...flagsOfSettings(settings),
  output,
} satisfies Arguments;

export const init = declareCommand({
  name: "init",
  summary: "Take a node in: copy its binary, write the configuration (once per node)",
  args,
  manual: {
    about:
      "Prepares nymvisor to run a node: asks the binary for its build information, copies it to where upgrades will stand beside it, and writes the configuration file. The node's home is not touched, but for a folder nymvisor/ in it. Running it again with the same binary is harmless.",
    usage: "nymvisor init --daemon-home <DIR> [OPTIONS] <DAEMON_BINARY>",
    notes: [
      "A variable that is set wins over the flag. Durations are written as 90s, 1h or 1h 30m. Relative paths are made absolute.",
      "This is not the node's own init: that one is reached as nymvisor run init …, or by calling the binary before it is taken in.",
    ],
    examples: [
      {
        line: "nymvisor init --daemon-home ~/.nym/nym-nodes/my-node ./nym-node",
        does: "Take in the node whose configuration, keys and data lie in that folder",
      },
      {
        line: "nymvisor init --daemon-home /srv/node --restart-daemon-on-failure ./nym-node",
        does: "Start the node again whenever it fails",
      },
      {
        line: "nymvisor init --id second --daemon-home /srv/second ./nym-node",
        does: "A second instance on the same machine; choose it later with NYMVISOR_ID=second",
      },
    ],
    next: [
      { line: "nymvisor config", does: "See which settings hold" },
      { line: "nymvisor run run --id my-node", does: "Run the node under nymvisor" },
    ],
  },
  async run({ args, environment }) {
    const { initialise } = await import("../run/initialise.ts");
    const configuration = await initialise(initRequest(args), environment);
    await print(renderConfiguration(configuration, args.output));
    return 0;
  },
});

/** The settings stay text: they are judged together with the variables, where the configuration is put together. */
export function initRequest(given: ParsedArgs<typeof args>): InitRequest {
  const flags = settings.flatMap(({ flag }) => (flag === undefined ? [] : [flag]));
  const entries = flags.flatMap((flag) => (given[flag] === undefined ? [] : [[flag, String(given[flag])] as const]));
  return { daemonBinary: given["daemon-binary"], settings: new Map(entries), output: given.output };
}
