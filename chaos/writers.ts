import { existsSync } from "node:fs";
import { join } from "node:path";
import { sampleBuildInfo } from "../test/support/sample-daemon.ts";
import {
  readHistory,
  readOperator,
  readOutcomes,
  readPlan,
  readRecord,
  readStatus,
  type SharedPlaces,
  wayBackState,
} from "./disk.ts";
import type { FlakyServer } from "./flaky-server.ts";
import type { Announced, Ledger } from "./ledger.ts";
import { DAEMON, daemonProgram, type Fate, type MarkedDaemon, sha256, writeProgram } from "./marked-daemon.ts";
import type { ChaosNode } from "./node.ts";
import type { Random } from "./random.ts";
import type { Surroundings } from "./surroundings.ts";
import { Violation } from "./violation.ts";

/** Longer than a living holder of a lock is waited for. */
const COMMAND_LIMIT_MS = 40_000;

/** Seconds that daemons take to stop; the longer ones are beyond the grace period, and within what nymvisor adds to it. */
const STOP_DELAYS = { 0: 68, 0.01: 8, 0.03: 8, 0.08: 8, 0.25: 5, 0.5: 3 } as const;

/** How often a new version proves itself, and how it does not. */
const FATES: Readonly<Record<Fate, number>> = { well: 52, dies: 18, "dies-later": 15, sick: 15 };

/** How a command has ended. */
interface Typed {
  /** Of `performance.now()`. */
  began: number;
  /** Exit status, or the name of a signal. */
  ending: number | string | null;
  /** On stderr. */
  said: string;
}

/** The two who write plans: releases that are announced, and an operator who adds binaries by hand. */
export class Writers {
  private releases = 0;
  private latest: Announced | undefined;
  /** Announces the latest release anew, without what is wrong with it; null when nothing is. */
  private mend: (() => void) | null = null;
  /** Where the latest release's binary is, once it is mended. */
  private mendedUrl: string | null = null;
  /** How many switches had been made, and on which version each node was, when a next one was added to mend that. */
  private readonly mended = new Set<string>();

  constructor(
    private readonly around: Surroundings,
    private readonly shared: SharedPlaces,
    private readonly nodes: readonly ChaosNode[],
    private readonly server: FlakyServer,
    private readonly ledger: Ledger,
    /** Outside of the box: where an operator keeps binaries. */
    private readonly folder: string,
  ) {}

  /** The first daemon, and what the server says of it. @returns its path. */
  writeGenesis(): string {
    const daemon = { version: "1.0.0" };
    const path = join(this.folder, daemon.version, DAEMON);
    const program = daemonProgram(daemon);
    writeProgram(path, program);
    this.ledger.allow(sha256(program), daemon.version);
    return path;
  }

  /** Announces a release, or mends the last one; not before what was last announced has been noticed. */
  announce(random: Random): void {
    const { latest } = this;
    if (latest !== undefined) {
      if (!this.isNoticed(latest)) return;
      if (latest.kind === "mended") latest.kind = "good";
    }
    if (this.mend !== null && random.chance(0.5)) {
      this.mend();
      this.mend = null;
    } else {
      this.release(random);
    }
  }

  private release(random: Random): void {
    const daemon = this.newDaemon(random);
    const { version } = daemon;
    const kind = random.weighted({ good: 84, "wrong-checksum": 10, contradicting: 6 });
    const entry = this.ledger.add({ name: `release-${version}`, version, by: "release", kind });
    const due = new Date(Date.now() + random.pick([-3_600_000, 0, 0, random.between(0, 300)])).toISOString();
    const details = random.chance(0.3) ? sampleBuildInfo({ name: DAEMON, version }) : null;
    /** @param served what is there in truth */
    const say = (program: string, served = program): string => {
      const url = this.server.publish(new TextEncoder().encode(served));
      this.server.announce({
        manual: false,
        name: entry.name,
        notes: "",
        publishDate: null,
        version,
        platforms: { any: { checksum: sha256(program), checksumAlgorithm: "sha256", url } },
        upgradeTime: due,
        binaryDetails: details,
      });
      return url;
    };
    const good = daemonProgram(daemon);
    this.latest = entry;
    this.mend = null;
    this.mendedUrl = null;
    this.around.tally.releases += 1;
    this.around.timeline.note("releases", `${entry.name} (${kind}), due ${due}`);
    this.ledger.allow(sha256(good), version, daemon.fate);
    if (kind === "good") {
      say(good);
      return;
    }
    if (kind === "wrong-checksum") say(good, daemonProgram({ ...daemon, forbidden: true }));
    else say(daemonProgram({ ...daemon, version: `${version}-other` }));
    this.mend = () => {
      entry.kind = "mended";
      this.mendedUrl = say(good);
      this.around.timeline.note("releases", `${entry.name} is mended`);
    };
  }

