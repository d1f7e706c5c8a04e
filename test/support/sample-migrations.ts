import { appendFileSync, existsSync, readFileSync } from "node:fs";

/**
 * As nym-node does with its databases (sqlx): what the file tells to be applied has to be known, and what is not applied
 * yet is, in place.
 * @returns why it refuses to start, or undefined.
 */
export function migrate(path: string, known: readonly string[]): string | undefined {
  const applied = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  const missing = applied.find((migration) => !known.includes(migration));
  if (missing !== undefined)
    return `migration ${missing} was previously applied but is missing in the resolved migrations`;
  const pending = known.filter((migration) => !applied.includes(migration));
  if (pending.length > 0) appendFileSync(path, pending.map((migration) => `${migration}\n`).join(""));
  return undefined;
}
