import { expect, test } from "bun:test";
import { type NodeName, type Running, World } from "../faults/support/world.ts";
import { startReleaseServer } from "../support/release-server.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

const NODES: readonly NodeName[] = ["n1", "n2", "n3"];
const VERSIONS = ["1.1.0", "1.2.0", "1.3.0"];

interface Downtime {
  node: NodeName;
  from: number;
  to: number;
}

/** From the log: each time between telling the daemon to stop and having started the next one. */
function downtimes(node: NodeName, { stderr }: Running): Downtime[] {
  const found: Downtime[] = [];
  for (const line of stderr.split("\n")) {
    const at = Date.parse(line.slice(0, line.indexOf(" ")));
    if (line.includes(" stopping the daemon (pid ")) found.push({ node, from: at, to: Number.POSITIVE_INFINITY });
    const last = found.at(-1);
    if (/ started \(pid \d+\)$/.test(line) && last !== undefined) last.to = Math.min(last.to, at);
  }
  return found;
}

test("three nodes on one box go through three upgrades one after another, each with a backup of its own", async () => {
  using home = temporaryHome();
  const server = await startReleaseServer();
  try {
    using world = new World(server, home.path);
    for (const node of NODES) await world.takeIn(node);
    const runs = await Promise.all(
      NODES.map((node) => world.start(["run", "run"], { node, variables: { NYMVISOR_HEALTH_PROBATION: "50ms" } })),
    );
    for (const run of runs) await run.waitForLog(/ started \(pid /, 20_000);
    for (const version of VERSIONS) {
      world.announce(version);
      // One of them hears of it; the others see what it does.
      runs[0]?.kill("SIGHUP");
      await Promise.all(NODES.map((node, index) => world.waitUntilRuns(version, runs[index] as Running, node)));
    }
    // A node's first word may come before nymvisor's line about its start has been read.
    const starts = (run: Running) => run.stderr.match(/ started \(pid \d+\)$/gm)?.length ?? 0;
    for (const run of runs) await waitFor("every start in the log", () => starts(run) > VERSIONS.length);
    const all = NODES.flatMap((node, index) => downtimes(node, runs[index] as Running));
    const inOrder = all.toSorted((a, b) => a.from - b.from);
    expect(inOrder.map(({ node }) => node).toSorted()).toEqual(NODES.flatMap((node) => VERSIONS.map(() => node)));
    for (const [index, { from }] of inOrder.entries()) {
      if (index > 0) expect(from).toBeGreaterThanOrEqual(inOrder[index - 1]?.to ?? 0);
    }
    for (const run of runs) {
      const savedThenMoved = /upgrading from|the copy is complete|started \(pid/;
      const steps = run.stderr.split("\n").flatMap((line) => savedThenMoved.exec(line)?.[0] ?? []);
      const each = ["upgrading from", "the copy is complete", "started (pid"];
      expect(steps).toEqual(["started (pid", ...VERSIONS.flatMap(() => each)]);
      expect(await run.stop()).toMatchObject({ status: 0 });
    }
    expect(world.instance().performed()).toEqual(VERSIONS);
    expect(await Array.fromAsync(world.leftovers("1.3.0", NODES))).toEqual([]);
  } finally {
    server.close();
  }
});