  /** Adds a binary by hand, sometimes with a hand that is taken away in the middle of it. */
  async add(random: Random): Promise<void> {
    const when = random.chance(0.6) ? ["--now"] : ["--upgrade-delay", `${random.whole(1, 300)}ms`];
    const { name, entry, words } = this.write(this.newDaemon(random), when);
    const doomed = random.chance(0.25);
    const first = await this.addUpgrade(words, random, doomed ? random.between(5, 250) : COMMAND_LIMIT_MS);
    if (!doomed || first.ending !== "SIGKILL") return this.judge(entry, first);
    this.around.tally.killsOfAddUpgrade += 1;
    if (!this.isThere(name) && random.chance(0.5)) await this.addAgain(entry, words, random);
  }

  /** What is typed to add a binary that lies there now. */
  private write(daemon: MarkedDaemon, when: readonly string[]) {
    const path = join(this.folder, daemon.version, DAEMON);
    const program = daemonProgram(daemon);
    writeProgram(path, program);
    this.ledger.allow(sha256(program), daemon.version, daemon.fate);
    const name = `by-hand-${daemon.version}`;
    const entry = this.ledger.add({ name, version: daemon.version, by: "hand", kind: "good" });
    return { name, entry, words: ["--upgrade-name", name, ...when, path] };
  }

  /** Goes back to the version before, beside a run or without one, sometimes with a hand that is taken away meanwhile. */
  async rollBack(random: Random): Promise<void> {
    const { tally } = this.around;
    const node = random.pick(this.nodes);
    const killedAfter = random.chance(0.3) ? random.between(5, 400) : COMMAND_LIMIT_MS;
    tally.rollbacks += 1;
    const { began, ending, said } = await node.beside(() => this.type(["rollback", "--yes"], node, killedAfter));
    if (ending === "SIGKILL" && killedAfter < COMMAND_LIMIT_MS) tally.killsOfRollback += 1;
    else if (ending === 0) tally.rollbacksDone += 1;
    else if (ending !== 1 && !this.around.box.wasFullSince(began)) {
      throw new Violation("conduct", `rollback of ${node.id} ended with ${ending} and said: ${said}`);
    }
  }

  /** What an operator does who looks at it: lets go on what two ways back have held, and what `rollback` has pinned. */
  async letGoOn(): Promise<void> {
    const { hold, pin } = readOperator(this.shared);
    const [node] = this.nodes;
    if (node === undefined) return;
    if (hold !== null) {
      if (hold.why) this.around.tally.holdsAfterTwo += 1;
      await this.type(["resume"], node);
    }
    if (pin !== null) await this.type(["unpin"], node);
  }

  /** Where a version stays though it is no good: mends it, as an operator would, by a next one that is well. */
  async mendBroken(): Promise<void> {
    // What is on its way may mend it; another one would only take its place.
    const isTried = this.nodes.some(({ isWanted, places }) => isWanted && existsSync(places.probation));
    const isComing = readPlan(this.shared).queuedUp.some(({ name, version }) => {
      return this.ledger.get(name)?.by === "hand" && this.ledger.fateOf(version) === "well";
    });
    if (isTried || isComing) return;
    for (const node of this.nodes) {
      if (!node.isWanted || existsSync(node.places.probation) || wayBackState(node.places) !== "none") continue;
      const { version } = readRecord(node.places);
      const fate = this.ledger.fateOf(version);
      const state = `${node.id} ${version} ${readOutcomes(this.shared).length}`;
      if ((fate !== "dies" && fate !== "dies-later") || this.mended.has(state)) continue;
      this.mended.add(state);
      // A run that ends with its daemon, at once and again and again, never comes to the end of a download.
      node.bePatient();
      this.around.tally.mendedByHand += 1;
      const { entry, words } = this.write({ version: this.nextVersion() }, ["--now"]);
      this.judge(entry, await this.type(["add-upgrade", ...words], node));
    }
  }

