import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { Layout } from "../../../src/model/paths.ts";
import type { WayBack } from "../../../src/run/rollback/choose.ts";
import { orderWayBack, withdrawOrder } from "../../../src/run/rollback/order.ts";
import { type Lock, tryLock } from "../../../src/system/lock.ts";
import { requireOperator, writeOperator } from "../../../src/upgrade/operator.ts";
import { noteOutcome } from "../../../src/upgrade/outcomes.ts";
import { setUp } from "../../support/builds.ts";
import { failureOfAsync } from "../../support/failure.ts";
import { type EmptyInstance, emptyInstance } from "../../support/instance.ts";
import { outcome } from "../../support/outcomes.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { NOON } from "../../support/upgrades.ts";
import { waitFor } from "../../support/wait.ts";

let folder: TemporaryHome;
let instance: EmptyInstance;
let layout: Layout;
let run: Lock | null;

/** This process stands for the nymvisor that runs. */
beforeEach(() => {
  folder = temporaryHome();
  instance = emptyInstance(folder);
  layout = instance.layout;
  setUp(layout);
  run = tryLock(layout.instanceLock, "run").lock;
});

afterEach(() => {
  run?.release();
  folder[Symbol.dispose]();
});

const kept = { build: "old", at: NOON, kind: "kept", path: "/kept", bytes: null, upgrade: null } as const;
const way: WayBack = {
  from: { name: "genesis", version: "1.0.0" },
  to: { name: "old", version: "0.9.0" },
  saved: kept,
  notes: [],
};

function order(signal = new AbortController().signal) {
  return orderWayBack({ layout, log: instance }, way, signal);
}

const placed = () => waitFor("the order", () => requireOperator(layout).goBack.at(0));

/** What the run does with an order: the outcome, or the reason, comes first. */
function removeOrder(): void {
  writeOperator(layout, { ...requireOperator(layout), goBack: [] });
}

describe("an order to go back", () => {
  test("waits in operator.json, and the command for its outcome", async () => {
    const ordered = order();
    const { since, ...rest } = await placed();
    expect(rest).toEqual({ home: layout.home, to: "old", saved: "/kept" });
    const { home } = layout;
    noteOutcome(layout, outcome({ kind: "rollback", name: "old", home, performedAt: since, kept: "/aside" }));
    removeOrder();
    expect(await ordered).toBe("/aside");
    expect(instance.events).toContainEqual(expect.objectContaining({ type: "rollback.waiting", pid: process.pid }));
  });

  test("that the run refuses fails with its reason, whatever became of an earlier one", async () => {
    noteOutcome(layout, outcome({ kind: "rollback", name: "old", home: layout.home }));
    const ordered = failureOfAsync(order());
    await placed();
    writeFileSync(layout.upgradeStatus, JSON.stringify({ upgrades: {}, orderRefused: "the binary is gone" }));
    removeOrder();
    expect((await ordered).message).toBe("the node does not go back to old: the binary is gone");
  });

  test("takes the place of an earlier one of this home only", async () => {
    const earlier = (home: string) => ({ home, to: "x", saved: null, since: NOON });
    writeOperator(layout, { ...requireOperator(layout), goBack: [earlier(layout.home), earlier("/other")] });
    const abort = new AbortController();
    const ordered = failureOfAsync(order(abort.signal));
    await waitFor("the order", () => requireOperator(layout).goBack.some(({ to }) => to === "old"));
    expect(requireOperator(layout).goBack.map(({ home, to }) => [home, to])).toEqual([
      ["/other", "x"],
      [layout.home, "old"],
    ]);
    abort.abort();
    await ordered;
  });

  test("stays when the command is interrupted, which says so; it can be taken back", async () => {
    const abort = new AbortController();
    const ordered = failureOfAsync(order(abort.signal));
    await placed();
    abort.abort();
    expect(await ordered).toMatchObject({
      what: expect.stringContaining("ordered, and not done yet"),
      next: "to take the order back: nymvisor rollback --to genesis",
    });
    expect(await withdrawOrder(layout)).toBe("old");
    expect(await withdrawOrder(layout)).toBeNull();
    expect(requireOperator(layout).goBack).toEqual([]);
  });

  test("is none where the node has gone on meanwhile", async () => {
    const gone = { ...way, from: { name: "other", version: "2.0.0" } };
    const failure = await failureOfAsync(orderWayBack({ layout, log: instance }, gone, new AbortController().signal));
    expect(failure.message).toContain("has gone on to genesis meanwhile");
    expect(requireOperator(layout).goBack).toEqual([]);
  });
});
