import type { ParsedArgs } from "citty";
import { UsageError } from "../model/errors.ts";
import { parseInstant } from "../model/instant.ts";
import { renderOrder } from "../model/render-order.ts";
import type { UpgradeRequest } from "../model/requests.ts";
import { print } from "../system/print.ts";
import type { Arguments } from "./argument.ts";
import { declareCommand } from "./command.ts";

const args = {
  release: {
    type: "positional",
    required: false,
    description: "What the release is called, or its version; without it the newest one",
  },
  now: { type: "boolean", description: "At once, which it is anyway", excludes: ["at"] },
  at: { type: "string", valueHint: "DATETIME", description: "At that time", check: parseInstant },
  "allow-downgrade": {
    type: "boolean",
    description: "Go back to a release that comes before what runs, and pin it",
  },
  retry: {
    type: "boolean",
    description: "Try a release again that failed here, or that this node was put back from; name it",
  },
} as const satisfies Arguments;

export const upgrade = declareCommand({
  name: "upgrade",
  summary: "Upgrade to a release now, or when you say",
  args,
  manual: {
    about:
      "Queues a release at once or at a time of yours, whatever minimum age, windows, spread, skip, pin and prereleases say. A nymvisor that runs makes it ready and performs it; else it waits for nymvisor run. What is queued already gets the new time.",
    usage: "nymvisor upgrade [RELEASE] [--now | --at <DATETIME>] [--allow-downgrade] [--retry]",
    notes: [
      "A checksum is never overridden, nor is a hold: nymvisor resume ends it. A version that several releases have means the newest of them. Without a name it is the newest release that can be performed, a skipped one and a prerelease included.",
      "What did not prove itself is not tried again by itself, whatever its bytes are called; --retry forgives it, for all nodes on this upgrade data, also where it has left the list and its binary is still here. A node that stayed behind while others went on follows them then.",
      "Should the bytes of the release change before it is performed, your word no longer counts for it: it has to come of age like any other.",
    ],
    examples: [
      { line: "nymvisor upgrade", does: "To the newest release, at once" },
      { line: "nymvisor upgrade 1.21.0 --at 2026-11-21T03:00:00Z", does: "To a version, at night" },
      {
        line: "nymvisor upgrade nym-binaries-v2025.18-jarlsberg --allow-downgrade",
        does: "Back to an older release, and stay there",
      },
      { line: "nymvisor upgrade 1.21.0 --retry", does: "Once more, although it failed before" },
    ],
    next: [
      { line: "nymvisor plan", does: "See how far it is" },
      { line: "nymvisor skip NAME", does: "Take it back before it is performed" },
    ],
  },
  async run({ args, environment }) {
    const { upgrade } = await import("../run/upgrade.ts");
    const request = upgradeRequest(args);
    if (request.retry && request.release === null) {
      throw new UsageError({
        what: "--retry needs the name of what is to be tried again",
        next: "nymvisor history shows what failed",
      });
    }
    await print(renderOrder(await upgrade(request, environment)));
  },
});

export function upgradeRequest(given: ParsedArgs<typeof args>): UpgradeRequest {
  return {
    release: given.release ?? null,
    due: given.at === undefined ? null : parseInstant(given.at),
    allowDowngrade: given["allow-downgrade"] === true,
    retry: given.retry === true,
  };
}
