import type { ParsedArgs } from "citty";
import { parseDuration } from "../model/duration.ts";
import { parseInstant } from "../model/instant.ts";
import { renderHold } from "../model/render-wishes.ts";
import type { HoldEnd } from "../model/requests.ts";
import { print } from "../system/print.ts";
import type { Arguments } from "./argument.ts";
import { declareCommand } from "./command.ts";

const args = {
  until: {
    type: "string",
    valueHint: "DATETIME",
    description: "Until that time",
    excludes: ["for"],
    check: parseInstant,
  },
  for: { type: "string", valueHint: "DURATION", description: "For so long from now", check: parseDuration },
} as const satisfies Arguments;

export const hold = declareCommand({
  name: "hold",
  summary: "Perform no upgrade until you say so",
  args,
  manual: {
    about:
      "Holds all upgrades: they are still noticed and made ready, but none is performed, by this node or another one on the same upgrade data. Only add-upgrade --now is performed all the same. A nymvisor that runs notices at once.",
    notes: [
      "Without --until or --for it holds until nymvisor resume. Typed again it takes the place of the hold before.",
    ],
    examples: [
      { line: "nymvisor hold", does: "Until nymvisor resume" },
      { line: "nymvisor hold --for 3days", does: "For three days from now" },
      { line: "nymvisor hold --until 2026-12-27T08:00:00Z", does: "Until after the holidays" },
    ],
    next: [
      { line: "nymvisor plan", does: "See what waits" },
      { line: "nymvisor resume", does: "End the hold" },
    ],
  },
  async run({ args, environment }) {
    const { hold } = await import("../run/hold.ts");
    const { until, before, upgradeData } = await hold(holdEnd(args), environment);
    await print(renderHold(until, before, upgradeData));
  },
});

export function holdEnd(given: ParsedArgs<typeof args>): HoldEnd {
  if (given.until !== undefined) return { kind: "at", instant: parseInstant(given.until) };
  if (given.for !== undefined) return { kind: "after", delay: parseDuration(given.for) };
  return { kind: "ever" };
}
