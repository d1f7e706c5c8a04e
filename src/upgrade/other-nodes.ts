import { basename, dirname, join } from "node:path";
import { versionRecordSchema } from "../model/documents.ts";
import { errorCode } from "../model/errors.ts";
import type { Layout } from "../model/paths.ts";
import { readConfigFile } from "../system/config-file.ts";
import { disk } from "../system/disk.ts";
import { readDocument } from "../system/documents.ts";
import { readJournal } from "./journal.ts";
import { readLastGood } from "./last-good.ts";
import { readProbation } from "./probation-note.ts";

/**
 * Names of the builds that homes of other instances are on, on their way to, or would be put back on. One that was off while its neighbours went
 * on runs its old build until it has been saved, so that build must still be there.
 * @returns undefined if that of any of them cannot be told: then all of them may be needed.
 */
export function buildsOfOtherNodes(layout: Layout): ReadonlySet<string> | undefined {
  const own = dirname(layout.instanceData);
  const names = new Set<string>();
  for (const id of instancesIn(dirname(own))) {
    if (id === basename(own)) continue;
    const found = buildsOf(layout, join(dirname(own), id));
    if (found === undefined) return undefined;
    for (const name of found) names.add(name);
  }
  return names;
}

function instancesIn(folder: string): string[] {
  try {
    return disk
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

function buildsOf(layout: Layout, instance: string): string[] | undefined {
  const daemon = tableOf(join(instance, "config", "config.toml"), "daemon");
  if (typeof daemon?.name === "string" && daemon.name !== layout.daemon) return [];
  const instanceData = join(instance, "data");
  const lastGood = join(instanceData, "last-good");
  const journal = readJournal({ ...layout, journal: join(instanceData, "journal.json") });
  if (journal.state === "unusable") return undefined;
  // Its home may be elsewhere than the file says; its last good copy is of the one that it runs on, perhaps an older one.
  const records = [
    readLastGood({ ...layout, lastGood }, layout.versionRecord, versionRecordSchema).found,
    ...(typeof daemon?.home === "string"
      ? [readDocument(versionRecordSchema, join(daemon.home, "nymvisor", basename(layout.versionRecord)))]
      : []),
  ].flatMap((found) => (found.state === "found" ? [found.value.name] : []));
  if (records.length === 0) return undefined;
  const probation = readProbation({ ...layout, probation: join(instanceData, basename(layout.probation)) });
  if (probation.state === "unusable") return undefined;
  return [
    ...records,
    ...(journal.state === "found" ? [journal.value.from, journal.value.to.name] : []),
    ...(probation.state === "found" ? [probation.value.from] : []),
  ];
}

function tableOf(path: string, table: string): Record<string, unknown> | undefined {
  const found = readConfigFile(path)?.tables[table];
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
}
