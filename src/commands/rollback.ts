import { UsageError } from "../model/errors.ts";
import { renderRollback, renderRollbackPlan } from "../model/render-rollback.ts";
import { ask } from "../system/ask.ts";
import { print, printError } from "../system/print.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

export const rollback = declareCommand({
  name: "rollback",
  summary: "Put the node back on an earlier version, with its data",
  args: {
    to: {
      type: "string",
      valueHint: "NAME",
      description: "Which one, by its name or version",
      otherwise: "the one before",
    },
    "no-data": { type: "boolean", description: "Only the binary goes back; the home stays as it is" },
    "dry-run": { type: "boolean", description: "Only show what would be lost, and what stays" },
    yes: { type: "boolean", description: "Do not ask before it is done" },
    output,
  },
  manual: {
    about:
      "Stops the node, puts its home back as the earlier version had left it, and starts that version, for the price of a restart. It says first what is lost: everything that was written since. What the newer version had made of the home is put aside, so that the way back can be undone. Upgrades are pinned to the version that was gone back to.",
    notes: [
      "A nymvisor that runs does it, and the command waits for that; without one it is done at once, and the next nymvisor run starts the earlier version. Windows and holds do not count. An older version may not understand what a newer one has written: --no-data is for those that do.",
      "Interrupted at any point, nymvisor run finishes it, or leaves all as it was. An order that waits still is taken back by --to with the version that runs.",
    ],
    examples: [
      { line: "nymvisor rollback --dry-run", does: "See what it would cost" },
      { line: "nymvisor rollback", does: "To the version before; it asks first" },
      { line: "nymvisor rollback --to genesis --yes", does: "To the first one, without a question" },
    ],
    next: [
      { line: "nymvisor history", does: "See what this node has been through" },
      { line: "nymvisor unpin", does: "Let newer releases be performed again" },
    ],
  },
  async run({ args, environment }) {
    const { rollBack } = await import("../run/rollback/rollback.ts");
    const { to, yes, output } = args;
    const report = await rollBack(
      {
        to,
        data: args["no-data"] !== true,
        dryRun: args["dry-run"] === true,
        async confirm(plan) {
          if (output === "text" || yes !== true) await printError(renderRollbackPlan(plan));
          if (yes === true) return true;
          if (!environment.terminal.stdin) throw nobodyToAsk();
          return ask(`Go back to ${plan.to.name}?`);
        },
      },
      environment,
    );
    if (report === null) return 1;
    await print(renderRollback(report, output));
    return 0;
  },
});

function nobodyToAsk(): UsageError {
  return new UsageError({
    what: "the node is not put back without a yes",
    why: "there is no terminal to ask at",
    next: "add --yes to the command",
  });
}
