import { renderPruned } from "../../model/render-backups.ts";
import { print } from "../../system/print.ts";
import { declareCommand } from "../command.ts";
import { output } from "../flags.ts";

export const backupPrune = declareCommand({
  name: "backup prune",
  summary: "Remove the oldest backups, as the settings say",
  args: { "dry-run": { type: "boolean", description: "Only show what would be removed" }, output },
  manual: {
    about:
      "Removes all but the newest backups: those before upgrades and those made by hand are counted apart. After an upgrade that succeeded nymvisor does the same with those before upgrades, by itself. Homes that a way back has put aside go too, all of them.",
    notes: [
      "[backup] keep says how many stay, keep_for how long they stay at least. Never removed are the newest that is known to be whole, and what an upgrade or a way back needs that is under way or ordered. In a folder that several nodes share, only backups of this node's home are.",
    ],
    examples: [
      { line: "nymvisor backup prune --dry-run", does: "See what would go" },
      { line: "nymvisor backup prune", does: "Remove it" },
    ],
  },
  async run({ args, environment }) {
    const { pruneByHand } = await import("../../run/backups/prune.ts");
    const dryRun = args["dry-run"] === true;
    await print(renderPruned(await pruneByHand(dryRun, environment), dryRun, args.output));
  },
});
