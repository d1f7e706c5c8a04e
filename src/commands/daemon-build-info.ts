import { renderBuildInfo } from "../model/build-info.ts";
import { print } from "../system/print.ts";
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
    const { daemonBuildInfo } = await import("../run/daemon-build-info.ts");
    const info = await daemonBuildInfo(environment);
    await print(args.output === "json" ? `${JSON.stringify(info)}\n` : renderBuildInfo(info));
    return 0;
  },
});
