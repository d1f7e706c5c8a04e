import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Layout } from "../../../src/model/paths.ts";
import { type BulkDisk, nodeBulkDisk, useBulkDisk } from "../../../src/system/bulk-disk.ts";
import type { Clock } from "../../../src/system/clock.ts";
import { type Disk, nodeDisk, useDisk } from "../../../src/system/disk.ts";
import { checkBackupRoom } from "../../../src/upgrade/backup.ts";
import { extractArchive } from "../../../src/upgrade/backups/extract.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { requireOutcomes } from "../../../src/upgrade/outcomes.ts";
import { listSavedHomes, type SavedHome } from "../../../src/upgrade/saved-homes.ts";
import { writePlan } from "../../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../../src/upgrade/take-stock.ts";
import { perform, type TransactionContext } from "../../../src/upgrade/transaction.ts";
import { settleWayBackHome } from "../../../src/upgrade/way-back/settle-way-back.ts";
import { turnBack, type WayBackContext, type WayBackRequest } from "../../../src/upgrade/way-back/turn-back.ts";
import { placeBuild, STANDING_CLOCK, setUp } from "../../support/builds.ts";
import { upgradeInfo } from "../../support/upgrades.ts";
import { type Snapshot, snapshot } from "../archive/tree-snapshot.ts";
import { TransactionFixture, targetOf } from "../transaction-fixture.ts";

const SECOND = 1_000_000_000n;

/** A machine that never loses its power need not wait for its disk. */
const QUICK_DISK: Disk = { ...nodeDisk, fsyncSync: () => {} };
const QUICK_BULK_DISK: BulkDisk = {
  ...nodeBulkDisk,
  fsync: async () => {},
  fdatasync: async () => {},
  syncFileSystem: () => {},
};

/** A node that was really upgraded, by the same code as any other, and that has changed its home since. */
export class WayBackFixture implements Disposable {
  readonly at = new TransactionFixture();
  readonly layout: Layout = this.at.layout;
  private now = STANDING_CLOCK.wall();
  /** Each look at it is a second after the one before. */
  readonly clock: Clock = { ...STANDING_CLOCK, wall: () => (this.now += SECOND) };
  private pristine: string | undefined;
  private giveBack: () => void = () => {};

  constructor() {
    this.useDisks((disk) => disk);
    const { home } = this.layout;
    setUp(this.layout);
    mkdirSync(join(home, "data/deep"), { recursive: true });
    for (const name of ["data/deep/a.sqlite", "data/b.sqlite", "top"]) writeFileSync(join(home, name), `1.0.0 ${name}`);
  }

  /** As the home is, but for nymvisor's own folder. */
  home(path = this.layout.home): Record<string, Snapshot> {
    return snapshot(path, (name) => name === "nymvisor");
  }

  /** @returns the home as it was when its daemon had stopped. */
  async upgrade(version: string, saved: "copy" | "archive" | "nothing" = "copy"): Promise<Record<string, Snapshot>> {
    const { at, layout } = this;
    const info = upgradeInfo({ version });
    placeBuild(layout, info);
    const found = at.context().configuration;
    const plan = { current: upgradeInfo({ version: this.current() }), queuedUp: [info] };
    writePlan(layout, plan);
    const before = this.home();
    const others: Partial<TransactionContext> = {
      clock: this.clock,
      ...(saved === "copy" ? { checkBackupRoom } : {}),
      ...(saved === "nothing"
        ? { configuration: { ...found, daemon: { ...found.daemon, unsafe_skip_backup: true } } }
        : {}),
    };
    const result = await perform(at.context(others), targetOf(info, plan.current.name));
    if (result.outcome !== "done") throw new Error(`it was not upgraded: ${result.reason}`);
    this.runs(version);
    return before;
  }

  /** What the daemon of that version makes of the home: files change, come and go. */
  runs(version: string): void {
    const { home } = this.layout;
    appendFileSync(join(home, "data/deep/a.sqlite"), `, ${version}`);
    writeFileSync(join(home, "config/config.toml"), `version = ${version}`);
    writeFileSync(join(home, `came-with-${version}`), version);
    mkdirSync(join(home, "data/new"), { recursive: true });
    rmSync(join(home, "top"), { force: true });
  }

  current(): string {
    return this.at.situation().match(/current (?:upgrades\/)?([^,]+)/)?.[1] ?? "";
  }

  outcomes() {
    return requireOutcomes(this.layout).outcomes;
  }

  /** The newest saved home of that build. */
  saved(build = "genesis"): SavedHome {
    const saved = listSavedHomes(this.layout, this.outcomes()).find((one) => one.build === build);
    if (saved === undefined) throw new Error(`no home of ${build} is saved`);
    return saved;
  }

  context(others: Partial<WayBackContext> = {}): WayBackContext {
    const { layout, clock, at } = this;
    return {
      layout,
      clock,
      emit: (event) => at.instance.emit(event),
      environment: { PATH: "/usr/bin:/bin" },
      stopDaemon: async () => true,
      releaseCopy: async () => {},
      settleCopy,
      extractArchive,
      signal: at.controller.signal,
      ...others,
    };
  }

  /** From 1.1.0 to genesis, because it did not prove itself. */
  request(others: Partial<WayBackRequest> = {}): WayBackRequest {
    const from = { name: "1.1.0", version: "1.1.0" };
    const { saved = this.saved() } = others;
    return { from, to: "genesis", why: "it exited", byHand: false, ...others, saved };
  }

  goBack(request: Partial<WayBackRequest> = {}, context: Partial<WayBackContext> = {}) {
    return turnBack(this.context(context), this.request(request));
  }

  /** What the next start of nymvisor does before it starts anything. */
  async nextStart(): Promise<"none" | "undone" | "exchanged"> {
    const settled = await settleWayBackHome(this.layout);
    takeStock({ layout: this.layout, clock: this.clock, emit: (event) => this.at.instance.emit(event) });
    return settled;
  }

  /** That nothing of a way back is left but what it was for. */
  leftovers(): string[] {
    const { wayBack, restoring, rolledBack, copies } = this.layout;
    const unpacked = existsSync(restoring) ? readdirSync(restoring) : [];
    const emptied = existsSync(rolledBack) ? readdirSync(rolledBack).filter((name) => !this.isWhole(name)) : [];
    const disowned = (existsSync(copies) ? readdirSync(copies) : []).filter(
      (name) => !existsSync(join(copies, name, "archive.json")),
    );
    return [...(existsSync(wayBack) ? [wayBack] : []), ...unpacked, ...emptied, ...disowned];
  }

  private isWhole(name: string): boolean {
    return existsSync(join(this.layout.rolledBack, name, "note.json"));
  }

  /** Everything is as it was when this was called first. */
  startOver(): void {
    const { path } = this.at.home;
    if (this.pristine === undefined) {
      this.pristine = join(dirname(path), "pristine");
      execFileSync("cp", ["-a", path, this.pristine]);
      return;
    }
    rmSync(path, { recursive: true, force: true });
    execFileSync("cp", ["-a", this.pristine, path]);
  }

  /** From now on both disks are what that makes of them. */
  useDisks(change: <T extends object>(disk: T) => T): void {
    this.giveBack();
    const disk = change(QUICK_DISK);
    this.giveBack = useDisk(() => disk);
    useBulkDisk(change(QUICK_BULK_DISK));
  }

  [Symbol.dispose](): void {
    this.giveBack();
    useBulkDisk(nodeBulkDisk);
    this.at[Symbol.dispose]();
  }
}
