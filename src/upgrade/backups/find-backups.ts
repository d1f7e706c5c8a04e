import { join } from "node:path";
import type { BackupHead, BackupKind, BackupSummary } from "../../model/backups.ts";
import { errorCode, NymvisorError, UsageError } from "../../model/errors.ts";
import { formatStamp, parseStamp } from "../../model/instant.ts";
import { printable } from "../../model/names.ts";
import { nearest } from "../../model/suggest.ts";
import { disk } from "../../system/disk.ts";
import { explanation } from "../../system/durable.ts";
import { readGzipComment } from "../archive/gzip-comment.ts";
import { decodeHead } from "../archive/manifest.ts";

const NAME = /^backup-(\d{4}-\d{2}-\d{2}-\d{9})-(preupgrade|manual)\.tar\.gz$/;

/**
 * The backups in a folder, the newest first: nymvisor's own and the Rust program's. Only names, sizes and the first bytes
 * are looked at.
 * @throws {NymvisorError} if the folder is there and cannot be read.
 */
export function findBackups(backups: string): BackupSummary[] {
  const found = namesIn(backups).flatMap((folder) =>
    namesIn(join(backups, folder)).flatMap((file) => summaryOf(backups, folder, file)),
  );
  found.sort((a, b) => (a.takenAt < b.takenAt ? 1 : a.takenAt > b.takenAt ? -1 : a.path < b.path ? -1 : 1));
  const times = Map.groupBy(found, ({ name }) => name);
  return found.map(({ folder, ...backup }) =>
    (times.get(backup.name)?.length ?? 0) > 1 ? { ...backup, name: `${folder}/${backup.name}` } : backup,
  );
}

/** One file that may lie anywhere. @throws {NymvisorError} if it is not there. */
function summaryOfFile(path: string): BackupSummary {
  const parts = path.split("/");
  const file = parts.at(-1) ?? "";
  const [named] = summaryOf("", "", file, path);
  if (named !== undefined) return { ...named, upgrade: parts.at(-2) ?? null };
  const stat = lookAt(path);
  if (stat === undefined || !stat.isFile()) {
    throw new NymvisorError({ what: `there is no backup at ${path}`, next: "nymvisor backup list" });
  }
  const takenAt = stat.mtimeNs - (stat.mtimeNs % 1_000_000n);
  return { name: file, path, upgrade: null, kind: "manual", takenAt, bytes: Number(stat.size), head: headOf(path) };
}

/**
 * The backup that a person means: by its stamp, its file's name, either with the folder in front, or a path.
 * @throws {UsageError} if there is none, or there are several.
 */
export function chooseBackup(backups: string, wanted: string, workingDirectory: string): BackupSummary {
  const all = findBackups(backups);
  const meant = all.filter(({ path, name, takenAt }) => {
    const within = path.slice(backups.length + 1);
    const file = within.slice(within.indexOf("/") + 1);
    const stamp = formatStamp(takenAt);
    const folder = within.slice(0, within.indexOf("/"));
    return [name, within, file, stamp, `${folder}/${stamp}`].includes(wanted);
  });
  const [one, ...more] = meant;
  if (one !== undefined && more.length === 0) return one;
  if (more.length > 0) {
    throw new UsageError({
      what: `there are ${meant.length} backups called ${printable(wanted)}`,
      why: meant.map(({ name }) => name).join("\n"),
      next: `write one of these names`,
    });
  }
  if (wanted.includes("/")) return summaryOfFile(wanted.startsWith("/") ? wanted : join(workingDirectory, wanted));
  const near = nearest(
    wanted,
    all.map(({ name }) => name),
  );
  throw new UsageError({
    what: `there is no backup called ${printable(wanted)} in ${backups}`,
    why: near === undefined ? undefined : `did you mean ${near}?`,
    next: "nymvisor backup list",
  });
}

type Named = BackupSummary & { folder: string };

function summaryOf(backups: string, folder: string, file: string, path = join(backups, folder, file)): Named[] {
  const [, stamp = "", kind] = NAME.exec(file) ?? [];
  const takenAt = parseStamp(stamp);
  const stat = takenAt === undefined ? undefined : lookAt(path);
  if (takenAt === undefined || stat === undefined || !stat.isFile()) return [];
  const head = headOf(path);
  const upgrade = kind === "preupgrade" ? folder : null;
  return [{ folder, name: stamp, path, upgrade, kind: kind as BackupKind, takenAt, bytes: Number(stat.size), head }];
}

/** What cannot be read says nothing about itself; a check of the archive tells why. */
function headOf(path: string): BackupHead | null {
  try {
    const comment = readGzipComment(path);
    const head = comment === undefined ? undefined : decodeHead(comment);
    if (head === undefined) return null;
    const { daemon, home, from, taken, note } = head;
    return { daemon, home, from, taken, note };
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return null;
  }
}

function namesIn(folder: string): string[] {
  try {
    return disk.readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return [];
    throw new NymvisorError({
      what: `the backups in ${folder} cannot be looked at`,
      why: explanation(error),
      next: `check who owns it: ls -ld '${folder}'`,
      cause: error,
    });
  }
}

function lookAt(path: string) {
  return disk.lstatSync(path, { bigint: true, throwIfNoEntry: false });
}
