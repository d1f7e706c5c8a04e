import { basename } from "node:path";

/** What a path is to nymvisor: what faults are aimed at, and what invariants speak of. */
export type FileKind =
  | "plan"
  | "outcomes"
  | "operator"
  | "probation"
  | "way-back"
  | "home"
  | "kept"
  | "history"
  | "current"
  | "record"
  | "daemon-note"
  | "journal"
  | "staged-note"
  | "announcement"
  | "binary"
  | "backup"
  | "copy"
  | "copy-note"
  | "archive-order"
  | "status"
  | "upgrade-lock"
  | "turn-lock"
  | "run-lock"
  | "other";

export const FILE_KINDS: readonly FileKind[] = [
  "plan",
  "outcomes",
  "operator",
  "probation",
  "way-back",
  "home",
  "kept",
  "history",
  "current",
  "record",
  "daemon-note",
  "journal",
  "staged-note",
  "announcement",
  "binary",
  "backup",
  "copy",
  "copy-note",
  "archive-order",
  "upgrade-lock",
];

const BY_NAME: Readonly<Record<string, FileKind>> = {
  "upgrade-plan.json": "plan",
  "upgrade-history.json": "history",
  "upgrade-outcomes.json": "outcomes",
  "operator.json": "operator",
  "probation.json": "probation",
  "way-back.json": "way-back",
  current: "current",
  "current-version-info.json": "record",
  "daemon.json": "daemon-note",
  "journal.json": "journal",
  "staged.json": "staged-note",
  "upgrade-info.json": "announcement",
  "copy.json": "copy-note",
  "archive.json": "archive-order",
  "nym-node": "binary",
  "upgrade-status.json": "status",
  "upgrade.lock": "upgrade-lock",
  "turn.lock": "turn-lock",
  "run.lock": "run-lock",
};

const known = new Map<string, FileKind>();

/** The kind of a file, or of what a temporary file is to become. */
export function kindOf(path: string): FileKind {
  const name = basename(path).replace(/^\.(.+)\.tmp-[\d-]+$/, "$1");
  const kind = known.get(name) ?? BY_NAME[name] ?? (name.startsWith("backup-") ? "backup" : "other");
  known.set(name, kind);
  if (path.includes("/last-good/")) return "other";
  if (kind !== "other") return kind;
  if (path.includes("/nymvisor/copies/")) return "copy";
  if (path.includes("/nymvisor/rolled-back/")) return "kept";
  return HOME.test(path) ? "home" : kind;
}

/** At the top of a daemon's home. */
const HOME = /^\/simulated\/nodes\/[^/]+\/(?!nymvisor$)[^/]+$/;

/** What a nymvisor learns of when it is replaced: what its schedule is made from. */
export function isWatched(path: string): boolean {
  return WATCHED.has(basename(path)) && !path.includes("/last-good/");
}

const WATCHED: ReadonlySet<string> = new Set([
  "upgrade-plan.json",
  "current",
  "operator.json",
  "upgrade-outcomes.json",
]);

/** JSON documents: replaced whole, never torn. */
export function isDocument(kind: FileKind): boolean {
  return DOCUMENTS.has(kind);
}

const DOCUMENTS: ReadonlySet<FileKind> = new Set<FileKind>([
  "plan",
  "outcomes",
  "operator",
  "probation",
  "way-back",
  "history",
  "record",
  "daemon-note",
  "journal",
  "staged-note",
  "announcement",
  "copy-note",
  "archive-order",
  "status",
]);

/** Shared by the nodes of a daemon: written under `upgrade.lock` only. */
export function isShared(kind: FileKind): boolean {
  return SHARED.has(kind);
}

const SHARED: ReadonlySet<FileKind> = new Set<FileKind>([
  "plan",
  "history",
  "outcomes",
  "operator",
  "current",
  "announcement",
]);
