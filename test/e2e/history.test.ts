import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeDocument, historySchema } from "../../src/model/documents.ts";
import { type Outcome, outcomesSchema } from "../../src/model/outcomes.ts";
import { outcome } from "../support/outcomes.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { type Instance, takeIn } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { asSomebody, canBeForbidden, giveAway } from "./support/other-user.ts";
import { stateOf } from "./support/tree.ts";

const SECOND = 1_000_000_000n;

function note(node: Instance, ...outcomes: Outcome[]): void {
  writeFileSync(join(node.data, "upgrade-outcomes.json"), encodeDocument(outcomesSchema, { outcomes }));
}

const told = async (home: TemporaryHome, surroundings = {}) =>
  JSON.parse(expectSuccess(await nymvisor(home, ["history", "-o", "json"], surroundings)));

/** 1.1.0 was performed before outcomes were noted; 1.2.0 failed, and its copy has become an archive. */
async function prepare(home: TemporaryHome): Promise<{ node: Instance; archive: string }> {
  const node = await takeIn(home);
  const history = [{ performedAt: NOON, info: upgradeInfo({ version: "1.1.0" }) }];
  writeFileSync(node.historyPath, encodeDocument(historySchema, { history }));
  const archive = join(node.backups, "1.2.0", "backup-2026-11-21-120100000-preupgrade.tar.gz");
  mkdirSync(dirname(archive), { recursive: true });
  writeFileSync(archive, "");
  note(
    node,
    outcome({
      name: "1.2.0",
      from: "1.1.0",
      home: node.daemonHome,
      performedAt: NOON + 61n * SECOND,
      state: "rolled-back",
      wentBack: "with-data",
      why: "it was not well",
      decidedAt: NOON + 100n * SECOND,
      downtime: 1_500_000_000n,
      backup: join(node.daemonHome, "nymvisor/copies/1.2.0-2026-11-21-120000000"),
    }),
  );
  return { node, archive };
}

describe("history", () => {
  test("tells how each upgrade turned out, and finds a backup where it is now", async () => {
    using home = temporaryHome();
    const { archive } = await prepare(home);
    expect(await told(home)).toMatchObject({
      upgrades: [
        { name: "1.1.0", outcome: "unknown", from: "genesis", downtimeMs: null, backup: null },
        { name: "1.2.0", outcome: "rolled-back", why: "it was not well", downtimeMs: 1500, backup: archive },
      ],
      unseen: null,
    });
    const text = expectSuccess(await nymvisor(home, ["history"]));
    expect(text).toMatch(/1\.1\.0[\s\S]*1\.2\.0[\s\S]*it was not well/);
  });

  test("of a node that was only taken in is empty", async () => {
    using home = temporaryHome();
    await takeIn(home);
    expect(expectSuccess(await nymvisor(home, ["history"]))).toBe("No upgrade was performed.\n");
  });

  test("that cannot be read is an error that names it", async () => {
    using home = temporaryHome();
    const { node } = await prepare(home);
    writeFileSync(join(node.data, "upgrade-outcomes.json"), "{");
    expectFailure(await nymvisor(home, ["history"]), 1, "upgrade-outcomes.json");
  });

  test.skipIf(!canBeForbidden)("is for everyone who may read, and says what this user may not see", async () => {
    using home = temporaryHome();
    const { node } = await prepare(home);
    giveAway(home);
    chmodSync(node.backups, 0);
    const somebody = await asSomebody(home);
    const readOnly = ["sh", "-c", 'chmod -R a-w "$1" && shift && exec "$@"', "sh", node.data];
    const surroundings = { ...somebody, through: [...(somebody.through ?? []), ...readOnly] };
    const before = Object.keys(stateOf(home));
    const report = await told(home, surroundings);
    expect(report.unseen).toContain(node.backups);
    expect(report.upgrades[1].backup).toContain("/nymvisor/copies/1.2.0");
    expect(Object.keys(stateOf(home))).toEqual(before);
  });
});
