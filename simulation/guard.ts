import { dirname, join } from "node:path";
import { HOME_VARIABLE } from "../src/daemon/record.ts";
import type { NymvisorEvent } from "../src/model/events.ts";
import { buildLayout, type Layout } from "../src/model/paths.ts";
import { compareVersions } from "../src/model/version.ts";
import { type BackupListener, decodeArchive } from "./backups.ts";
import type { Effect } from "./disk.ts";
import { DocumentLedger } from "./documents.ts";
import { isShared, kindOf } from "./files.ts";
import { fingerprintOf, type Homes } from "./homes.ts";
import type { Invariant, Violation } from "./invariants.ts";
import type { Machine } from "./machine.ts";
import type { Node } from "./node.ts";
import { isLiving, type SimulatedProcess } from "./processes.ts";
import { sha256 } from "./program.ts";
import { Reach } from "./reach.ts";
import { type Need, SavedHomes } from "./saved-homes.ts";
import { TrialLedger } from "./trials.ts";
import { UpgradeLedger } from "./upgrades.ts";
import { WayBackLedger } from "./ways-back.ts";

/** What was started on a home, as the world remembers it. */
interface HomeStory {
  /** What it has been since nothing runs on it: as it was left, and what losses of power have made of it since. */
  left: Set<string>;
  /** All that it was ever left as. */
  everLeft: Set<string>;
  digest: string | undefined;
  build: string | undefined;
  daemon: SimulatedProcess | undefined;
  /** By the build that was switched to: what the home was when it was stopped for that. */
  stops: Map<string, ReadonlySet<string>>;
  /** By build: all that it left the home as. */
  leftBy: Map<string, Set<string>>;
  /** A person has put something older on it, or only the binary went back: nothing newer is promised to be left alone. */
  isMixed: boolean;
}

export interface GuardOptions {
  /** How long a version is tried, in microseconds. */
  probation: number;
  /** Homes are saved before upgrades. */
  backups: boolean;
  /** What is not reported. */
  overlooks: readonly Invariant[];
}

/** Watches a world, and keeps the first invariant that was broken. */
export class Guard implements BackupListener {
  violation: Violation | undefined;
  readonly documents: DocumentLedger;
  readonly upgrades: UpgradeLedger;
  readonly reach: Reach;
  readonly trials: TrialLedger;
  readonly waysBack: WayBackLedger;
  readonly homes = new Map<string, HomeStory>();
  readonly #saved: SavedHomes;
  /** The inode of upgrade.lock that a process has locked. */
  readonly #locked = new Map<SimulatedProcess, number>();
  /** The documents that it has read since. */
  readonly #read = new Map<SimulatedProcess, Set<string>>();
  readonly #roomChecked = new Map<SimulatedProcess, string>();
  /** Nodes that are stopped for an upgrade. */
  readonly #down = new Map<number, SimulatedProcess>();
  readonly #brought = new Set<string>();
  /** Needs of backups that a way back was decided for, until it is over. */
  readonly #released = new Map<string, Need[]>();
  /** A person has taken `current` below what homes were on: they follow, whatever they are. */
  #wasTakenDown = false;
  #lastLook = "";
  #lastCurrent = "genesis";
  /** Daemons that ran something new for the first time. */
  upgradesPerformed = 0;

