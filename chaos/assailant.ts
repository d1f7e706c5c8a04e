import { describeAim, drawAim, reach } from "./aim.ts";
import type { ChaosNode } from "./node.ts";
import { signalProcess } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Surroundings } from "./surroundings.ts";
import { Violation } from "./violation.ts";

export type AttackKind = keyof typeof ATTACKS;

/** How often what is done, in proportion. */
const ATTACKS = {
  "kill-nymvisor": 40,
  "kill-daemon": 12,
  "kill-both": 12,
  "stop-nymvisor": 9,
  "stop-daemon": 4,
  "fill-disk": 10,
  "ask-to-stop": 6,
  "second-run": 4,
  "hang-up": 6,
} as const;

/** What an attack waits for may never come in a round. */
const AIM_LIMIT_MS = 500;

/** A second run has nothing to wait for. */
const SECOND_RUN_LIMIT_MS = 10_000;

/** Does harm to the nodes of a world at instants that chance chooses, and makes good what nobody else would. */
export class Assailant {
  constructor(
    private readonly around: Surroundings,
    private readonly nodes: readonly ChaosNode[],
  ) {}

  /** One attack, from the wait for its instant to its end. @throws {Violation} if nymvisor answers it wrongly. */
  async attack(random: Random): Promise<void> {
    const { canBeFilled } = this.around.box;
    const kind = random.weighted({ ...ATTACKS, "fill-disk": canBeFilled ? ATTACKS["fill-disk"] : 0 });
    const node = random.pick(this.nodes.filter(({ isWanted }) => isWanted));
    const aim = drawAim(random);
    await reach(aim, node, AIM_LIMIT_MS);
    if (this.around.over.aborted) return;
    this.around.timeline.note("assailant", `${kind} of ${node.id}, ${describeAim(aim)}`);
    await this.strike(kind, node, random);
  }

  private async strike(kind: AttackKind, node: ChaosNode, random: Random): Promise<void> {
    const { tally } = this.around;
    switch (kind) {
      case "kill-nymvisor":
        if (!node.killRun()) break;
        tally.killsOfNymvisor += 1;
        if (random.chance(0.25)) await this.killHeir(node, random);
        break;
      case "kill-daemon":
        if (await node.killDaemon()) tally.killsOfDaemons += 1;
        break;
      case "kill-both":
        await this.killBoth(node, random);
        break;
      case "stop-nymvisor":
        await this.stopAndContinue(node, random);
        break;
      case "stop-daemon":
        await this.stopDaemon(node, random);
        break;
      case "fill-disk":
        await this.fillDisk(node, random);
        break;
      case "ask-to-stop":
        if (node.run?.signal(random.pick(["SIGTERM", "SIGINT", "SIGQUIT"]), "it was asked to stop")) {
          tally.politeStops += 1;
        }
        break;
      case "second-run":
        await this.runTwice(node);
        break;
      case "hang-up":
        if (node.run?.listens && node.run.signal("SIGHUP")) tally.hangUps += 1;
        break;
    }
  }

  /** Kills the next nymvisor as well, while it stops the daemon that the first one left. */
  private async killHeir(node: ChaosNode, random: Random): Promise<void> {
    const milliseconds = random.chance(0.5) ? 0 : random.between(0, 30);
    await reach({ at: "log", words: "that an earlier nymvisor left", milliseconds }, node, AIM_LIMIT_MS);
    if (!this.around.over.aborted && node.killRun()) this.around.tally.killsOfHeirs += 1;
  }

  private async killBoth(node: ChaosNode, random: Random): Promise<void> {
    const { tally } = this.around;
    const nymvisorFirst = random.chance(0.5);
    const pause = random.chance(0.3) ? random.between(0, 5) : 0;
    let nymvisor = nymvisorFirst && node.killRun();
    if (nymvisorFirst && pause > 0) await Bun.sleep(pause);
    const dying = node.killDaemon();
    if (!nymvisorFirst && pause > 0) await Bun.sleep(pause);
    nymvisor ||= node.killRun();
    const daemon = await dying;
    if (nymvisor && daemon) tally.killsOfBoth += 1;
    else if (nymvisor) tally.killsOfNymvisor += 1;
    else if (daemon) tally.killsOfDaemons += 1;
  }

  /** While it stands still it may hold a lock that others wait for. */
  private async stopAndContinue(node: ChaosNode, random: Random): Promise<void> {
    const { run } = node;
    if (!run?.signal("SIGSTOP")) return;
    this.around.tally.stopsOfNymvisor += 1;
    this.disturbAll();
    await Bun.sleep(random.between(2, 150));
    if (random.chance(0.2)) await node.killDaemon();
    if (random.chance(0.2) && node.run === run && node.killRun()) this.around.tally.killsOfNymvisor += 1;
    run.signal("SIGCONT");
    this.disturbAll();
  }

  private async stopDaemon(node: ChaosNode, random: Random): Promise<void> {
    const daemon = node.events.livingDaemon();
    if (daemon === undefined || !signalProcess(daemon, "SIGSTOP")) return;
    this.around.tally.stopsOfDaemons += 1;
    this.around.timeline.note(node.id, `daemon ${daemon.pid} stands still`);
    this.disturbAll();
    await Bun.sleep(random.between(20, 400));
    signalProcess(daemon, "SIGCONT");
    this.disturbAll();
  }

  /** Sometimes nymvisor is killed meanwhile, and has to begin on a full disk. */
  private async fillDisk(node: ChaosNode, random: Random): Promise<void> {
    const { box, tally, timeline } = this.around;
    const bytesLeft = random.pick([0, 0, 4096, 8192, 16384, 65536, 262144, 16 << 20]);
    box.fill(bytesLeft);
    tally.fullDisks += 1;
    tally.bytesLeft[bytesLeft] = (tally.bytesLeft[bytesLeft] ?? 0) + 1;
    timeline.note("assailant", `the disk has ${bytesLeft} bytes left`);
    const duration = random.chance(0.2) ? random.between(300, 1_500) : random.between(10, 300);
    const before = random.chance(0.3) ? random.between(0, duration / 2) : duration;
    await Bun.sleep(before);
    if (before < duration && node.killRun()) tally.killsOfNymvisor += 1;
    await Bun.sleep(duration - before);
    box.empty();
    timeline.note("assailant", "the disk has room again");
  }

  /** Another run of the same home, which must end at once and say whose the home is. */
  private async runTwice(node: ChaosNode): Promise<void> {
    const { run } = node;
    if (!run?.isRunning || !run.listens) return;
    const second = node.startRival();
    const late = setTimeout(() => second.kill("SIGKILL"), SECOND_RUN_LIMIT_MS);
    const [said, status] = await Promise.all([second.stderr.text(), second.exited]);
    clearTimeout(late);
    // It may have been the first one after all, if that was killed meanwhile.
    if (!run.isRunning) return;
    if (status !== 1 || !said.includes(`pid ${run.pid}`)) {
      throw new Violation(
        "conduct",
        `beside run ${run.pid}, a second run ended with ${status} and said: ${said.trim()}`,
      );
    }
    this.around.tally.secondRunsRefused += 1;
  }

  private disturbAll(): void {
    for (const node of this.nodes) node.disturb();
  }
}
