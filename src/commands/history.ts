import { renderHistory } from "../model/render-history.ts";
import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

export const history = declareCommand({
  name: "history",
  summary: "Show the upgrades so far, and how each turned out",
  args: { output },
  manual: {
    about:
      "Shows what this node has been through, the newest last: each upgrade and each way back, whether it passed or why not, how long the node was down, and where its home lies as it was before. Only files are read: nothing is locked or changed.",
    notes: [
      "In JSON: {upgrades: [{performedAt, kind, name, version, from, fromVersion, outcome, why, decidedAt, byHand, forgiven, wentBack, downtimeMs, backup, kept}], unseen}. kind is upgrade, forward (another node had upgraded) or rollback; outcome is on-probation, passed, rolled-back, failed, left, or unknown for what an earlier nymvisor did; wentBack is with-data or without-data; kept is where the home lies as a version had left it that was gone back from. What does not apply, or is there no more, is null.",
    ],
    examples: [
      { line: "nymvisor history", does: "For people" },
      { line: "nymvisor history -o json", does: "For programs: one line of JSON" },
    ],
    next: [
      { line: "nymvisor rollback --dry-run", does: "See what going back would cost" },
      { line: "nymvisor upgrade NAME --retry", does: "Try again what failed" },
    ],
  },
  async run({ args, environment }) {
    const { historyReport } = await import("../run/history.ts");
    await print(renderHistory(historyReport(environment), args.output));
  },
});
