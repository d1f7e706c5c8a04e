import type { BackupSummary } from "./backups.ts";
import { formatBytes } from "./bytes.ts";
import { formatInstant } from "./instant.ts";
import { printable } from "./names.ts";
import type { OutputFormat } from "./requests.ts";

/** What the commands about backups answer: a table or sentences for people, one line of JSON for programs. */

/** What a backup was found to be. */
export interface BackupCheck {
  backup: BackupSummary;
  /** "whole": as its manifest says. "readable": to its end, and it has no manifest. */
  proof: "whole" | "readable" | "damaged" | "unreadable";
  entries: number | null;
  contentBytes: number | null;
  /** What is wrong with it. */
  reason: string | null;
}

export interface RestoreReport {
  backup: BackupSummary;
  /** The folder that it was unpacked into, or the home. */
  into: string;
  /** Where what was in the home lies now; null: it was not put into the home. */
  replaced: string | null;
  entries: number;
  proof: "whole" | "readable";
  notKept: { path: string; why: string }[];
}

export interface CreatedBackup {
  path: string;
  bytes: number;
  taken: "stopped" | "paused" | "live";
  /** How long the daemon was held, in milliseconds; null: it was not. */
  pausedFor: number | null;
  leftOut: { path: string; why: string }[];
}

export function renderBackups(backups: readonly BackupSummary[], folder: string, format: OutputFormat): string {
  if (format === "json") return line({ folder, backups: backups.map(backupJson) });
  if (backups.length === 0) return `there is no backup in ${folder}\n`;
  const rows = backups.map((backup) => [
    backup.name,
    formatInstant(backup.takenAt - (backup.takenAt % 1_000_000_000n)),
    formatBytes(backup.bytes),
    reasonOf(backup),
    proofOf(backup),
    printable(backup.head?.note ?? ""),
  ]);
  return table([["NAME", "TAKEN", "SIZE", "WHY", "STATE", "NOTE"], ...rows]);
}

export function renderChecks(checks: readonly BackupCheck[], format: OutputFormat): string {
  if (format === "json") {
    return line({
      backups: checks.map(({ backup, ...check }) => ({ name: backup.name, path: backup.path, ...check })),
    });
  }
  return checks.map((check) => `${check.backup.name}: ${verdict(check)}\n`).join("");
}

export function renderRestore(report: RestoreReport, format: OutputFormat): string {
  const { backup, into, replaced, entries, proof, notKept } = report;
  if (format === "json") return line({ name: backup.name, path: backup.path, into, replaced, entries, proof, notKept });
  const lines = [`${backup.name} is restored into ${into}: ${entries} entries, ${PROOFS[proof]}`];
  if (replaced !== null) {
    lines.push(`what was there lies in ${replaced} until the next upgrade has succeeded`);
    if (backup.head?.from)
      lines.push(`it is the data of ${printable(backup.head.from)}; nymvisor run starts what current points to`);
  }
  for (const { path, why } of notKept) lines.push(`not as it was: ${printable(path)}: ${why}`);
  return `${lines.join("\n")}\n`;
}

export interface Pruned {
  backups: readonly BackupSummary[];
  /** Folders of homes that were put aside by ways back. */
  rolledBack: readonly string[];
}

export function renderPruned({ backups, rolledBack }: Pruned, dryRun: boolean, format: OutputFormat): string {
  const bytes = backups.reduce((sum, backup) => sum + backup.bytes, 0);
  if (format === "json") return line({ dryRun, bytes, backups: backups.map(backupJson), rolledBack });
  const did = dryRun ? "would remove" : "removed";
  const lines = backups.map(({ name, bytes }) => `${did} ${name} (${formatBytes(bytes)})`);
  if (lines.length === 0) lines.push("there is no backup that the settings let go");
  else lines.push(`${formatBytes(bytes)} in all`);
  lines.push(...rolledBack.map((folder) => `${did} what was put aside in ${folder}`));
  return `${lines.join("\n")}\n`;
}

export function renderCreated(created: CreatedBackup, format: OutputFormat): string {
  if (format === "json") return line(created);
  const { path, bytes, taken, pausedFor, leftOut } = created;
  const lines = [`backed up into ${path} (${formatBytes(bytes)}), read back and compared`];
  if (taken === "live")
    lines.push("the node ran meanwhile: files in it may be of different moments (--stop pauses it)");
  if (pausedFor !== null) lines.push(`the node was paused for ${pausedFor} ms`);
  for (const { path, why } of leftOut) lines.push(`left out: ${printable(path)}: ${why}`);
  return `${lines.join("\n")}\n`;
}

const PROOFS = {
  whole: "all of it as its manifest says",
  readable: "readable to its end; it has no manifest, so nothing more can be said",
} as const;

function verdict({ proof, entries, contentBytes, reason }: BackupCheck): string {
  if (proof === "damaged" || proof === "unreadable") return `${proof.toUpperCase()}: ${printable(reason ?? "", 400)}`;
  return `${PROOFS[proof]} (${entries} entries, ${formatBytes(contentBytes ?? 0)})`;
}

function reasonOf({ kind, upgrade, head }: BackupSummary): string {
  const from = head?.from == null ? "" : ` from ${printable(head.from)}`;
  return kind === "manual" ? `by hand${from}` : `before ${printable(upgrade ?? "an upgrade")}${from}`;
}

function proofOf({ head }: BackupSummary): string {
  if (head === null) return "no manifest";
  return head.taken === "stopped" ? "proven" : `proven, ${head.taken}`;
}

function backupJson({ name, path, upgrade, kind, takenAt, bytes, head }: BackupSummary) {
  return { name, path, kind, upgrade, takenAt: formatInstant(takenAt), bytes, hasManifest: head !== null, ...head };
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

function line(document: unknown): string {
  return `${JSON.stringify(document)}\n`;
}
