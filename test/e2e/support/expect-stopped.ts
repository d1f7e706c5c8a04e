import { expect } from "bun:test";
import { type Ended, processesOf, type RunningNymvisor } from "./nymvisor.ts";
import type { PreparedNode } from "./prepared-node.ts";

/** Far below every limit that a stop could otherwise wait for (10 s of a build-info, 30 s of a server, an hour). */
export const AT_ONCE = 5_000;

/** What each daemon was told, in order. */
export function signalsOf(node: PreparedNode, pid: number): string[] {
  return node.events
    .of("signal")
    .filter((event) => event.pid === pid)
    .map(({ signal }) => signal);
}

/** That a stop ended everything, properly. */
export async function expectStopped(node: PreparedNode, run: RunningNymvisor): Promise<Ended> {
  const ended = await run.ended(AT_ONCE);
  expect(ended).toMatchObject({ status: 0, signal: null });
  expect(processesOf(node.home)).toEqual([]);
  for (const { pid } of node.events.of("started")) expect(signalsOf(node, pid)).toEqual(["SIGINT"]);
  return ended;
}
