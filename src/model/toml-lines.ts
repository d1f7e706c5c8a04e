/** Strings of all four kinds, comments, and what structures a document; the rest one character or bare word at a time. */
const TOKEN =
  /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|\n|[ \t\r]+|[A-Za-z0-9_-]+|[\s\S]/g;

/**
 * Where each key of a valid TOML document begins: its dotted path to its line, from 1. Tables are in it, too; what is
 * within an inline table is not. The parser tells no positions, and a message should.
 */
export function locateKeys(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let line = 1;
  let table: string[] = [];
  let path: string[] = [];
  let part: "key" | "header" | "value" = "key";
  let depth = 0;
  const found = (whole: string[]) => {
    const name = whole.join(".");
    if (!lines.has(name)) lines.set(name, line);
  };
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "\n" && depth === 0) {
      part = "key";
      path = [];
    } else if (token.startsWith("#") || token.trim() === "" || token === ".") {
      // Nothing that a key or a bracket could begin with.
    } else if (part === "value") {
      if (token === "[" || token === "{") depth += 1;
      if (token === "]" || token === "}") depth = Math.max(0, depth - 1);
    } else if (token === "[") {
      part = "header";
    } else if (token === "]") {
      table = path;
      found(table);
      part = "value";
    } else if (token === "=") {
      found([...table, ...path]);
      part = "value";
    } else {
      path.push(/^["']/.test(token) ? token.slice(1, -1) : token);
    }
    line += token.split("\n").length - 1;
  }
  return lines;
}
