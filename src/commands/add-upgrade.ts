import type { ParsedArgs } from "citty";
import { parseDuration } from "../model/duration.ts";
import { parseInstant } from "../model/instant.ts";
import { objectionToUpgradeName, printable } from "../model/names.ts";
import { renderUpgrade } from "../model/render-upgrade.ts";
import type { AddUpgradeRequest, Due } from "../model/requests.ts";
import { print } from "../system/print.ts";
import type { Arguments } from "./argument.ts";
import { declareCommand } from "./command.ts";
import { daemonBinary, output } from "./flags.ts";

/** What the Rust program gives an operator to think again. */
const USUAL_DELAY = "15m";

/** Headings of the help. */
const WHAT = "What";
const WHEN = "When";

const args = {
  "daemon-binary": {
    ...daemonBinary,
    description:
      "The new binary; a name without a slash is looked for in the current folder, then in PATH. It is copied, and may be deleted afterwards",
  },
  "upgrade-name": {
    type: "string",
    required: true,
    valueHint: "NAME",
    description: "What the upgrade is called; it becomes a folder",
    group: WHAT,
    check: checkName,
  },
  force: { type: "boolean", description: "Replace an upgrade of that name that is there already", group: WHAT },
  "add-binary": {
    type: "boolean",
    description: "Only bring the binary of an upgrade that was announced, so that it need not be downloaded",
    group: WHAT,
    excludes: ["now", "upgrade-time", "upgrade-delay", "publish-date"],
  },
  "publish-date": {
    type: "string",
    valueHint: "DATETIME",
    description: "When the release was published, for the record",
    otherwise: "now",
    group: WHAT,
    check: parseInstant,
  },
  now: {
    type: "boolean",
    description: "Upgrade at once",
    group: WHEN,
    excludes: ["upgrade-time", "upgrade-delay"],
  },
  "upgrade-time": {
    type: "string",
    valueHint: "DATETIME",
    description: "Upgrade at that time",
    group: WHEN,
    excludes: ["upgrade-delay"],
    check: parseInstant,
  },
  "upgrade-delay": {
    type: "string",
    valueHint: "DURATION",
    description: "Upgrade after that long",
    otherwise: USUAL_DELAY,
    group: WHEN,
    check: parseDuration,
  },
  output,
} as const satisfies Arguments;

export const addUpgrade = declareCommand({
  name: "add-upgrade",
  summary: "Queue an upgrade to a binary of your own",
  args,
  manual: {
    about:
      "Queues an upgrade to a binary that you built or downloaded yourself. The binary must be of the same daemon. A nymvisor that runs notices by itself; it is not restarted.",
    notes: [
      "At most one of --now, --upgrade-time and --upgrade-delay, and none of them with --add-binary. Datetimes are RFC 3339, such as 2026-11-21T09:00:00Z; durations are written as 90s, 1h or 1h 30m.",
      "A binary that failed here before is refused, also with --force: nymvisor upgrade NAME --retry tries it again.",
    ],
    examples: [
      {
        line: "nymvisor add-upgrade ./nym-node --upgrade-name 2026.20-gruyere",
        does: `Upgrade to that binary in ${USUAL_DELAY}`,
      },
      {
        line: "nymvisor add-upgrade ./nym-node --upgrade-name hotfix --now",
        does: "Upgrade at once",
      },
      {
        line: "nymvisor add-upgrade ./nym-node --upgrade-name 2026.20-gruyere --add-binary",
        does: "The upgrade was announced and keeps its time; this is its binary",
      },
    ],
    next: [{ line: "nymvisor daemon-build-info", does: "See which build is the current one, before and after" }],
  },
  async run({ args, environment }) {
    const { addUpgrade } = await import("../run/add-upgrade.ts");
    const entry = await addUpgrade(addUpgradeRequest(args), environment);
    await print(renderUpgrade(entry, args.output));
    return 0;
  },
});

export function addUpgradeRequest(given: ParsedArgs<typeof args>): AddUpgradeRequest {
  const published = given["publish-date"];
  return {
    daemonBinary: given["daemon-binary"],
    name: given["upgrade-name"],
    force: given.force === true,
    addBinary: given["add-binary"] === true,
    due: dueOf(given.now === true, given["upgrade-time"], given["upgrade-delay"]),
    publishDate: published === undefined ? null : parseInstant(published),
    output: given.output,
  };
}

function dueOf(now: boolean, time: string | undefined, delay = USUAL_DELAY): Due {
  if (now) return { kind: "now" };
  if (time !== undefined) return { kind: "at", instant: parseInstant(time) };
  return { kind: "after", delay: parseDuration(delay) };
}

function checkName(name: string): void {
  const objection = objectionToUpgradeName(name);
  if (objection !== undefined) throw new RangeError(`an upgrade cannot be called "${printable(name)}": ${objection}`);
}
