import { renderReleases, willUpgrade } from "../model/release-report.ts";
import { RELEASE_STATES } from "../model/releases.ts";
import { print } from "../system/print.ts";
import type { Arguments } from "./argument.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

/** What update checkers of package managers end with where there is something new. */
const THERE_IS_ONE = 100;

const args = {
  "exit-code": {
    type: "boolean",
    description: `End with ${THERE_IS_ONE} when there is a release that this node will take now or at a named time`,
  },
  output,
} as const satisfies Arguments;

export const check = declareCommand({
  name: "check",
  summary: "Ask for releases now, and say what becomes of each",
  args,
  manual: {
    about:
      "Asks the sources of releases, and says of each release whether it will be performed, when, or why not. Nothing is changed: no plan, no download. It works whether or not nymvisor runs the node.",
    notes: [
      "GitHub is asked at most once a minute; else the answer before is shown, with its age. Exit status: 0, or 1 when no source answers. A hold without an end counts as no named time for --exit-code.",
      `In JSON: {source, asOf, stale, running: {name, version, release, by, why}, holds: [{by, until, why}], candidates: [{name, version, publishedAt, state, why, at}]}, the newest candidate first; state is one of ${RELEASE_STATES.join(", ")}.`,
    ],
    examples: [
      { line: "nymvisor check", does: "For people: what is newer than what runs" },
      { line: "nymvisor check -o json", does: "For programs: every release, in one line of JSON" },
      { line: "nymvisor check --exit-code", does: `For monitoring: ${THERE_IS_ONE} when an upgrade is coming` },
    ],
    next: [
      { line: "nymvisor upgrade", does: "Take the newest one at once" },
      { line: "nymvisor skip NAME", does: "Pass one over" },
      { line: "nymvisor plan", does: "See what is queued already" },
    ],
  },
  async run({ args, environment }) {
    const { check } = await import("../run/check.ts");
    const report = await check(environment);
    await print(renderReleases(report, args.output));
    return args["exit-code"] === true && willUpgrade(report) ? THERE_IS_ONE : 0;
  },
});