  constructor(
    private readonly machine: Machine,
    private readonly nodes: readonly Node[],
    private readonly contents: Homes,
    private readonly options: GuardOptions,
  ) {
    this.#saved = new SavedHomes(
      () => machine.disk.aftermath,
      (what) => this.report("backed-up", what),
    );
    const observer = () => machine.observer;
    this.documents = new DocumentLedger(observer, (what) => this.report("whole-documents", what));
    const layouts = nodes.map(({ layout }) => layout);
    this.upgrades = new UpgradeLedger(observer, layouts, (what) => this.report("never-lost", what));
    this.reach = new Reach(
      layouts,
      (name) => this.upgrades.known.has(name),
      (home) => this.waysBack.of(home) !== undefined,
      (what) => this.report("own-paths", what),
    );
    const none: ReadonlySet<string> = new Set();
    this.waysBack = new WayBackLedger(
      machine,
      layouts,
      {
        before: (home, build) => this.homes.get(home)?.stops.get(build) ?? none,
        leftBy: (home, build) => this.homes.get(home)?.leftBy.get(build) ?? none,
        left: (home) => this.homes.get(home)?.left ?? none,
      },
      { putBack: (what) => this.report("put-back", what), kept: (what) => this.report("kept", what) },
    );
    this.trials = new TrialLedger(machine, layouts, options.probation, {
      verdicts: (what) => this.report("verdicts", what),
      badBytes: (what) => this.report("bad-bytes", what),
      oneProvesFirst: (what) => this.report("one-proves-first", what),
      passed: (home) => this.waysBack.passed(home),
    });
  }

  report(invariant: Invariant, what: string): void {
    if (this.violation !== undefined || this.options.overlooks.includes(invariant)) return;
    this.violation = { invariant, what };
    this.machine.trace.note("guard", `VIOLATION ${invariant}: ${what}`);
  }

  get #layout(): Layout {
    return (this.nodes[0] as Node).layout;
  }

  /** After each step. */
  afterStep(): void {
    this.#checkCurrent();
    this.upgrades.check();
  }

  #checkCurrent(): void {
    const { observer } = this.machine;
    const { current, daemon } = this.#layout;
    const binary = join(current, "bin", daemon);
    const stat = observer.statSync(binary, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) {
      this.report("whole-current", "current leads to no binary");
      return;
    }
    const target = observer.readlinkSync(current);
    const look = `${target} ${stat.ino} ${stat.ctimeNs} ${this.upgrades.of(nameOf(target)).digests.size}`;
    if (look === this.#lastLook) return;
    this.#lastLook = look;
    const name = nameOf(target);
    const digest = sha256(observer.readFileSync(binary));
    if (!this.upgrades.of(name).digests.has(digest))
      this.report("whole-current", `the binary of ${name} is none of its`);
    if ((stat.mode & 0o111n) === 0n) this.report("whole-current", `the binary of ${name} is not executable`);
  }

  /** Before an effect of the tried code. */
  before(process: SimulatedProcess, effect: Effect, path: string, destination?: string): void {
    this.reach.touches(effect, path, destination);
    const changed = effect === "rename" ? [path, destination ?? ""] : effect === "unlink" ? [path] : [];
    for (const name of changed) {
      if (!isShared(kindOf(name)) || name.includes(".tmp-")) continue;
      if (!this.#holdsLock(process)) this.report("locked-writes", `${process.name}: ${effect} ${name}`);
    }
    const { plan, history, outcomes, operator } = this.#layout;
    const replaced = [plan, history, outcomes, operator].find((document) => document === destination);
    if (replaced === undefined || !this.machine.observer.existsSync(replaced)) return;
    if (!this.#read.get(process)?.has(replaced)) {
      this.report("locked-writes", `${process.name} replaces ${replaced}, which it has not read under the lock`);
    }
  }

  /** Before the tried code looks at something. */
  looks(process: SimulatedProcess, path: string): void {
    if (isShared(kindOf(path))) this.#read.get(process)?.add(path);
  }

  after(process: SimulatedProcess, effect: Effect, path: string, destination?: string): void {
    const { layout } = this.nodes[0] as Node;
    if (path === layout.current || destination === layout.current) this.#checkCurrent();
    if (effect !== "fsync" && effect !== "flock") this.#saved.touched(path);
    if (effect === "rename") {
      this.documents.changed(path);
      this.documents.changed(destination ?? "");
      if (destination === layout.current) this.#currentMoved(process);
      if (destination === layout.outcomes) this.trials.changed();
      if (destination !== undefined && kindOf(destination) === "way-back") this.#wayBackWritten(destination);
      if (destination !== undefined && kindOf(destination) === "backup") this.#checkArchive(destination);
      if (destination !== undefined && kindOf(destination) === "copy-note") this.#checkPrivate(dirname(destination));
      if (destination !== undefined && kindOf(destination) === "staged-note") this.#checkNote(destination);
    } else if (effect === "unlink") {
      this.documents.changed(path);
      this.waysBack.removed(path);
      if (kindOf(path) === "way-back" && !path.includes(".tmp-")) this.#wayBackOver(path);
      if (kindOf(path) === "copy-note" && !path.includes(".tmp-")) this.#checkNeeded(dirname(path));
    } else if (effect === "fsync" && this.machine.observer.statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      this.documents.folderSynced(path);
      if (path === dirname(layout.plan)) this.upgrades.planIsDurable();
    }
  }

  #nodeOf(path: string, of: (layout: Layout) => string): Layout | undefined {
    return this.nodes.find(({ layout }) => of(layout) === path)?.layout;
  }

  #wayBackWritten(path: string): void {
    const layout = this.#nodeOf(path, ({ wayBack }) => wayBack);
    const way = layout === undefined ? undefined : this.waysBack.written(layout);
    if (layout === undefined || way === undefined || way.saved === null) return;
    this.#released.set(layout.home, this.#saved.release(layout, way.saved.path));
  }

  #wayBackOver(path: string): void {
    const layout = this.#nodeOf(path, ({ wayBack }) => wayBack);
    const story = layout === undefined ? undefined : this.homes.get(layout.home);
    const way = layout === undefined ? undefined : this.waysBack.over(layout);
    if (layout === undefined || story === undefined || way === undefined) return;
    this.#released.delete(layout.home);
    const { home } = layout;
    if (!way.started) {
      const build = way.to.name;
      Object.assign(story, { left: new Set([this.contents.fingerprint(home)]), build, digest: undefined });
      this.trials.buildChanges(home, build, true);
    }
    const verdict = this.trials.lastOf(home, way.from.name);
    if (verdict !== undefined && verdict.state !== "rolled-back") {
      this.report("verdicts", `${home} is back from ${way.from.name}, which is ${verdict.state} still`);
    }
  }

  /** A copy goes: not the one that a way back would need. */
  #checkNeeded(copy: string): void {
    const { observer } = this.machine;
    const layout = this.#nodeOf(dirname(copy), ({ copies }) => copies);
    if (layout === undefined || this.waysBack.of(layout.home) !== undefined) return;
    if (!observer.existsSync(layout.probation)) return;
    const note = JSON.parse(observer.readFileSync(layout.probation, "utf8")) as { name: string; saved: string | null };
    // By then another is tried: its switch is made, and is only not written down yet.
    const journal = this.#readJournal(layout);
    if (journal?.state === "switching" && journal.to.name !== note.name && journal.to.name === this.#lastCurrent)
      return;
    const isNeeded = note.saved === copy && this.trials.lastOf(layout.home, note.name)?.state === "on-probation";
    if (isNeeded) this.report("kept", `${copy} goes while ${note.name} is on probation`);
  }

  #checkPrivate(copy: string): void {
    const mode = this.machine.observer.statSync(copy).mode & 0o777;
    if (mode !== 0o700) this.report("private-backups", `${copy} has the mode ${mode.toString(8)}`);
  }

  #checkArchive(path: string): void {
    this.#checkModes(path);
    const saved = decodeArchive(this.machine.observer.readFileSync(path));
    const story = saved === undefined ? undefined : this.homes.get(saved.home);
    if (saved !== undefined && story?.everLeft.has(fingerprintOf(saved.files))) return;
    this.report("backed-up", `${path} is not its home as it ever was left`);
  }

  #checkModes(backup: string): void {
    const { observer } = this.machine;
    const modes = [dirname(backup), backup].map((path) => observer.statSync(path).mode & 0o777);
    if (modes[0] === 0o700 && modes[1] === 0o600) return;
    this.report("private-backups", `${backup} has the modes ${modes.map((mode) => mode.toString(8)).join(", ")}`);
  }

  /** What is noted of a binary is what lies there, if it is that binary which the note speaks of. */
  #checkNote(path: string): void {
    const { observer } = this.machine;
    const binary = join(dirname(path), "bin", this.#layout.daemon);
    const stat = observer.statSync(binary, { bigint: true, throwIfNoEntry: false });
    const note = JSON.parse(observer.readFileSync(path, "utf8")) as { sha256: string; identity: string };
    if (stat === undefined || note.identity !== `${stat.ino}:${stat.mtimeNs}:${stat.ctimeNs}`) return;
    if (note.sha256 !== sha256(observer.readFileSync(binary))) {
      this.report("verified-first", `${path} tells of other bytes than those that lie there`);
    }
  }

  #currentMoved(process: SimulatedProcess): void {
    const name = nameOf(this.machine.observer.readlinkSync(this.#layout.current));
    if (name === this.#lastCurrent) return;
    if (this.#takesBack(process, name)) {
      for (const { nymvisor, layout } of this.nodes) if (nymvisor === process) this.#saved.forget(layout);
      this.upgrades.powerLost(name, this.#lastCurrent);
      this.#lastCurrent = name;
      return;
    }
    if (this.#goesBack(process, name)) {
      this.upgrades.wentBackFrom(this.#lastCurrent);
      this.#lastCurrent = name;
      return;
    }
    const [from, to] = [this.upgrades.of(this.#lastCurrent), this.upgrades.of(name)];
    const isLower = (compareVersions(to.version, from.version) ?? 0) < 0;
    if (isLower && to.byPerson) this.#wasTakenDown = true;
    if (isLower && !to.byPerson) {
      this.report("no-downgrade", `current moves from ${from.name} to ${name}, and nobody asked for that`);
    }
    this.#lastCurrent = name;
    const { current, daemon } = this.#layout;
    this.upgrades.switched(name, sha256(this.machine.observer.readFileSync(join(current, "bin", daemon))));
    const node = this.nodes.find(({ nymvisor }) => nymvisor === process);
    const home = node === undefined ? undefined : this.homes.get(node.layout.home);
    if (node === undefined || home === undefined) return;
    if (!this.#journalSays(node.layout, name)) this.report("journal-first", `current moves to ${name} unannounced`);
    if (this.options.backups) this.#saved.require(node.layout, name, home.left, false);
  }

  /** A way back that is decided, durably, takes `current` along. */
  #goesBack(process: SimulatedProcess, name: string): boolean {
    const node = this.nodes.find(({ nymvisor }) => nymvisor === process);
    const way = node === undefined ? undefined : this.waysBack.of(node.layout.home);
    if (node === undefined || way?.to.name !== name) return false;
    const durable = this.machine.disk.aftermath.contents(node.layout.wayBack);
    if (durable === undefined) this.report("journal-first", `current moves back to ${name} unannounced`);
    this.waysBack.currentMoves(node.layout, way);
    return true;
  }

  /** A move that the disk did not confirm is taken back before anything has come of it. */
  #takesBack(process: SimulatedProcess, name: string): boolean {
    const node = this.nodes.find(({ nymvisor }) => nymvisor === process);
    const journal = node === undefined ? undefined : this.#readJournal(node.layout);
    return journal?.state === "switching" && journal.from === name && journal.to.name === this.#lastCurrent;
  }

  #journalSays(layout: Layout, name: string): boolean {
    const durable = this.machine.disk.aftermath.contents(layout.journal);
    if (durable === undefined) return false;
    const journal = JSON.parse(new TextDecoder().decode(durable)) as { state: string; to: { name: string } };
    return journal.state === "switching" && journal.to.name === name;
  }

  #readJournal({ journal }: Layout): { state: string; from: string; to: { name: string } } | undefined {
    const { observer } = this.machine;
    return observer.existsSync(journal) ? JSON.parse(observer.readFileSync(journal, "utf8")) : undefined;
  }

  lockTaken(process: SimulatedProcess, inode: number): void {
    this.#locked.set(process, inode);
    this.#read.set(process, new Set());
  }

  #holdsLock(process: SimulatedProcess): boolean {
    const { observer } = this.machine;
    const there = observer.statSync(this.#layout.upgradeLock, { throwIfNoEntry: false });
    const open = process.ownDisk.openPaths.includes(this.#layout.upgradeLock);
    return open && there !== undefined && Number(there.ino) === this.#locked.get(process);
  }

  /** A person put it where a binary belongs: they have run it for all that nymvisor can tell. */
  broughtByPerson(digest: string): void {
    this.#brought.add(digest);
  }

  executes(path: string, digest: string): void {
    if (this.#brought.has(digest) || this.upgrades.of(nameOf(dirname(dirname(path)))).excused) return;
    for (const { digests } of this.upgrades.known.values()) if (digests.has(digest)) return;
    this.report("verified-first", `${path} is executed, and is nothing that was ever verified`);
  }

  /** @returns whether it works on the home. */
  daemonStarted(
    process: SimulatedProcess,
    home: string,
    build: string,
    { digest, version }: { digest: string; version: string },
  ): boolean {
    if (this.livesOn(home, process)) this.report("one-daemon", `a second daemon is started on ${home}`);
    const story = this.homes.get(home);
    const node = this.nodes.find(({ layout }) => layout.home === home);
    if (story === undefined || node === undefined) {
      this.report("no-mistakes", `a daemon of no home: ${home}`);
      return false;
    }
    if (this.waysBack.of(home) === undefined && !story.left.has(this.contents.fingerprint(home))) {
      this.report("put-back", `${build} is started on ${home}, which is not as it was left`);
    }
    const isBack = this.waysBack.starts(node.layout, build);
    const isNew = story.digest !== undefined && story.digest !== digest;
    if (isNew && !isBack) {
      if (this.options.backups) this.#saved.require(node.layout, build, story.left, true);
      this.upgradesPerformed += 1;
    }
    if (story.build !== build) {
      if (!isBack) story.stops.set(build, new Set(story.left));
      this.trials.buildChanges(home, build, isBack);
    }
    this.trials.starts(
      home,
      build,
      digest,
      isBack || story.digest === undefined || story.digest === digest,
      process.parent ?? undefined,
    );
    this.#checkMigrations(story, home, { build, version, isBack });
    Object.assign(story, { digest, build, daemon: process });
    this.#down.delete(node.index);
    return this.contents.started(home, process, version);
  }

  #checkMigrations(
    story: HomeStory,
    home: string,
    { build, version, isBack }: { build: string; version: string; isBack: boolean },
  ): void {
    const order = compareVersions(version, this.contents.schema(home)) ?? 0;
    if (order >= 0) story.isMixed = false;
    else if (this.#wasTakenDown || this.upgrades.of(build).byPerson || (isBack && this.#isWithoutData(home))) {
      story.isMixed = true;
    }
    if (order < 0 && !story.isMixed) {
      this.report("never-on-newer", `${build} is started on ${home}, which ${this.contents.schema(home)} has migrated`);
    }
  }

  /** Only its binary goes back, as a person wants it, or because nothing was saved. */
  #isWithoutData(home: string): boolean {
    const way = this.waysBack.of(home);
    return way !== undefined && way.saved === null && (way.byHand || !this.options.backups);
  }

  said(process: SimulatedProcess, { index, layout }: Node, event: NymvisorEvent): void {
    if (event.type === "upgrade.started") {
      const runs = (home: string) => {
        const other = this.nodes.find((node) => node.layout.home === home);
        // One whose disk did not take the name of who holds its lock cannot be told from one that does not run.
        const { nymvisor, layout: { homeLock } = layout } = other ?? {};
        if (nymvisor === undefined || !isLiving(nymvisor) || !this.machine.observer.existsSync(homeLock)) return false;
        return this.machine.observer.readFileSync(homeLock, "utf8").includes(`"pid":${nymvisor.pid},`);
      };
      this.trials.setsOut(layout.home, event.name, runs);
    }
    if (event.type === "upgrade.queued") this.upgrades.of(event.name).queued = true;
    if (event.type === "daemon.start-failed") this.#down.delete(index);
    if (event.type === "warning" && event.about === layout.probation) this.trials.couldNotNote(layout.home);
    if (event.type === "daemon.start-failed") this.trials.couldNotStart(layout.home);
    if (event.type === "daemon.exited") this.trials.ended(layout.home);
    if (TRIED_TO_GO_BACK.has(event.type)) this.trials.triedToGoBack(process);
    if (event.type === "warning" && event.about === "nymvisor itself") this.report("no-mistakes", event.reason);
    const name = event.type === "daemon.stopping" ? /^upgrade to (.+)$/.exec(event.why)?.[1] : undefined;
    if (name === undefined) return;
    for (const [other, nymvisor] of this.#down) {
      if (other !== index && isLiving(nymvisor)) {
        this.report("one-at-a-time", `nodes ${other} and ${index} are both stopped for an upgrade`);
      }
    }
    this.#down.set(index, process);
    if (this.options.backups && this.#roomChecked.get(process) !== name) {
      this.report("ready-before-stop", `the daemon is stopped for ${name} without a look at the room`);
    }
    this.#roomChecked.delete(process);
    const { binary } = buildLayout(layout, name);
    const { observer } = this.machine;
    const digest = observer.existsSync(binary) ? sha256(observer.readFileSync(binary)) : "none";
    const { build, digest: runs } = this.homes.get(layout.home) ?? {};
    if (runs === digest && build === name) {
      this.report("ready-before-stop", `the daemon is stopped for ${name}, which it runs already`);
    }
    if (!this.upgrades.of(name).digests.has(digest) && !this.upgrades.of(name).excused) {
      this.report("ready-before-stop", `the daemon is stopped for ${name}, whose binary is not ready`);
    }
  }

  processEnded(process: SimulatedProcess): void {
    this.#locked.delete(process);
    this.#read.delete(process);
    this.#roomChecked.delete(process);
    for (const [index, nymvisor] of this.#down) if (nymvisor === process) this.#down.delete(index);
    if (process.role === "daemon") this.#daemonEnded(process);
  }

  #daemonEnded({ environment }: SimulatedProcess): void {
    const marks = environment.toString();
    for (const [home, story] of this.homes) {
      if (!marks.includes(`${HOME_VARIABLE}=${home}\0`) || this.livesOn(home)) continue;
      story.left.clear();
      this.#leave(home, story);
    }
  }

  /** What the home is now is what must be saved before another version runs on it. */
  #leave(home: string, { left, everLeft, leftBy, build = "genesis" }: HomeStory): void {
    const fingerprint = this.contents.fingerprint(home);
    left.add(fingerprint);
    everLeft.add(fingerprint);
    leftBy.set(build, (leftBy.get(build) ?? new Set()).add(fingerprint));
  }

  /** How a world begins: nothing has run on the home. */
  beginHome(home: string): void {
    const story: HomeStory = {
      left: new Set(),
      everLeft: new Set(),
      stops: new Map(),
      leftBy: new Map(),
      digest: undefined,
      build: undefined,
      daemon: undefined,
      isMixed: false,
    };
    this.homes.set(home, story);
    this.#leave(home, story);
  }

  /** After a loss of power, before anything starts. */
  powerLost(): void {
    const { plan, current } = this.#layout;
    const spoiled = this.documents.isForeign(plan);
    this.documents.check();
    if (spoiled) this.upgrades.personWrote();
    this.#lastLook = "";
    this.#checkCurrent();
    const name = nameOf(this.machine.observer.readlinkSync(current));
    this.upgrades.powerLost(name, this.#lastCurrent);
    this.#lastCurrent = name;
    this.waysBack.powerLost();
    for (const [home, needs] of this.#released) {
      if (this.waysBack.of(home) !== undefined) continue;
      this.#saved.takeBack(needs);
      this.#released.delete(home);
    }
    this.trials.powerLost();
    // What is half exchanged is no home.
    for (const [home, story] of this.homes) if (this.waysBack.of(home)?.started !== false) this.#leave(home, story);
    this.checkBackups();
  }

  /** What upgrades stand on is still there. */
  checkBackups(): void {
    this.#saved.check(this.#lastCurrent);
  }

  /** Whether something may keep a home from being put back: what a person has done, or that there is nothing to go back to. */
  mayLackWayBack(home: string): boolean {
    const { build = "", isMixed = false } = this.homes.get(home) ?? {};
    const verdict = this.trials.lastOf(home, build);
    return isMixed || verdict === undefined || verdict.backup === null;
  }

  livesOn(home: string, besides?: SimulatedProcess): boolean {
    const mark = `${HOME_VARIABLE}=${home}\0`;
    return [...this.machine.processes.values()].some(
      (one) => one.role === "daemon" && one !== besides && isLiving(one) && one.environment.toString().includes(mark),
    );
  }

  roomWasChecked(process: SimulatedProcess, name: string | undefined, enough: boolean): void {
    if (enough && name !== undefined) this.#roomChecked.set(process, name);
    else this.#roomChecked.delete(process);
  }

  savedWhileAlive(home: string): void {
    this.report("backed-up", `${home} is saved while a daemon works on it`);
  }
}

const TRIED_TO_GO_BACK: ReadonlySet<NymvisorEvent["type"]> = new Set<NymvisorEvent["type"]>([
  "way-back.started",
  "way-back.refused",
  "upgrade.failed",
  "upgrade.waiting",
  "upgrade.aborted",
  "probation.failed-stays",
  "plan.unreadable",
  "warning",
]);

/** Of a build that `current` leads to. */
export function nameOf(target: string): string {
  return target.slice(target.lastIndexOf("/") + 1);
}