  /** As an operator does whose command was killed before the upgrade was in the plan: if it is told to, by force. */
  private async addAgain(entry: Announced, words: readonly string[], random: Random): Promise<void> {
    const again = await this.addUpgrade(words, random);
    const isToldToForce = again.ending !== 0 && again.said.includes("--force");
    this.judge(entry, isToldToForce ? await this.addUpgrade(["--force", ...words], random) : again);
    this.around.tally.addedAgain += 1;
  }

  /** What an add-upgrade that nobody has killed must come to. */
  private judge(entry: Announced, { began, ending, said }: Typed): void {
    const { name } = entry;
    if (ending === 0) {
      entry.taken = true;
      this.around.tally.addedByHand += 1;
      if (this.isThere(name)) return;
      throw new Violation(
        "once-each",
        `add-upgrade has ended well, and ${name} is neither in the plan nor in the history`,
      );
    }
    if (this.around.box.wasFullSince(began)) return;
    throw new Violation("conduct", `add-upgrade of ${name} ended with ${ending} and said: ${said}`);
  }

  private addUpgrade(words: readonly string[], random: Random, killedAfter = COMMAND_LIMIT_MS): Promise<Typed> {
    return this.type(["add-upgrade", ...words], random.pick(this.nodes), killedAfter);
  }

  /** @param killedAfter in milliseconds */
  private async type(words: readonly string[], node: ChaosNode, killedAfter = COMMAND_LIMIT_MS): Promise<Typed> {
    const began = performance.now();
    const child = Bun.spawn([this.around.nymvisor, ...words], {
      env: node.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.around.timeline.note("operator", `${words.join(" ")} for ${node.id} (pid ${child.pid})`);
    const end = setTimeout(() => child.kill("SIGKILL"), killedAfter);
    const [said] = await Promise.all([child.stderr.text(), child.exited]);
    clearTimeout(end);
    const ending = child.signalCode === null ? child.exitCode : String(child.signalCode);
    this.around.timeline.note("operator", `${child.pid}: ${ending} ${said.trim()}`);
    return { began, ending, said: said.trim() };
  }

  /** In the plan, or in the history already. */
  private isThere(name: string): boolean {
    const plan = readPlan(this.shared);
    const names = [plan.current, ...plan.queuedUp].map((entry) => entry.name);
    return names.includes(name) || readHistory(this.shared).includes(name);
  }

  private isNoticed(entry: Announced): boolean {
    if (entry.refused !== null || this.nodes.some(({ places }) => entry.name in readStatus(places).refused))
      return true;
    const { mendedUrl } = this;
    if (!entry.taken || mendedUrl === null) return entry.taken;
    if (readHistory(this.shared).includes(entry.name)) return true;
    const queued = readPlan(this.shared).queuedUp.find(({ name }) => name === entry.name);
    return queued?.platforms.any?.url === mendedUrl;
  }

  private nextVersion(): string {
    this.releases += 1;
    return `1.${this.releases}.0`;
  }

  /** Versions rise in the order in which they are made, whoever makes them. */
  private newDaemon(random: Random): MarkedDaemon {
    const fate = random.weighted(FATES);
    return {
      version: this.nextVersion(),
      fate: fate === "sick" && !this.around.asksForHealth ? "well" : fate,
      lifetime: random.pick([0.02, 0.06, 0.15, 0.3]),
      stopDelay: Number(random.weighted(STOP_DELAYS)),
      ignoresInterrupt: random.chance(0.02),
      padding: random.hex(random.pick([10, 3_000, 40_000, 150_000])),
    };
  }
}
