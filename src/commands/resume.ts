import { renderResume } from "../model/render-wishes.ts";
import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";

export const resume = declareCommand({
  name: "resume",
  summary: "End what hold began",
  args: {},
  manual: {
    about:
      "Ends the hold of nymvisor hold, whichever node of this upgrade data it was typed for. Says so where the setting [policy] hold still holds.",
    notes: ["What has fallen due meanwhile is performed at once, or in the next window."],
    examples: [{ line: "nymvisor resume", does: "Perform upgrades again when they are due" }],
    next: [{ line: "nymvisor plan", does: "See what is performed now, and when" }],
  },
  async run({ environment }) {
    const { resume } = await import("../run/hold.ts");
    const { was, left } = await resume(environment);
    await print(renderResume(was, left));
  },
});
