import { describePlace, type FileSource } from "./config-source.ts";
import { printable } from "./names.ts";
import { settings } from "./settings.ts";
import { nearest } from "./suggest.ts";
import { asTable, describeValue } from "./toml-value.ts";

/** One line for each table and key that no setting has: where it stands, and the nearest that there is. */
export function unknownKeys(file: FileSource): string[] {
  const tables = [...new Set(settings.map(({ table }) => table))];
  const at = (table: string, key?: string) => describePlace(file.path, file.lineOf(table, key));
  const problems: string[] = [];
  for (const [table, value] of Object.entries(file.tables)) {
    const keys = settings.filter((setting) => setting.table === table).map(({ key }) => key);
    const rows = asTable(value);
    if (keys.length > 0 && rows === undefined) {
      problems.push(`${at(table)}: ${describeValue(value)} stands where the table [${table}] is expected`);
    } else if (keys.length > 0) {
      const unknown = Object.keys(rows ?? {}).filter((key) => !keys.includes(key));
      problems.push(
        ...unknown.map((key) => `${at(table, key)}: [${table}] has no key ${printable(key)}${advice(table, key)}`),
      );
    } else if (rows === undefined) {
      problems.push(`${at(table)}: the key ${printable(table)} stands in no table${advice(undefined, table)}`);
    } else {
      const near = nearest(table, tables);
      problems.push(
        `${at(table)}: there is no table [${printable(table)}]${near === undefined ? "" : `; did you mean [${near}]?`}`,
      );
    }
  }
  return problems;
}

/** The nearest valid key: one of the same table, or else the same word in another. */
function advice(table: string | undefined, key: string): string {
  const elsewhere = settings.find((setting) => setting.key === key && setting.table !== table);
  if (elsewhere !== undefined) return `; it belongs into [${elsewhere.table}]`;
  const dashed = (word: string) => word.replaceAll("_", "-");
  const keys = settings
    .filter((setting) => table === undefined || setting.table === table)
    .map((setting) => setting.key);
  const near = nearest(dashed(key), keys.map(dashed));
  return near === undefined ? "" : `; did you mean ${near.replaceAll("-", "_")}?`;
}
