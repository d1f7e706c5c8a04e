import { renderSkip, renderUnskip } from "../model/render-wishes.ts";
import { print } from "../system/print.ts";
import type { Argument } from "./argument.ts";
import { declareCommand } from "./command.ts";

const name = {
  type: "positional",
  required: true,
  description: "What the release is called, as nymvisor check shows it",
} as const satisfies Argument;

export const skip = declareCommand({
  name: "skip",
  summary: "Pass a release over",
  args: { name },
  manual: {
    about:
      "Passes one release over, on every node of this upgrade data: it leaves the plan and does not come back. The one before it or after it is taken instead, if there is one. A nymvisor that runs notices at once.",
    notes: ["An entry that is removed from the plan by hand counts as skipped too."],
    examples: [{ line: "nymvisor skip nym-binaries-v2025.20-leerdammer", does: "Wait for the next one" }],
    next: [
      { line: "nymvisor unskip NAME", does: "Undo it" },
      { line: "nymvisor check", does: "See what is taken instead" },
    ],
  },
  async run({ args, environment }) {
    const { skip } = await import("../run/skip.ts");
    const { already, dropped } = await skip(args.name, environment);
    await print(renderSkip(args.name, already, dropped));
  },
});

export const unskip = declareCommand({
  name: "unskip",
  summary: "Undo skip",
  args: { name },
  manual: {
    about: "Lets a release be performed again that was skipped, by command or by being removed from the plan.",
    examples: [{ line: "nymvisor unskip nym-binaries-v2025.20-leerdammer", does: "It may be performed again" }],
    next: [{ line: "nymvisor check", does: "See what will be performed, and when" }],
  },
  async run({ args, environment }) {
    const { unskip } = await import("../run/skip.ts");
    await print(renderUnskip(args.name, await unskip(args.name, environment)));
  },
});
