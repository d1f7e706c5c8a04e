import { renderChecks } from "../../model/render-backups.ts";
import { print } from "../../system/print.ts";
import { declareCommand } from "../command.ts";
import { output } from "../flags.ts";

export const backupVerify = declareCommand({
  name: "backup verify",
  summary: "Prove that a backup is whole",
  args: {
    name: {
      type: "positional",
      required: false,
      description: "As the list shows it, or a path; without it, the newest",
    },
    all: { type: "boolean", description: "Every backup that there is" },
    output,
  },
  manual: {
    about:
      "Reads a backup to its end, and compares every entry with the manifest in it: name, size, mode, owner, times, SHA-256 of its contents. Nothing is unpacked or changed; the node may run.",
    usage: "nymvisor backup verify [OPTIONS] [NAME]",
    notes: [
      "A backup of the Rust nymvisor has no manifest; of such a one only the checksum of its compression can be verified. Exit status: 0 if nothing is wrong with any of them, else 1.",
    ],
    examples: [
      { line: "nymvisor backup verify", does: "The newest" },
      { line: "nymvisor backup verify 2026-11-21-090832737", does: "One of them" },
      { line: "nymvisor backup verify --all -o json", does: "All, for a program" },
    ],
  },
  async run({ args, environment }) {
    const { verifyBackups } = await import("../../run/backups/verify.ts");
    const checks = await verifyBackups({ name: args.name, all: args.all === true }, environment);
    await print(renderChecks(checks, args.output));
    return checks.some(({ reason }) => reason !== null) ? 1 : 0;
  },
});
