import { type BuildInfo, differingFields } from "../model/build-info.ts";
import type { History, UpgradeInfo, VersionRecord } from "../model/documents.ts";
import { printable } from "../model/names.ts";
import { compareReleaseVersions } from "./release-order.ts";

/** What the disk says of the build that `current` points to, and of the one this home was last on. */
export interface Sides {
  current: { name: string; info: UpgradeInfo; build: BuildInfo };
  /** Undefined: this home has no record yet. */
  record: VersionRecord | undefined;
  history: History["history"];
}

export type Agreement =
  | { state: "agreed" }
  /** The home is on an older build than `current`: it has to be brought forward. */
  | { state: "behind" }
  /** `other`: what the binary of `current` disagrees with, its own announcement or this home's record. */
  | { state: "disagreed"; other: "announcement" | "record"; what: string; sides: string };

/** Whether the daemon may be started on what is there. */
export function judgeAgreement({ current, record, history }: Sides): Agreement {
  const announced = contradictions(current.build, current.info);
  if (announced.length > 0) {
    return {
      state: "disagreed",
      other: "announcement",
      what: `the binary of ${printable(current.name)} is not the one that its upgrade-info.json describes`,
      sides: `binary | upgrade-info.json: ${announced.join("; ")}`,
    };
  }
  if (record === undefined) return { state: "behind" };
  if (record.name === current.name) {
    const differing = differingFields(current.build, record.binaryDetails);
    if (differing.length === 0) return { state: "agreed" };
    return {
      state: "disagreed",
      other: "record",
      what: `the binary of ${printable(current.name)} is not the one that this home was last run with`,
      sides: `binary | current-version-info.json: ${differing.join("; ")}`,
    };
  }
  const { name, build } = current;
  if (isBehind(record, { name, version: build.build_version }, history)) return { state: "behind" };
  return {
    state: "disagreed",
    other: "record",
    what: `this home was last run with ${printable(record.name)} (${printable(record.version)}), and current is ${printable(current.name)} (${printable(current.build.build_version)})`,
    sides: "the home is not older than current, so an older build would be started on newer data",
  };
}

function contradictions(build: BuildInfo, info: UpgradeInfo): string[] {
  if (info.binaryDetails !== null) return differingFields(build, info.binaryDetails);
  return build.build_version === info.version ? [] : [`build_version: ${build.build_version} | ${info.version}`];
}

/** Whether a home is on an older build than `current`: the history says which came first; where it does not, the versions do. */
export function isBehind(
  record: VersionRecord,
  current: { name: string; version: string },
  history: History["history"],
): boolean {
  const performed = (name: string) => history.findLastIndex(({ info }) => info.name === name);
  const currentAt = performed(current.name);
  const recordAt = performed(record.name);
  if (currentAt !== -1 && (recordAt !== -1 || record.name === "genesis")) return recordAt < currentAt;
  const order = compareReleaseVersions(record.version, current.version);
  return order !== undefined && order < 0;
}
