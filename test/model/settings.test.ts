import { expect, test } from "bun:test";
import { duration } from "../../src/model/setting-kinds.ts";
import { isDefault, own, type Setting } from "../../src/model/settings.ts";

const help = "How long an upgrade may wait";

test("the names of a key of our own follow from its table and key", () => {
  expect(own("policy", "longest_wait", duration, { default: "60m", help })).toEqual({
    kind: duration,
    own: true,
    default: "60m",
    env: "NYMVISOR_POLICY_LONGEST_WAIT",
    flag: "policy-longest-wait",
    help,
  });
});

test("a default is recognised however it was spelled", () => {
  const setting = {
    table: "policy",
    key: "longest_wait",
    ...own("policy", "longest_wait", duration, { default: "60m", help }),
  } as Setting;
  expect(isDefault(setting, "1h")).toBe(true);
  expect(isDefault(setting, "61m")).toBe(false);
  expect(isDefault({ ...setting, default: undefined }, "1h")).toBe(false);
});
