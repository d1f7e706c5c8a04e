import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildExecutable } from "../build/compile.ts";
import { targetOfThisMachine } from "../build/targets.ts";
import { canMount } from "./box.ts";
import { Random } from "./random.ts";
import { type Outcome, render, write } from "./report.ts";
import { newTally } from "./tally.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/**
 * `bun run chaos`: torments the release executable. Worlds of one to three nodes go through rounds in which releases are
 * announced by a flaky server, binaries added by hand, and nymvisor, its daemons and the disk are struck at instants that
 * chance chooses; after each round all that must hold is read from the disk and the process table. It ends at the first
 * violation, with what was done when, and leaves that world's folder.
 */

const USAGE = `Torments the release executable, and looks whether anything is lost.

  bun run chaos --rounds N      how many rounds (100)
  bun run chaos --seed S        draws what an earlier run drew: the same attacks, in the same order
  bun run chaos --executable P  torments a copy of this one, instead of one that is built for it
  bun run chaos --keep          leaves the folders
  bun run chaos --parallel N    worlds at a time (3)

^C ends it after the rounds that are under way, with a report of them; again: at once.
`;

/** A world ages: plan, history and backups grow with each round. */
const ROUNDS_IN_A_WORLD = 15;
/** On average; many times what one takes. */
const ROUND_LIMIT_MS = 20_000;
const TELL_EVERY = 25;

interface Options {
  rounds: number;
  seed: string;
  executable: string | undefined;
  keep: boolean;
  parallel: number;
}

function readOptions(argv: string[]): Options | undefined {
  const { values } = parseArgs({
    args: argv,
    options: {
      rounds: { type: "string", default: "100" },
      seed: { type: "string", default: crypto.randomUUID().slice(0, 8) },
      executable: { type: "string" },
      keep: { type: "boolean", default: false },
      parallel: { type: "string", default: "3" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    rounds: wholeNumber("--rounds", values.rounds),
    seed: values.seed,
    executable: values.executable,
    keep: values.keep,
    parallel: wholeNumber("--parallel", values.parallel),
  };
}

function wholeNumber(flag: string, value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw new RangeError(`${flag} takes a whole number from 1 on, not ${value}`);
}

class Chaos {
  private readonly folder = mkdtempSync(join(realpathSync(tmpdir()), "nymvisor-chaos-"));
  private readonly began = performance.now();
  private readonly tally = newTally();
  private readonly skipped: string[] = [];
  private readonly open = new Set<World>();
  private violation: Outcome["violation"] = null;
  private roundsGiven = 0;
  private worldsMade = 0;
  private told = 0;
  private wrapsUp = false;

  constructor(private readonly options: Options) {}

  async run(): Promise<Outcome> {
    const { options, folder } = this;
    process.stderr.write(`seed ${options.seed}, in ${folder}\n`);
    const nymvisor = join(folder, "nymvisor");
    // A copy: whoever builds it anew meanwhile does not disturb.
    if (options.executable !== undefined) copyFileSync(options.executable, nymvisor);
    else await buildExecutable({ target: targetOfThisMachine(), outfile: nymvisor });
    const mounted = canMount(join(folder, "mount"));
    if (!mounted) this.skipped.push("the full disk, which takes a root that may mount a tmpfs");
    for (const what of this.skipped) process.stderr.write(`SKIPPED: ${what}\n`);
    const strands = Array.from({ length: options.parallel }, () => this.strand(nymvisor, mounted));
    const outcomes = await Promise.allSettled(strands);
    if (!options.keep && this.violation === null) rmSync(folder, { recursive: true, force: true });
    const broken = outcomes.find((outcome) => outcome.status === "rejected");
    if (broken !== undefined) throw broken.reason;
    return {
      seed: options.seed,
      seconds: (performance.now() - this.began) / 1000,
      tally: this.tally,
      skipped: this.skipped,
      violation: this.violation,
    };
  }

  /** Begins no more rounds, so that there is a report of those that were. @returns whether it was asked for that before. */
  wrapUp(): boolean {
    const before = this.wrapsUp;
    this.wrapsUp = true;
    return before;
  }

  /** Removes everything at once, for a person who does not want to wait. */
  abandon(): void {
    for (const world of this.open) world.abandon();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One world after the other, as long as there are rounds left and nothing is broken. */
  private async strand(nymvisor: string, mounted: boolean): Promise<void> {
    while (this.roundsGiven < this.options.rounds && this.violation === null && !this.wrapsUp) {
      const rounds = Math.min(ROUNDS_IN_A_WORLD, this.options.rounds - this.roundsGiven);
      this.roundsGiven += rounds;
      this.worldsMade += 1;
      await this.live(this.worldsMade, rounds, nymvisor, mounted);
    }
  }

  private async live(number: number, rounds: number, nymvisor: string, mounted: boolean): Promise<void> {
    const { options, tally } = this;
    const folder = join(this.folder, `world-${number}`);
    const random = new Random(options.seed).branch(`world ${number}`);
    const world = await World.make({ folder, nymvisor, random, tally, mounted });
    this.open.add(world);
    let round = 0;
    let keep = options.keep;
    const beginsRound = (next: number) => {
      round = next;
      if (tally.rounds >= this.told + TELL_EVERY) {
        this.told = tally.rounds;
        process.stderr.write(`${tally.rounds} rounds\n`);
      }
      return this.violation === null && !this.wrapsUp;
    };
    try {
      await withLimit(world.live(rounds, beginsRound), rounds * ROUND_LIMIT_MS);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      keep = true;
      this.violation ??= { world: number, round, violation: error };
      process.stderr.write(
        `\nVIOLATION in round ${round} of world ${number}, seed ${options.seed}: ${error.message}\n\n${world.timeline.latest}\n\n${folder} is kept\n\n`,
      );
    } finally {
      await world.close({ keep });
      this.open.delete(world);
    }
  }
}

async function withLimit(work: Promise<void>, limit: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Violation("recovery", `a world has not ended after ${limit} ms`)),
    limit,
  );
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  process.stdout.write(USAGE);
} else {
  const chaos = new Chaos(options);
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && !chaos.wrapUp()) return;
      chaos.abandon();
      process.exit(status);
    });
  }
  const outcome = await chaos.run();
  const path = write(outcome, join(import.meta.dir, "results"));
  process.stdout.write(`${render(outcome)}\nwritten to ${path}\n`);
  process.exitCode = outcome.violation === null ? 0 : 1;
}
