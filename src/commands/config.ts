import { renderConfiguration } from "../model/render-configuration.ts";
import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

export const config = declareCommand({
  name: "config",
  summary: "Show the settings that hold",
  args: { output },
  manual: {
    about:
      "Shows the effective configuration: the configuration file with the environment's variables, and those of -c FILE, over it. Nothing is changed.",
    notes: [
      "Which file: $NYMVISOR_CONFIG_PATH; else that of the instance $NYMVISOR_ID; else that of the only instance there is.",
    ],
    examples: [
      { line: "nymvisor config", does: "For people" },
      { line: "nymvisor config -o json", does: "For programs: one line of JSON" },
      { line: "NYMVISOR_ID=nym-node-default nymvisor config", does: "Of one of several instances" },
    ],
  },
  async run({ args, environment }) {
    const { loadConfiguration } = await import("../run/load-configuration.ts");
    const { configuration, events } = loadConfiguration(environment);
    if (events.length > 0) {
      const { createLog } = await import("../system/log.ts");
      const log = createLog({ environment, disabled: configuration.nymvisor.disable_logs });
      for (const event of events) log.emit(event);
      log.close();
    }
    await print(renderConfiguration(configuration, args.output));
  },
});
