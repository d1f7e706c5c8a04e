import { join } from "node:path";
import { SampleEvents } from "../test/support/sample-events.ts";
import type { StopWork } from "../test/support/sample-stop-work.ts";
import { type BenchHome, forgetUpgrades, NEW, OLD } from "./home.ts";
import { nextName, type Setting } from "./setting.ts";
import { endProcess } from "./undo.ts";

/** How the sample node behaves: appends a line every 10 ms, and works on its home at the stop. */
export interface NodeWork {
  atStop: StopWork;
  /** Whether it serves HTTP. */
  serves?: boolean;
  /** Whether it leaves its home alone until the stop. */
  writesNothing?: boolean;
}

const LONG = { within: 120_000 };

export function nodeWords({ atStop, serves, writesNothing }: NodeWork): string[] {
  const words = ["run", "--at-stop", JSON.stringify(atStop)];
  if (writesNothing !== true) words.push("--write-every", "10");
  if (serves === true) words.push("--http", "0");
  return words;
}

export function nodeEnvironment(home: BenchHome, events: SampleEvents): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: home.outer, SAMPLE_EVENTS: events.path, SAMPLE_HOME: home.path };
}

export interface BareRestart {
  /** Milliseconds from the old process's last word to the new one's first. */
  downtime: number;
  /** Milliseconds from the start of the new process to its first word. */
  start: number;
}

/** From one version to another. */
interface Step {
  from: string;
  to: string;
}

const FORTH: Step = { from: OLD, to: NEW };
export const BACK: Step = { from: NEW, to: OLD };

/** The floor: the two binaries on the same home, without anything in between but what `between` does. */
export async function bareRestart(
  { folder, oldNode, newNode, undo }: Setting,
  home: BenchHome,
  work: NodeWork,
  { between = async () => {}, step: { from, to } = FORTH }: { between?: () => Promise<void>; step?: Step } = {},
): Promise<BareRestart> {
  forgetUpgrades(home);
  const events = new SampleEvents(join(folder, `${nextName()}.jsonl`));
  const env = nodeEnvironment(home, events);
  const start = (version: string) => {
    const binary = version === OLD ? oldNode : newNode;
    const node = Bun.spawn([binary, ...nodeWords(work)], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const end = undo.add(`the node ${node.pid}`, () => endProcess(node.pid, LONG.within));
    return { node, end };
  };
  const old = start(from);
  await events.wait("started", { version: from, ...LONG });
  old.node.kill("SIGINT");
  await old.node.exited;
  await between();
  const before = Date.now();
  const next = start(to);
  const ended = await events.wait("exiting", { version: from, ...LONG });
  const again = await events.wait("started", { version: to, ...LONG });
  old.end();
  next.end();
  return { downtime: again.at - ended.at, start: again.at - before };
}
