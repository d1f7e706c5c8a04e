import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { settingsTable } from "./support/settings-table.ts";

const readme = readFileSync(join(import.meta.dir, "..", "README.md"), "utf8");

test("the README's table of settings is that of the settings", () => {
  const table = /\| key \| variable .*?\n\n/s.exec(readme)?.[0].trim();
  expect(table).toBe(settingsTable());
});

test("the README's commands name the Bun that is pinned", () => {
  const named = [...readme.matchAll(/npx --yes (bun@\S+)/g)].map(([, version]) => version);
  expect(named.length).toBeGreaterThanOrEqual(2);
  expect(new Set(named)).toEqual(new Set([packageJson.packageManager]));
});
