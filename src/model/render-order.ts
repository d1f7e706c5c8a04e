import { formatInstant, type Instant } from "./instant.ts";
import { printable } from "./names.ts";
import { relativeTo } from "./relative-time.ts";
import { typed } from "./render-wishes.ts";
import { wrap } from "./wrap.ts";

/** What came of `nymvisor upgrade`. */
export type OrderReport =
  | { kind: "nothing"; why: string }
  | {
      kind: "queued";
      now: Instant;
      name: string;
      version: string;
      due: Instant;
      /** The process that will perform it, or null. */
      run: number | null;
      /** It comes before what runs, and is pinned now. */
      stepBack: boolean;
      /** The release that runs, as it can be asked for again; null: it is none that is known. */
      runs: string | null;
      /** Why it would not be performed, or not yet, were it not ordered; null: nothing was in the way. */
      overridden: string | null;
    };

const WIDTH = 80;

export function renderOrder(report: OrderReport): string {
  if (report.kind === "nothing") return `${wrap(`Nothing to do: ${report.why}.`, WIDTH).join("\n")}\n`;
  const { now, name, version, due, run, stepBack, runs, overridden } = report;
  const when = due <= now ? "at once" : `at ${formatInstant(due)} (${relativeTo(now, due)})`;
  const performs =
    run === null
      ? `No nymvisor runs this instance: it is performed when nymvisor run is started${due <= now ? "" : `, and not before ${formatInstant(due)}`}.`
      : `The nymvisor that runs (pid ${run}) performs it ${when}, as soon as its binary is ready.`;
  const text = [
    `${printable(name)} (${printable(version)}) is queued.`,
    performs,
    ...(overridden === null ? [] : [`Your word overrides this: ${overridden}.`]),
    ...(stepBack
      ? [`It comes before what runs, so upgrades are pinned to it: nothing newer is performed by itself.`]
      : []),
  ].join(" ");
  const word = typed(name);
  const back = runs === null ? [] : [`  once performed:  nymvisor upgrade ${typed(runs)} && nymvisor unpin`];
  const undo = stepBack
    ? ["To undo:", `  until then:      nymvisor skip ${word} && nymvisor unpin`, ...back]
    : [`To undo, until then: nymvisor skip ${word}`];
  return `${[...wrap(text, WIDTH), ...undo].join("\n")}\n`;
}
