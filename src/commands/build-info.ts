import { renderBuildInfo } from "../model/build-info.ts";
import { buildInformation, VERSION } from "../system/build-stamp.ts";
import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

export const buildInfo = declareCommand({
  name: "build-info",
  summary: "Show how this nymvisor was built",
  args: { output },
  manual: {
    about:
      "Shows the version of nymvisor, the commit it was built from and when. In JSON it has the ten fields that every Nym binary answers, then the runtime.",
    examples: [
      { line: "nymvisor build-info", does: "For people" },
      { line: "nymvisor build-info -o json", does: "For programs: one line of JSON" },
    ],
    next: [{ line: "nymvisor daemon-build-info", does: "The same of the node's binary" }],
  },
  async run({ args }) {
    const info = buildInformation();
    await print(args.output === "json" ? `${JSON.stringify(info)}\n` : renderBuildInfo(info));
  },
});

/** What `--version` prints, or in short what `-V` does. */
export function versionText(long: boolean): string {
  return long ? renderBuildInfo(buildInformation()) : `nymvisor ${VERSION}\n`;
}
