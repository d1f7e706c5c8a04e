import { join } from "node:path";
import { buildExecutable } from "../build/compile.ts";
import { targetOfThisMachine } from "../build/targets.ts";
import { type ReleaseServer, startReleaseServer } from "../test/support/release-server.ts";
import { buildSampleNode } from "../test/support/sample-daemon.ts";
import { NEW, OLD } from "./home.ts";
import type { Report } from "./report.ts";
import type { Undo } from "./undo.ts";

export interface Options {
  rounds: number;
  /** Of the part `basic`. */
  homeMib: number;
  lineMibPerSecond: number;
  restSeconds: number;
}

/** What all parts share. */
export interface Setting {
  /** For what lies in no home: binaries, event files, logs. */
  folder: string;
  nymvisor: string;
  oldNode: string;
  newNode: string;
  /** Of the new node's binary. */
  checksum: string;
  server: ReleaseServer;
  options: Options;
  report: Report;
  undo: Undo;
}

export async function prepareSetting(given: Pick<Setting, "folder" | "options" | "report" | "undo">): Promise<Setting> {
  const [nymvisor, oldNode, newNode] = ["nymvisor", "old-node", "new-node"].map((name) => join(given.folder, name)) as [
    string,
    string,
    string,
  ];
  await buildExecutable({ target: targetOfThisMachine(), outfile: nymvisor });
  await buildSampleNode({ version: OLD, outfile: oldNode });
  await buildSampleNode({ version: NEW, outfile: newNode });
  const checksum = new Bun.CryptoHasher("sha256").update(await Bun.file(newNode).bytes()).digest("hex");
  const server = await startReleaseServer();
  given.undo.add("the release server", () => server.close());
  return { ...given, nymvisor, oldNode, newNode, checksum, server };
}

let count = 0;

/** A name that nothing in this bench had before. */
export function nextName(): string {
  count += 1;
  return `bench-${count}`;
}
