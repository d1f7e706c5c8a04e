/*
 * `bun run simulate --events 1000000 --seed N [--instances K] [--quiet]`: runs the real supervisor, transaction and
 * recovery on simulated machines that lose power, kill, fail and reorder, and checks the invariants after every event.
 *
 * An event is one step of the scheduler: a timer, an answer, a signal or an end that is delivered to a process, and all
 * that the process does of it until it waits again. Effects on a disk within a step are points where it may be struck;
 * they are counted apart.
 *
 * Exit status: 0 no violation; 1 a violation, told with its seed and the shortest history that was found; 2 usage.
 */
import { parseArgs } from "node:util";
import { reasonOf } from "../src/model/errors.ts";
import { runCampaign } from "./campaign.ts";
import { mutations } from "./mutations.ts";
import { renderProgress, renderSummary, renderViolation } from "./report.ts";
import { shrink } from "./shrink.ts";

const USAGE = `bun run simulate [--events N] [--seed S] [--instances 1|2|3] [--mutation NAME] [--quiet]

mutations, each a deliberate break that has to be found: ${mutations.map(({ name }) => name).join(", ")}
`;

/** How often progress is said, in milliseconds. */
const SAY_EVERY = 2_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      events: { type: "string", default: "100000" },
      seed: { type: "string" },
      instances: { type: "string" },
      mutation: { type: "string" },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const events = wholeNumber(values.events, "--events");
  const nodes = values.instances === undefined ? undefined : wholeNumber(values.instances, "--instances");
  if (nodes !== undefined && nodes > 3) throw new Error("--instances is 1, 2 or 3");
  const mutation = mutations.find(({ name }) => name === values.mutation);
  if (values.mutation !== undefined && mutation === undefined)
    throw new Error(`no mutation is called ${values.mutation}`);
  const seed = values.seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]);
  process.stdout.write(`seed ${seed}\n`);
  const began = performance.now();
  let said = began;
  const result = await runCampaign({
    seed,
    events,
    nodes,
    mutation,
    onWorld(worlds, tally) {
      if (values.quiet || performance.now() - said < SAY_EVERY) return;
      said = performance.now();
      process.stderr.write(`${renderProgress(worlds, tally)}\n`);
    },
  });
  process.stdout.write(`${renderSummary(result, (performance.now() - began) / 1000)}\n`);
  const { script, outcome } = result.broken ?? {};
  if (script === undefined || outcome?.violation === undefined) return 0;
  const shrunk = await shrink(script, outcome.violation.invariant, { mutation });
  process.stdout.write(`\n${renderViolation(seed, script, shrunk)}\n`);
  return 1;
}

function wholeNumber(text: string, flag: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${flag} is a whole number from 1, not ${text}`);
  return Number(text);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n${USAGE}`);
  process.exitCode = 2;
}
