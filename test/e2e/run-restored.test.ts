import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepareNode } from "./support/prepared-node.ts";

test("a restore that was interrupted is settled before the daemon is started on half of it", async () => {
  await using node = await prepareNode();
  const own = join(node.daemonHome, "nymvisor");
  const [unpacked, replaced] = [join(own, "restoring/x"), join(own, "replaced/x")];
  mkdirSync(unpacked, { recursive: true });
  writeFileSync(join(unpacked, "key.pem"), "half a k");
  const journal = join(node.instanceData, "restore.json");
  const places = { backup: join(own, "backups/x"), home: node.daemonHome, unpacked, replaced };
  writeFileSync(journal, JSON.stringify({ state: "unpacking", ...places, names: [], stays: [] }));
  await using run = await node.run();
  await run.waitForLog(/the interrupted restore of .* was undone/);
  await run.waitForLog(/ started \(pid /);
  expect(run.stderr.indexOf("was undone")).toBeLessThan(run.stderr.indexOf("started (pid"));
  expect(existsSync(journal)).toBe(false);
  expect(existsSync(unpacked)).toBe(false);
  expect(readFileSync(join(node.daemonHome, "key.pem"), "utf8")).toBe("the key of the node\n");
});
