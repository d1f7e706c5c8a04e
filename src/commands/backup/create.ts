import { renderCreated } from "../../model/render-backups.ts";
import { print } from "../../system/print.ts";
import { declareCommand } from "../command.ts";
import { output } from "../flags.ts";

/** It stands in the header of the archive too, where there is room for a few lines. */
const LONGEST_NOTE = 1000;

export const backupCreate = declareCommand({
  name: "backup create",
  summary: "Back the node's home up now",
  args: {
    note: {
      type: "string",
      valueHint: "TEXT",
      description: "What to remember about it; the list shows it",
      check: checkNote,
    },
    stop: {
      type: "boolean",
      description: "Hold a node that runs (SIGSTOP) while its last changes are copied: usually less than a second",
    },
    output,
  },
  manual: {
    about:
      "Backs the home up, reads the backup back and compares it. A node that runs goes on: its home is copied first, and archived from the copy at low priority.",
    notes: [
      "Without --stop the files of a running node may be of different moments, and the backup is marked as taken live. With it they are all of one moment, as after a loss of power, which databases come back from.",
      "What the node makes anew by itself (of nym-node: data/replay-detection) is in the backup of a running node only if it is proven not to have changed meanwhile; what is left out is named, and stands in the manifest.",
    ],
    examples: [
      { line: 'nymvisor backup create --note "before the new disk"', does: "The node goes on" },
      { line: "nymvisor backup create --stop", does: "The node is held for a moment" },
    ],
    next: [{ line: "nymvisor backup list", does: "See it" }],
  },
  async run({ args, environment }) {
    const { createBackup } = await import("../../run/backups/create.ts");
    const created = await createBackup({ note: args.note ?? "", pause: args.stop === true }, environment);
    await print(renderCreated(created, args.output));
  },
});

function checkNote(note: string): void {
  if (note.length > LONGEST_NOTE) throw new RangeError(`it is longer than ${LONGEST_NOTE} characters`);
}
