import type { ReleaseServer } from "../../support/release-server.ts";
import { type Case, distinctCases, everyCase, faultOf, nameOf, type Point, pointsOf } from "./points.ts";
import { type NodeName, type Running, World } from "./world.ts";

/** A way through nymvisor, all of whose points are tried. */
export interface Road {
  name: string;
  /** What each try begins from. */
  template: World;
  /** What is typed for the process that goes wrong. */
  words: readonly string[];
  /** The build that the node runs in the end, with all that belongs to it: `genesis`, or a version. */
  version: string;
  /** The version is announced until it is known to be in the plan. */
  announced: boolean;
  /** Nodes that have come to that version in the end. */
  nodes: readonly NodeName[];
  /** The first effect that is tried: what comes before it other roads have shown. */
  from?: RegExp;
  /** The last effect that is tried: what comes after it other roads have shown. */
  until?: RegExp;
  /** Those that are tried: the others are those of every start. */
  of?: RegExp;
  /** Leaves out what another road has shown: it is the same code, in the same state. */
  onlyNew?: boolean;
  /** It ends when nothing is left to archive. What other roads do for that is not tried: it is the same, and comes late. */
  archives?: boolean;
  /** The process is to end by itself. */
  isCommand?: boolean;
  /** The version that it begins with dies whenever it is started, so that nothing may run for a while. */
  dies?: boolean;
  /** Of all processes. */
  variables?: Readonly<Record<string, string>>;
  /** Whether everything has come to its end; when the version runs, unless it says otherwise. */
  isOver?: (world: World) => boolean;
  /** What a person types again, where the process was a command. */
  again?: (world: World) => Promise<void>;
  /** What there is beside the process that goes wrong. */
  beside?: (world: World) => Disposable;
  /** What else is wrong: right after the fault, whatever it left, and (`isOver`) in the end. */
  faults?: (world: World, isOver: boolean) => Iterable<string>;
}

/** How long a run has to do nothing to have nothing more to do. */
const QUIET_MS = 100;
const LOOK_MS = 8;
const WITHIN_MS = 20_000;

/** More than two processes of the machine at once. */
const WORLDS_AT_ONCE = 5;

/** A point may be missed where two threads of a run came in another order than when it was recorded. */
const TRIES = 4;

export class Matrix {
  readonly problems: string[] = [];
  points = 0;
  runs = 0;
  /** Cases whose point was never come to. */
  readonly missed: string[] = [];

  constructor(
    private readonly server: ReleaseServer,
    private readonly folder: string,
    private readonly all: boolean,
    /** Points that other roads have shown already. */
    private readonly known: Set<string>,
  ) {}

  world(template?: World): World {
    return new World(this.server, this.folder, template);
  }

  async go(road: Road): Promise<void> {
    const fresh = (await this.record(road)).filter(({ effect, occurrence }) => {
      const key = `${effect} #${occurrence}`;
      const isKnown = this.known.has(key);
      this.known.add(key);
      return !isKnown || !road.onlyNew;
    });
    this.points += fresh.length;
    const cases = (this.all ? everyCase : distinctCases)(fresh);
    const workers = Array.from({ length: WORLDS_AT_ONCE }, async () => {
      for (let next = cases.shift(); next !== undefined; next = cases.shift()) await this.tryOut(road, next);
    });
    await Promise.all(workers);
  }

  /** What the road does when nothing goes wrong. */
  private async record(road: Road): Promise<Point[]> {
    using world = this.world(road.template);
    if (road.announced) world.announce(road.version);
    {
      using _ = road.beside?.(world);
      const running = await world.start(road.words, { variables: road.variables ?? {} }, true);
      await this.drive(world, road, running, this.problems);
    }
    this.problems.push(...[...(road.faults?.(world, true) ?? [])].map((problem) => `${road.name}: ${problem}`));
    const points = pointsOf(road.archives ? world.effects() : withoutArchiving(world.effects()));
    const { of: ofInterest, from, until } = road;
    const first = from === undefined ? 0 : points.findIndex(({ effect }) => from.test(effect));
    const last = until === undefined ? -1 : points.findIndex(({ effect }) => until.test(effect));
    const part = last === -1 ? points.slice(first) : points.slice(first, last + 1);
    return ofInterest === undefined ? part : part.filter(({ effect }) => ofInterest.test(effect));
  }

  private async tryOut(road: Road, one: Case): Promise<void> {
    for (let left = TRIES; left > 0; left -= 1) {
      const { met, problems } = await this.tryOnce(road, one);
      for (const problem of problems) this.problems.push(`${road.name}: ${nameOf(one)}: ${problem}`);
      if (met || problems.length > 0) return;
    }
    this.missed.push(nameOf(one));
  }

