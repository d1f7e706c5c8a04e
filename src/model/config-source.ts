/** What `config.toml` holds, as TOML yields it. */
export interface FileSource {
  path: string;
  tables: Readonly<Record<string, unknown>>;
  /** The line, from 1, that a key (or the table itself) begins on, where it is known. */
  lineOf(table: string, key?: string): number | undefined;
}

/** `config.toml:12`. */
export function describePlace(path: string, line: number | undefined): string {
  return line === undefined ? path : `${path}:${line}`;
}
