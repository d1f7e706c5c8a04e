import type { Setting } from "../model/settings.ts";
import type { Argument, Arguments } from "./argument.ts";

/** Flags that several commands share. */

export const output = {
  type: "enum",
  alias: "o",
  options: ["text", "json"],
  default: "text",
  description: "How to print the result: for people, or as one line of JSON",
} as const satisfies Argument;

/** The daemon's binary, as `init` and `add-upgrade` take it. */
export const daemonBinary = {
  type: "positional",
  required: true,
  completes: "file",
} as const satisfies Argument;

/** What the tables of the configuration file are called in the help. */
const HEADINGS = new Map([
  ["nymvisor", "Options of nymvisor"],
  ["daemon", "Options of the daemon"],
]);

/** `init` cannot do without these, though a variable will do as well. */
const REQUIRED = new Set(["daemon-home"]);

/** One flag for each setting that has one, in the order of the settings. */
export function flagsOfSettings(settings: readonly Setting[]): Arguments {
  return Object.fromEntries(
    settings.flatMap((setting) => (setting.flag === undefined ? [] : [[setting.flag, flagOf(setting, setting.flag)]])),
  );
}

function flagOf(setting: Setting, flag: string): Argument {
  const common = {
    description: REQUIRED.has(flag) ? `${setting.help} (required, here or as the variable)` : setting.help,
    env: setting.env,
    group: HEADINGS.get(setting.table) ?? `Options of the ${setting.table}`,
    ...otherwise(setting),
  };
  if (setting.bare) return { ...common, type: "boolean" };
  const { hint } = setting.kind;
  // Never an enum: citty would refuse the other spellings of true and false.
  const argument: Argument = { ...common, type: "string", valueHint: hint };
  if (hint === "DIR") argument.completes = "folder";
  if (hint.includes("|")) argument.completes = hint.split("|");
  return argument;
}

/** An empty default means that another value is worked out; the setting's help tells which. */
function otherwise(setting: Setting): { otherwise?: string } {
  const text = String(setting.default ?? "");
  return text === "" ? {} : { otherwise: text };
}
