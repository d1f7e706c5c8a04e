import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepareNode } from "./support/prepared-node.ts";

describe("a version that does not prove itself", () => {
  test("and exits at once is put back with its data, and is not tried again", async () => {
    await using node = await prepareNode({ settings: { NYMVISOR_HEALTH_PROBATION: "3s" } });
    writeFileSync(join(node.daemonHome, "keys.pem"), "the keys");
    await using run = await node.run();
    await run.waitForEvent("started");
    node.release("1.1.0", { behaviour: { exitAfter: 50, exitCode: 3 } });
    run.signal("SIGHUP");
    await run.waitForLog(/the node is back on genesis/);
    await run.waitForEvent("started", { version: "1.0.0" });
    console.log(run.stderr);
    expect(node.current()).toBe("genesis");
    expect(node.record()).toMatchObject({ name: "genesis", version: "1.0.0" });
    expect(readFileSync(join(node.daemonHome, "keys.pem"), "utf8")).toBe("the keys");
    const kept = join(node.daemonHome, "nymvisor", "rolled-back");
    console.log(
      readdirSync(kept),
      readFileSync(join(node.planPath, "..", "upgrade-outcomes.json"), "utf8"),
      existsSync(join(kept, readdirSync(kept)[0] ?? "", "output.log")) &&
        readFileSync(join(kept, readdirSync(kept)[0] ?? "", "output.log"), "utf8"),
    );
    expect(existsSync(kept)).toBe(true);
    expect((await run.stop()).status).toBe(0);
  });
});
