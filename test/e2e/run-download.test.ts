import { describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";

describe("a download", () => {
  test("that was cut goes on where it stopped", async () => {
    await using node = await prepareNode();
    const serving = { cutAfter: 500_000, times: 1, bytesPerSecond: 2_000_000 };
    const { platforms } = node.release("1.1.0", { padding: 1_000_000, serving });
    const path = new URL(platforms.any?.url ?? "").pathname;
    await using run = await node.run();
    await node.server.nextRequest(path);
    const [, from] = /^bytes=(\d+)-$/.exec((await node.server.nextRequest(path)).headers.range ?? "") ?? [];
    // What came together with the end of the connection may be lost.
    expect(Number(from)).toBeWithin(1, 500_001);
    await run.waitForLog(/download of 1\.1\.0 goes on at/);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.downloads()).toHaveLength(2);
  });

  test("goes on where it stopped also after nymvisor was killed in the midst of it", async () => {
    await using node = await prepareNode();
    const { platforms } = node.release("1.1.0", { serving: { stallAfter: 300, times: 1 } });
    const path = new URL(platforms.any?.url ?? "").pathname;
    {
      await using killed = await node.run();
      await (await node.server.nextRequest(path)).sent(300);
      const folder = dirname(node.binaryOf("1.1.0"));
      await waitFor("the part to be written", () =>
        readdirSync(folder).some((name) => statSync(join(folder, name)).size === 300),
      );
      killed.signal("SIGKILL");
      await killed.exited;
    }
    await using run = await node.run();
    expect((await node.server.nextRequest(path)).headers.range).toBe("bytes=300-");
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("begins anew where the server knows no ranges", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { serving: { cutAfter: 300, times: 1, ranges: "none" } });
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.downloads()).toHaveLength(2);
  });

  test("is not made again at the next start", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { due: nextYear() });
    {
      await using run = await node.run();
      await run.waitForLog(/1\.1\.0 is staged/);
      await run.stop();
    }
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    expect(node.downloads()).toHaveLength(1);
  });

  test("that fails is tried again with a growing delay, and said once for each reason", async () => {
    await using node = await prepareNode();
    const { platforms } = node.release("1.1.0");
    const path = new URL(platforms.any?.url ?? "").pathname;
    node.server.remove(path);
    await using run = await node.run();
    const arrivals: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await node.server.nextRequest(path);
      arrivals.push(performance.now());
    }
    const [first = 0, second = 0, third = 0] = arrivals;
    expect(second - first).toBeGreaterThan(900);
    expect(third - second).toBeGreaterThan(1_800);
    expect(run.stderr.match(/could not be staged: .*it is not there \(404\)/g)).toHaveLength(1);
    expect(node.events.of("signal")).toEqual([]);
  });
});

test("a release is downloaded into its place, executable, beside what announced it, and nothing else is left", async () => {
  await using node = await prepareNode();
  node.release("1.1.0", { due: nextYear() });
  await using run = await node.run();
  await run.waitForLog(/1\.1\.0 is staged/);
  await run.stop();
  expect(statSync(node.binaryOf("1.1.0")).mode & 0o777).toBe(0o755);
  expect(readdirSync(dirname(node.binaryOf("1.1.0")))).toEqual(["nym-node"]);
  expect(readdirSync(join(node.data, "upgrades/1.1.0")).toSorted()).toEqual([
    "bin",
    "staged.json",
    "upgrade-info.json",
  ]);
});
