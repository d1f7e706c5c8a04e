import { expect } from "bun:test";
import { existsSync, mkdirSync, readlinkSync, writeFileSync } from "node:fs";
import type { History, UpgradeInfo } from "../../src/model/documents.ts";
import type { Layout } from "../../src/model/paths.ts";
import { fingerprintOf } from "../../src/policy/incoming.ts";
import { backUp, checkBackupRoom } from "../../src/upgrade/backup.ts";
import { HomeCopy } from "../../src/upgrade/copy/home-copy.ts";
import { readJournal } from "../../src/upgrade/journal.ts";
import { readHistory, readVersionRecord, requirePlan } from "../../src/upgrade/shared-documents.ts";
import type { Forth, TransactionContext } from "../../src/upgrade/transaction.ts";
import { STANDING_CLOCK } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

/** An instance in a home of its own, with a daemon that only seems to run and real documents, archives and links. */
export class TransactionFixture implements Disposable {
  readonly home: TemporaryHome = temporaryHome();
  readonly instance: EmptyInstance = emptyInstance(this.home);
  readonly layout: Layout = this.instance.layout;
  /** What was done, in order, and what a nymvisor would have found that came after one that was killed just then. */
  readonly steps: string[] = [];
  /** Gives the attempt up. */
  readonly controller = new AbortController();

  constructor() {
    mkdirSync(`${this.layout.home}/config`);
    writeFileSync(`${this.layout.home}/config/config.toml`, "key = 1\n");
  }

  context(others: Partial<TransactionContext> = {}): TransactionContext {
    return {
      ...this.instance,
      emit: (event) => {
        this.instance.emit(event);
        if (event.type === "upgrade.switched") this.steps.push(`switch, ${this.situation()}`);
      },
      clock: STANDING_CLOCK,
      environment: { PATH: "/usr/bin:/bin" },
      checkBackupRoom: async (request) => {
        return { ...(await checkBackupRoom(request)), forCopy: { needed: 1, available: 0 } };
      },
      backUp: async (request) => {
        this.steps.push(`back up, ${this.situation()}`);
        return backUp(request);
      },
      signal: this.controller.signal,
      stopDaemon: async (why) => {
        this.steps.push(`stop for ${why}, ${this.situation()}`);
        return true;
      },
      settle: async () => {},
      lastLook: async () => null,
      mapped: () => new Set(),
      healthChecks: async () => [],
      // Homes are archived here; what copies do to an upgrade has tests of its own.
      beginCopy: HomeCopy.begin,
      warmUp: async () => {},
      ...others,
    };
  }

  situation(): string {
    const journal = readJournal(this.layout);
    const moment = journal.state === "found" && journal.value.performedAt !== null ? " with its moment" : "";
    const state = journal.state === "found" ? journal.value.state : journal.state;
    const lock = existsSync(this.layout.upgradeLock) ? ", locked" : "";
    return `journal ${state}${moment}, current ${readlinkSync(this.layout.current)}${lock}`;
  }

  history(): History["history"] {
    const found = readHistory(this.layout);
    return found.state === "found" ? found.value.history : [];
  }

  /** That the old build stands, and the upgrade is still to come. */
  expectUntouched(info: UpgradeInfo): void {
    expect(this.situation()).toBe("journal missing, current genesis");
    expect(requirePlan(this.layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [{ name: info.name }] });
    expect(readVersionRecord(this.layout)).toMatchObject({ value: { name: "genesis" } });
    expect(this.history()).toEqual([]);
  }

  [Symbol.dispose](): void {
    this.home[Symbol.dispose]();
  }
}

export function targetOf(info: UpgradeInfo, from = "genesis"): Forth {
  return { kind: "upgrade", name: info.name, fingerprint: fingerprintOf(info), from };
}
