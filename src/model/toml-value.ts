import { printable } from "./names.ts";

/** What stands in a TOML file, seen from outside: for judging it, and for messages. */

/** The value if it is a table; not a list, not a date. */
export function asTable(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isTable = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
  return isTable ? (value as Record<string, unknown>) : undefined;
}

/** The value as a message names it. */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a table";
  return typeof value === "string" ? `"${printable(value)}"` : String(value);
}
