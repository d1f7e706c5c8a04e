import { type Setting, settings } from "../../src/model/settings.ts";

/** README's table of settings, as it follows from the settings themselves. */
export function settingsTable(): string {
  const head = ["| key | variable | flag of `init` | default | what it does |", "|---|---|---|---|---|"];
  return [...head, ...settings.map(row)].join("\n");
}

function row({ table, key, env, flag, help, ...setting }: Setting): string {
  const what = help.replace(/\s*\(default: .*\)$/, "").replaceAll("|", "\\|");
  const cells = [
    `\`[${table}] ${key}\``,
    `\`${env}\``,
    flag === undefined ? "" : `\`--${flag}\``,
    defaultOf(setting, help),
    what,
  ];
  return `| ${cells.join(" | ")} |`;
}

function defaultOf(setting: Pick<Setting, "default">, help: string): string {
  const told = /\(default: (.*)\)$/.exec(help)?.[1];
  if (told !== undefined) return told.replaceAll("<", "\\<");
  if (setting.default === undefined) return "required";
  if (Array.isArray(setting.default) && setting.default.length === 0) return "none";
  return setting.default === "" ? "none" : `\`${setting.default}\``;
}
