import type { Child, spawnChild } from "../../../src/daemon/spawn.ts";
import { ARCHIVE_CHILD } from "../../../src/system/own-program.ts";
import { kernelTable, type ProcessTable } from "../../../src/system/process-table.ts";
import { effect, laterEffect } from "./effects.ts";

/** Starts processes and sends signals as ever, each of which is an effect. */

export const faultySpawn =
  (really: typeof spawnChild): typeof spawnChild =>
  async (request) => {
    const [program, ...args] = request.command;
    const purpose = purposeOf(args);
    const child = await laterEffect(`spawn-${purpose}`, program, () => really(request));
    return faultyChild(child, purpose);
  };

function purposeOf(args: readonly string[]): string {
  if (args.includes(ARCHIVE_CHILD)) return "archive";
  return args.includes("build-info") ? "build-info" : "daemon";
}

function faultyChild(child: Child, purpose: string): Child {
  return {
    ...child,
    signal: (name) => effect("signal", `${name} ${purpose}`, { act: () => child.signal(name) }),
    killGroup: () => effect("signal", `SIGKILL group of ${purpose}`, { act: () => child.killGroup() }),
  };
}

export const faultyTable: ProcessTable = {
  ...kernelTable,
  signal: (pid, name) => effect("signal", `${name} orphan`, { act: () => kernelTable.signal(pid, name) }),
};
