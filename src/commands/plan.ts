import { renderPlan } from "../model/plan-report.ts";
import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";
import { output } from "./flags.ts";

export const plan = declareCommand({
  name: "plan",
  summary: "Show what is queued, and what keeps it",
  args: { output },
  manual: {
    about:
      "Shows the upgrades that are queued: how far each is made ready, when it is due, and what keeps it from being performed. Only files are read: nobody is asked, nothing is locked or changed.",
    notes: [
      "In JSON: {running: {name, version}, run, asOf, stale, holds: [{by, until, why}], pin, skipped, queued: [{name, version, source, due, at, staging, held, ordered, why}]}. run is the pid of the nymvisor that runs this instance, asOf when a source last answered; staging is one of waiting, staging, fetched, staged, failed, refused; at is when it is performed at the earliest. What does not apply is null.",
    ],
    examples: [
      { line: "nymvisor plan", does: "For people" },
      { line: "nymvisor plan -o json", does: "For programs: one line of JSON" },
    ],
    next: [
      { line: "nymvisor check", does: "Ask for releases now, and see what becomes of each" },
      { line: "nymvisor hold", does: "Perform none of it for the time being" },
      { line: "nymvisor skip NAME", does: "Pass one over" },
    ],
  },
  async run({ args, environment }) {
    const { planReport } = await import("../run/plan.ts");
    await print(renderPlan(planReport(environment), args.output));
  },
});
