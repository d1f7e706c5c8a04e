import { renderPin, renderUnpin } from "../model/render-wishes.ts";
import { print } from "../system/print.ts";
import { declareCommand } from "./command.ts";

export const pin = declareCommand({
  name: "pin",
  summary: "Perform no release but one",
  args: {
    release: {
      type: "positional",
      required: true,
      description: "A version, or what the release is called, as nymvisor check shows it",
    },
  },
  manual: {
    about:
      "Lets every node of this upgrade data move to one release and no other. Pinned to what runs it stays there. A nymvisor that runs notices at once.",
    notes: [
      "A version that several releases have means the newest of them. To go back to an older release, type nymvisor upgrade --allow-downgrade NAME, which pins it as well.",
    ],
    examples: [
      { line: "nymvisor pin 1.21.0", does: "Upgrade to 1.21.0, and no further" },
      { line: "nymvisor pin nym-binaries-v2025.20-leerdammer", does: "The same, by the name" },
    ],
    next: [{ line: "nymvisor unpin", does: "Undo it" }],
  },
  async run({ args, environment }) {
    const { pin } = await import("../run/pin.ts");
    const { meant, before } = await pin(args.release, environment);
    await print(renderPin(args.release, meant, before));
  },
});

export const unpin = declareCommand({
  name: "unpin",
  summary: "Undo pin",
  args: {},
  manual: {
    about: "Lets every release be performed again that the policy allows.",
    examples: [{ line: "nymvisor unpin", does: "Follow the releases again" }],
    next: [{ line: "nymvisor check", does: "See what will be performed, and when" }],
  },
  async run({ environment }) {
    const { unpin } = await import("../run/pin.ts");
    await print(renderUnpin(await unpin(environment)));
  },
});
