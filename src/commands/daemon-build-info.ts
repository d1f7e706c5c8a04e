import { NymvisorError } from "../model/errors.ts";
import type { OutputFormat } from "../model/requests.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

export const daemonBuildInfo = declareCommand({
  name: "daemon-build-info",
  summary: "Show how the node's current binary was built",
  args: { output },
  manual: {
    about:
      "Asks the current binary of the node for its build information and shows it. The node itself is not disturbed.",
    examples: [
      { line: "nymvisor daemon-build-info", does: "For people" },
      { line: "nymvisor daemon-build-info -o json", does: "For programs: one line of JSON" },
    ],
  },
  async run({ args, environment }) {
    return showDaemonBuildInfo(args.output, environment);
  },
});

// Replaced by the lead's action.
async function showDaemonBuildInfo(output: OutputFormat, _environment: unknown): Promise<number> {
  throw new NymvisorError({ what: `daemon-build-info as ${output} is not wired` });
}
