import { UsageError } from "../../model/errors.ts";
import { formatInstant } from "../../model/instant.ts";
import { renderRestore } from "../../model/render-backups.ts";
import { ask } from "../../system/ask.ts";
import { print } from "../../system/print.ts";
import { declareCommand } from "../command.ts";
import { output } from "../flags.ts";

export const backupRestore = declareCommand({
  name: "backup restore",
  summary: "Put a backup back into the node's home, or unpack it elsewhere",
  args: {
    name: { type: "positional", required: true, description: "As the list shows it, or a path" },
    to: {
      type: "string",
      valueHint: "DIR",
      completes: "folder",
      description: "Unpack into this folder, which is new or empty; the node may run, and its home is not touched",
    },
    only: {
      type: "string",
      valueHint: "PATTERN",
      description: "Only what matches, such as 'data/*.sqlite', with all that lies in it; the rest of the home stays",
    },
    yes: { type: "boolean", description: "Do not ask before the home is changed" },
    output,
  },
  manual: {
    about:
      "Unpacks a backup beside the home and proves it, then exchanges it for what is there by renames. What was there is kept in nymvisor/replaced until the next upgrade has succeeded. Nothing is changed while nymvisor or the node runs.",
    notes: [
      "Stop nymvisor first: systemctl stop nymvisor, or kill the pid that the command names. Interrupted at any point, the same command, or nymvisor run, finishes the exchange, or undoes what was only unpacked.",
      "Only root can give files back to other owners.",
    ],
    examples: [
      { line: "nymvisor backup restore 2026-11-21-090832737", does: "The whole home" },
      {
        line: "nymvisor backup restore 2026-11-21-090832737 --only config",
        does: "Only the folder config, as it was",
      },
      {
        line: "nymvisor backup restore 2026-11-21-090832737 --to /tmp/look",
        does: "To look into it, while the node runs",
      },
    ],
    next: [{ line: "nymvisor run run --id my-node", does: "Start the node again" }],
  },
  async run({ args, environment }) {
    const { restoreBackup } = await import("../../run/backups/restore.ts");
    const { name, to, only, yes, output } = args;
    const report = await restoreBackup(
      {
        name,
        to,
        only,
        async confirm({ takenAt }, home) {
          if (yes === true) return true;
          // Only now: what is wrong with the name, or with the node, comes before it.
          if (!environment.terminal.stdin) throw nobodyToAsk(name);
          return ask(`Exchange ${only ?? "everything"} in ${home} for the backup of ${formatInstant(takenAt)}?`);
        },
      },
      environment,
    );
    if (report === null) return 1;
    await print(renderRestore(report, output));
    return 0;
  },
});

function nobodyToAsk(name: string): UsageError {
  return new UsageError({
    what: "the home is not changed without a yes",
    why: "there is no terminal to ask at",
    next: `nymvisor backup restore ${name} --yes`,
  });
}
