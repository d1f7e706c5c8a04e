import { renderBackups } from "../../model/render-backups.ts";
import { print } from "../../system/print.ts";
import { declareCommand } from "../command.ts";
import { output } from "../flags.ts";

export const backupList = declareCommand({
  name: "backup list",
  summary: "Show the backups that there are",
  args: { output },
  manual: {
    about:
      "Lists the backups of the node, the newest first, with what they say of themselves. Those of the Rust nymvisor are listed too; they have no manifest.",
    examples: [
      { line: "nymvisor backup list", does: "For people" },
      { line: "nymvisor backup list -o json", does: "For programs: with the paths" },
    ],
    next: [{ line: "nymvisor backup verify --all", does: "Prove that each is whole" }],
  },
  async run({ args, environment }) {
    const { listBackups } = await import("../../run/backups/open-backups.ts");
    const { folder, backups } = listBackups(environment);
    await print(renderBackups(backups, folder, args.output));
  },
});
