import { expect, test } from "bun:test";
import { buildLayout } from "../../src/model/paths.ts";
import { writeOutcomes } from "../../src/upgrade/outcomes.ts";
import { readStaged } from "../../src/upgrade/staged.ts";
import { perform } from "../../src/upgrade/transaction.ts";
import { setUpStaged } from "../support/builds.ts";
import { outcome } from "../support/outcomes.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

test("bytes that failed here are not switched to, though nobody could tell them by what was announced", async () => {
  using at = new TransactionFixture();
  const info = setUpStaged(at.layout);
  const sha256 = readStaged(buildLayout(at.layout, info.name))?.sha256 ?? "";
  const failed = outcome({ name: "before", home: "/elsewhere", state: "rolled-back", sha256 });
  writeOutcomes(at.layout, { outcomes: [failed] });
  const refused = await perform(at.context(), targetOf(info));
  expect(refused).toMatchObject({ outcome: "failed", stopped: false });
  expect(refused).toMatchObject({ reason: expect.stringContaining("nymvisor upgrade before --retry") });
  at.expectUntouched(info);
  expect(at.steps).toEqual([]);
  writeOutcomes(at.layout, { outcomes: [{ ...failed, forgiven: true }] });
  expect(await perform(at.context(), targetOf(info))).toMatchObject({ outcome: "done" });
});
