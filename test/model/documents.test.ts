import { expect, test } from "bun:test";
import {
  type DocumentSchema,
  describeIssues,
  encodeDocument,
  historySchema,
  planSchema,
  upgradeInfoSchema,
  versionRecordSchema,
} from "../../src/model/documents.ts";
import { parseInstant } from "../../src/model/instant.ts";
import { describeGolden, readGolden } from "../support/golden.ts";

const minimal = { name: "1.1.0", version: "1.1.0", upgradeTime: "2026-11-21T09:08:32.734724Z" };

const GOLDEN: readonly (readonly [string, DocumentSchema<unknown>])[] = [
  ["after-init/nymvisors/data/nym-node/genesis/upgrade-info.json", upgradeInfoSchema],
  ["after-init/nymvisors/data/nym-node/upgrade-plan.json", planSchema],
  ["after-init/nym-nodes/n1/nymvisor/current-version.json", versionRecordSchema],
  ["after-upgrade/nymvisors/data/nym-node/genesis/upgrade-info.json", upgradeInfoSchema],
  ["after-upgrade/nymvisors/data/nym-node/upgrade-plan.json", planSchema],
  ["after-upgrade/nymvisors/data/nym-node/upgrade-history.json", historySchema],
  ["after-upgrade/nymvisors/data/nym-node/upgrades/1.1.0/upgrade-info.json", upgradeInfoSchema],
  ["after-upgrade/nym-nodes/n/nymvisor/current-version.json", versionRecordSchema],
];

describeGolden("a document that the Rust program wrote", () => {
  test.each(GOLDEN)("%s is written back byte for byte", (name, schema) => {
    const text = readGolden(name);
    expect(encodeDocument(schema, schema.parse(JSON.parse(text)))).toBe(text);
  });
});

test("what an announcement may leave out gets its default", () => {
  expect(upgradeInfoSchema.parse(minimal)).toEqual({
    ...minimal,
    upgradeTime: parseInstant(minimal.upgradeTime),
    manual: false,
    notes: "",
    publishDate: null,
    platforms: {},
    binaryDetails: null,
  });
});

test("unknown fields are kept, at every depth", () => {
  const info = {
    ...minimal,
    manual: false,
    notes: "",
    publishDate: null,
    platforms: { any: { url: "https://x", mirror: "y" } },
    binaryDetails: null,
    severity: "high",
  };
  const plan = { current: info, queuedUp: [info], schema: 7 };
  const written: unknown = JSON.parse(encodeDocument(planSchema, planSchema.parse(plan)));
  expect(written).toEqual(plan);
});

test("an instant survives to the nanosecond, and an offset becomes UTC", () => {
  const record = historySchema.parse({
    history: [{ performedAt: "2026-11-21T10:08:32.851379076+01:00", info: minimal }],
  });
  expect(encodeDocument(historySchema, record)).toContain('"performedAt": "2026-11-21T09:08:32.851379076Z"');
});

test.each([
  [{ ...minimal, name: undefined }, "name: "],
  [{ ...minimal, upgradeTime: "tomorrow" }, 'upgradeTime: "tomorrow" is not an RFC 3339 datetime'],
  [{ ...minimal, manual: "yes" }, "manual: "],
  [[], "it: "],
  [null, "it: "],
])("%j is refused with the place of what is wrong", (document, expected) => {
  const parsed = upgradeInfoSchema.safeParse(document);
  expect(parsed.success).toBe(false);
  if (parsed.error !== undefined) expect(describeIssues(parsed.error)).toStartWith(expected);
});

test("many issues are cut short", () => {
  const parsed = versionRecordSchema.safeParse({});
  if (parsed.error === undefined) throw new Error("an empty record was taken");
  expect(describeIssues(parsed.error, 1)).toEndWith("; and 3 more");
});
