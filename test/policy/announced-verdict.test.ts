import { describe, expect, test } from "bun:test";
import { NO_WISHES, operatorSchema } from "../../src/model/operator.ts";
import { type AnnouncedSituation, verdictOnAnnouncement } from "../../src/policy/announced-verdict.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";

const platforms = { any: platform("bytes") };
const current = upgradeInfo({ name: "genesis", version: "1.0.0" });
const announced = upgradeInfo({ version: "1.1.0", platforms });

function judge(info = announced, more: Partial<AnnouncedSituation> = {}) {
  return verdictOnAnnouncement(info, {
    running: { info: current, build: sampleBuildInfo({ version: "1.0.0" }), otherBytes: null },
    plan: { current, queuedUp: [] },
    owned: false,
    performed: [],
    operator: NO_WISHES,
    bad: null,
    missing: null,
    ...more,
  });
}

const skipped = operatorSchema.parse({ skipped: [{ name: "1.1.0", since: "2026-01-01T00:00:00Z", by: "command" }] });
const pinned = operatorSchema.parse({ pin: { release: "9.0.0", since: "2026-01-01T00:00:00Z" } });

describe("an announcement", () => {
  test("that is newer is taken when it says", () => {
    expect(judge()).toMatchObject({ candidate: { name: "1.1.0", state: "chosen", at: NOON }, newer: true });
  });

  test("of what runs, by its name", () => {
    const plan = { current: announced, queuedUp: [] };
    const running = { info: announced, build: sampleBuildInfo({ version: "1.1.0" }), otherBytes: null };
    expect(judge(announced, { plan, running })).toMatchObject({
      candidate: { state: "running", at: null },
      newer: false,
    });
  });

  test.each<[string, ReturnType<typeof judge>["candidate"]["state"], Parameters<typeof judge>]>([
    ["of a lower version", "older", [upgradeInfo({ version: "0.9.0" })]],
    ["that cannot be a name", "refused", [upgradeInfo({ name: "../x" })]],
    ["that was performed before", "performed", [announced, { performed: [announced] }]],
    ["that failed here before", "refused", [announced, { performed: [announced], bad: "it failed" }]],
    ["that is skipped", "skipped", [announced, { operator: skipped }]],
    ["while another one is pinned", "pinned-away", [announced, { operator: pinned }]],
    ["without a checksum", "no-checksum", [announced, { missing: { state: "no-checksum", why: "none is given" } }]],
    ["for other machines", "no-binary", [announced, { missing: { state: "no-binary", why: "only for others" } }]],
    ["of the running version", "not-replaced", [upgradeInfo({ name: "x", version: "1.0.0" })]],
  ])("%s is %s", (_, state, situation) => {
    const { candidate } = judge(...situation);
    expect(candidate).toMatchObject({ state, at: null });
    expect(candidate.why).not.toBe("");
  });

  test("with the bytes of what runs is nothing new", () => {
    const running = { info: current, build: sampleBuildInfo({ version: "1.0.0" }), otherBytes: false };
    expect(judge(upgradeInfo({ name: "x", version: "1.0.0" }), { running }).candidate.state).toBe("same-bytes");
  });

  test("that is queued at a time of a person's is taken then, though it is skipped", () => {
    const queued = { ...announced, upgradeTime: NOON + 5n };
    const orders = [{ name: "1.1.0", since: NOON, despiteHold: false, downgrade: false, checksums: null }];
    const situation = { plan: { current, queuedUp: [queued] }, owned: true, operator: { ...skipped, orders } };
    expect(judge(announced, situation).candidate).toMatchObject({ state: "chosen", at: NOON + 5n });
  });

  test("that is newer and unwanted keeps other sources from being asked all the same", () => {
    expect(judge(announced, { operator: skipped }).newer).toBe(true);
    expect(judge(upgradeInfo({ version: "0.9.0" })).newer).toBe(false);
  });
});
