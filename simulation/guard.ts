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
import { SavedHomes } from "./saved-homes.ts";
import { UpgradeLedger } from "./upgrades.ts";

/** What was started on a home, as the world remembers it. */
interface HomeStory {
  /** What it has been since nothing runs on it: as it was left, and what losses of power have made of it since. */
  left: Set<string>;
  /** All that it was ever left as. */
  everLeft: Set<string>;
  digest: string | undefined;
  build: string | undefined;
  daemon: SimulatedProcess | undefined;
}

/** Watches a world, and keeps the first invariant that was broken. */
export class Guard implements BackupListener {
  violation: Violation | undefined;
  readonly documents: DocumentLedger;
  readonly upgrades: UpgradeLedger;
  readonly reach: Reach;
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
  #lastLook = "";
  #lastCurrent = "genesis";
  /** Daemons that ran something new for the first time. */
  upgradesPerformed = 0;

  constructor(
    private readonly machine: Machine,
    private readonly nodes: readonly Node[],
    private readonly contents: Homes,
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
      (what) => this.report("own-paths", what),
    );
  }

  report(invariant: Invariant, what: string): void {
    if (this.violation !== undefined) return;
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
    const { plan, history } = this.#layout;
    const replaced = destination === plan || destination === history ? destination : undefined;
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
      if (destination !== undefined && kindOf(destination) === "backup") this.#checkArchive(destination);
      if (destination !== undefined && kindOf(destination) === "copy-note") this.#checkPrivate(dirname(destination));
      if (destination !== undefined && kindOf(destination) === "staged-note") this.#checkNote(destination);
    } else if (effect === "unlink") {
      this.documents.changed(path);
    } else if (effect === "fsync" && this.machine.observer.statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      this.documents.folderSynced(path);
      if (path === dirname(layout.plan)) this.upgrades.planIsDurable();
    }
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
    const [from, to] = [this.upgrades.of(this.#lastCurrent), this.upgrades.of(name)];
    if (!to.byPerson && (compareVersions(to.version, from.version) ?? 0) < 0) {
      this.report("no-downgrade", `current moves from ${from.name} to ${name}, and nobody asked for that`);
    }
    this.#lastCurrent = name;
    const { current, daemon } = this.#layout;
    this.upgrades.switched(name, sha256(this.machine.observer.readFileSync(join(current, "bin", daemon))));
    const node = this.nodes.find(({ nymvisor }) => nymvisor === process);
    const home = node === undefined ? undefined : this.homes.get(node.layout.home);
    if (node === undefined || home === undefined) return;
    if (!this.#journalSays(node.layout, name)) this.report("journal-first", `current moves to ${name} unannounced`);
    this.#saved.require(node.layout, name, home.left, false);
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

  daemonStarted(process: SimulatedProcess, home: string, build: string, digest: string): void {
    if (this.livesOn(home, process)) this.report("one-daemon", `a second daemon is started on ${home}`);
    const story = this.homes.get(home);
    const node = this.nodes.find(({ layout }) => layout.home === home);
    if (story === undefined || node === undefined) {
      this.report("no-mistakes", `a daemon of no home: ${home}`);
      return;
    }
    if (story.digest !== undefined && story.digest !== digest) {
      this.#saved.require(node.layout, build, story.left, true);
      this.upgradesPerformed += 1;
    }
    this.contents.started(home, process);
    Object.assign(story, { digest, build, daemon: process });
    this.#down.delete(node.index);
  }

  said(process: SimulatedProcess, { index, layout }: Node, event: NymvisorEvent): void {
    if (event.type === "upgrade.queued") this.upgrades.of(event.name).queued = true;
    if (event.type === "daemon.start-failed") this.#down.delete(index);
    if (event.type === "warning" && event.about === "nymvisor itself") this.report("no-mistakes", event.reason);
    const name = event.type === "daemon.stopping" ? /^upgrade to (.+)$/.exec(event.why)?.[1] : undefined;
    if (name === undefined) return;
    for (const [other, nymvisor] of this.#down) {
      if (other !== index && isLiving(nymvisor)) {
        this.report("one-at-a-time", `nodes ${other} and ${index} are both stopped for an upgrade`);
      }
    }
    this.#down.set(index, process);
    if (this.#roomChecked.get(process) !== name) {
      this.report("ready-before-stop", `the daemon is stopped for ${name} without a look at the room`);
    }
    this.#roomChecked.delete(process);
    const { binary } = buildLayout(layout, name);
    const { observer } = this.machine;
    const digest = observer.existsSync(binary) ? sha256(observer.readFileSync(binary)) : "none";
    if (this.homes.get(layout.home)?.digest === digest) {
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
  #leave(home: string, { left, everLeft }: HomeStory): void {
    const fingerprint = this.contents.fingerprint(home);
    left.add(fingerprint);
    everLeft.add(fingerprint);
  }

  /** How a world begins: nothing has run on the home. */
  beginHome(home: string): void {
    const story = { left: new Set<string>(), everLeft: new Set<string>() };
    this.homes.set(home, { ...story, digest: undefined, build: undefined, daemon: undefined });
    this.#leave(home, this.homes.get(home) as HomeStory);
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
    for (const [home, story] of this.homes) this.#leave(home, story);
    this.checkBackups();
  }

  /** What upgrades stand on is still there. */
  checkBackups(): void {
    this.#saved.check(this.#lastCurrent);
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

/** Of a build that `current` leads to. */
export function nameOf(target: string): string {
  return target.slice(target.lastIndexOf("/") + 1);
}
