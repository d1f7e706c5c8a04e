import { reasonOf } from "../src/model/errors.ts";
import type { NymvisorEvent } from "../src/model/events.ts";
import type { Layout } from "../src/model/paths.ts";
import type { Configuration } from "../src/model/settings.ts";
import { requireHome, requireUpgradeData } from "../src/run/open-instance.ts";
import { lockInstance } from "../src/run/run.ts";
import type { Services } from "../src/run/services.ts";
import { Supervisor } from "../src/run/supervisor.ts";
import { systemClock } from "../src/system/clock.ts";
import type { Lock } from "../src/system/lock.ts";
import { ProcessDied } from "./disk.ts";
import type { Machine } from "./machine.ts";
import { isLiving, type SimulatedProcess } from "./processes.ts";
import { PLATFORM } from "./upstream.ts";

/** One instance of nymvisor and its home. */
export interface Node {
  index: number;
  layout: Layout;
  configuration: Configuration;
  /** The nymvisor that holds the locks, if one does. */
  nymvisor: SimulatedProcess | undefined;
}

export interface NymvisorListener {
  services: Services;
  said(process: SimulatedProcess, node: Node, event: NymvisorEvent): void;
  /** Two of them run the same instance. */
  doubled(node: Node): void;
}

/** What `nymvisor run` does between its command line and its exit, as a process of the machine. */
export function startNymvisor(machine: Machine, node: Node, listener: NymvisorListener): SimulatedProcess {
  const process = machine.spawn({ role: "subject", name: `nymvisor${node.index}` });
  machine.schedule(process, process.random.int(1_000, 30_000), "begins", () => {
    void main(machine, process, node, listener).catch((error: unknown) => {
      // A dead process unwinds through all of this.
      if (!isLiving(process) || error instanceof ProcessDied) return;
      machine.trace.note(process.name, `fails: ${reasonOf(error)}`);
      machine.end(process, 1, null);
    });
  });
  return process;
}

async function main(
  machine: Machine,
  process: SimulatedProcess,
  node: Node,
  { services, said, doubled }: NymvisorListener,
): Promise<void> {
  const { layout, configuration } = node;
  process.onSignal = () => machine.end(process, 1, "SIGTERM");
  requireHome(layout);
  requireUpgradeData(layout);
  const emit = (event: NymvisorEvent) => {
    if (isLiving(process)) said(process, node, event);
  };
  const locks: Lock[] = await lockInstance(layout, emit);
  if (node.nymvisor !== undefined && isLiving(node.nymvisor)) doubled(node);
  node.nymvisor = process;
  const supervisor = new Supervisor(
    {
      layout,
      configuration,
      environment: { PATH: "/usr/bin:/bin" },
      platform: PLATFORM,
      clock: systemClock,
      emit,
      services,
      githubToken: null,
    },
    ["run"],
  );
  process.onSignal = (name) => {
    if (name === "SIGHUP") supervisor.reload();
    else supervisor.requestStop(name);
  };
  let status = 1;
  try {
    status = await supervisor.run();
  } finally {
    for (const lock of locks) lock.release();
  }
  machine.end(process, status, null);
}
