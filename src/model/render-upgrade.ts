import { z } from "zod";
import { type UpgradeInfo, upgradeInfoSchema } from "./documents.ts";
import { formatInstant } from "./instant.ts";
import { printable } from "./names.ts";
import type { OutputFormat } from "./requests.ts";

/** An entry of the plan, for people with values at column 21, or as one line of JSON. */
export function renderUpgrade(info: UpgradeInfo, output: OutputFormat): string {
  if (output === "json") return `${JSON.stringify(z.encode(upgradeInfoSchema, info))}\n`;
  const rows = [
    ["Name:", printable(info.name)],
    ["Version:", printable(info.version)],
    ["Due:", formatInstant(info.upgradeTime)],
    ["Published:", info.publishDate === null ? "unknown" : formatInstant(info.publishDate)],
    ["Notes:", printable(info.notes)],
    ["Commit SHA:", info.binaryDetails?.commit_sha ?? "unknown"],
    ["Build Timestamp:", info.binaryDetails?.build_timestamp ?? "unknown"],
  ] as const;
  return `\n${rows.map(([label, value]) => `${label.padEnd(20)}${value}`).join("\n")}\n\n`;
}