  private async tryOnce(road: Road, one: Case): Promise<{ met: boolean; problems: string[] }> {
    this.runs += 1;
    using world = this.world(road.template);
    const problems: string[] = [];
    try {
      if (road.announced) world.announce(road.version);
      {
        using _ = road.beside?.(world);
        const running = await world.start(road.words, { fault: faultOf(one), variables: road.variables ?? {} });
        await this.drive(world, road, running, problems);
      }
      problems.push(...(road.faults?.(world, false) ?? []));
      if (road.version !== "genesis") {
        problems.push(...world.tornThings(road.nodes));
        for (const node of road.nodes)
          problems.push(...(await Array.fromAsync(world.backupFaults(road.version, node))));
      }
      if (world.faults() === 0) return { met: false, problems };
      await this.recover(world, road);
      problems.push(...(road.faults?.(world, true) ?? []));
      problems.push(...(await Array.fromAsync(world.leftovers(road.version, road.nodes))));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    return { met: true, problems };
  }

  /** Waits until the process has ended, or has nothing more to do; then stops it. */
  private async drive(world: World, road: Road, running: Running, problems: string[] = []): Promise<void> {
    if (road.isCommand) {
      const { status, stderr } = await running.ended();
      if (status !== 0 && world.faults() === 0) problems.push(`it ended with ${status}:\n${stderr}`);
      return;
    }
    await this.settle(world, road, running);
    if (running.hasEnded) {
      const { status, signal, stderr } = await running.ended();
      // Where nothing ran yet a service manager starts it again; a node that runs is not given up.
      if (signal === null && world.events().length > 0) problems.push(`it ended with ${status}:\n${stderr}`);
      return;
    }
    const daemons = world.daemons().length;
    if (daemons !== 1 && (!road.dies || daemons > 1))
      problems.push(`${daemons} daemons run when it has settled; its log:\n${running.stderr}`);
    if (!road.dies) problems.push(...repeatedLines(running.stderr));
    await running.stop();
  }

  private async settle(world: World, road: Road, running: Running): Promise<void> {
    const deadline = performance.now() + WITHIN_MS;
    let since = performance.now();
    let effects = -1;
    while (!running.hasEnded && performance.now() < deadline) {
      const now = world.effects().length;
      if (now !== effects) since = performance.now();
      effects = now;
      // An upgrade that has failed is tried again in minutes or hours: that the node runs is all that can be waited for.
      const failed = world.faults() > 0 && / (WARN|ERROR) /.test(running.stderr) && world.daemons().length === 1;
      // While the one dies over and over there is no quiet.
      if (road.dies && world.faults() > 0 && /could not be (taken|written)|trying again/.test(running.stderr)) return;
      const isDone = isOver(world, road) && (!road.archives || !world.hasCopies());
      if ((failed || isDone) && performance.now() - since > QUIET_MS) return;
      await Promise.race([running.exited, Bun.sleep(LOOK_MS)]);
    }
  }

  /** With the release executable: what a service manager does, or the person who typed the command. */
  private async recover(world: World, road: Road): Promise<void> {
    if (world.knows(road.version)) world.silence();
    else await road.again?.(world);
    for (const node of road.nodes) {
      const running = await world.start(["run", "run"], { node, variables: road.variables ?? {} });
      await world.waitUntilRuns(road.version, running, node, () => isOver(world, road, node));
      const { status, stderr } = await running.stop();
      if (status !== 0) throw new Error(`the run after it ended with ${status}:\n${stderr}`);
    }
  }
}

function isOver(world: World, { version, isOver: isAll }: Road, node?: NodeName): boolean {
  return world.runs(version, node) && isAll?.(world) !== false;
}

/** What is done for an archive, from the start of its process, comes beside all else. */
function withoutArchiving(effects: readonly string[]): string[] {
  const begun = effects.findIndex((effect) => effect.startsWith("spawn-archive "));
  const isPartOf = (effect: string) => / archive:|\/(copies|backups)\//.test(effect);
  return effects.filter((effect, index) => begun === -1 || index <= begun || !isPartOf(effect));
}

/** Lines of a log that say the same a second time. */
function repeatedLines(log: string): string[] {
  const lines = log.split("\n").map((line) => line.replace(/^\S+ /, ""));
  const warnings = lines.filter((line) => /^(WARN|ERROR)/.test(line));
  return [...new Set(warnings.filter((line, index) => warnings.indexOf(line) !== index))].map(
    (line) => `it was said twice: ${line}`,
  );
}
