import { NymvisorError } from "./errors.ts";
import { printable } from "./names.ts";

/**
 * The text of a `.env` file, as the Rust binaries' dotenvy crate reads it (its documentation and tests are the source):
 * `KEY=VALUE` with or without `export`, comments, `'literal'`, `"with \n escapes and $VARIABLES"`, values over several
 * lines in either quotes, pieces glued together as in a shell. More lenient than dotenvy where that is harmless: spaces
 * within an unquoted value stay. Stricter where it would mislead: a variable that is not set is an error, not nothing.
 */

export interface EnvFileSource {
  /** The file's name, for messages. */
  path: string;
  /** What `$NAME` and `${NAME}` stand for, unless the file itself has set it before. */
  variables: Readonly<Record<string, string | undefined>>;
}

const ASSIGNMENT = /(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*/y;
const REFERENCE = /\$(?:\{([^}\n]*)\}|([A-Za-z_][A-Za-z0-9_]*))/y;
const COMMENT = /#[^\n]*/y;
const SPACE = /[ \t]+/y;
const LITERAL = /'([^']*)'/y;
/** What stands in an unquoted value, or between double quotes, without a meaning of its own. */
const PLAIN = /[^ \t\n'"\\$]+/y;
const QUOTED_PLAIN = /[^"\\$]+/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** The file's variables; of several values for one the last holds. @throws {NymvisorError} that names file and line. */
export function parseEnvFile(text: string, source: EnvFileSource): Record<string, string> {
  return new Parser(text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n"), source).parse();
}

class Parser {
  private position = 0;
  private readonly found: Record<string, string> = Object.create(null);

  constructor(
    private readonly text: string,
    private readonly source: EnvFileSource,
  ) {}

  parse(): Record<string, string> {
    while (this.position < this.text.length) {
      if (this.take(/\s+/y) ?? this.take(COMMENT)) continue;
      const start = this.position;
      const key = this.take(ASSIGNMENT)?.[1];
      if (key === undefined) this.fail(start, "it is not KEY=VALUE");
      const value = this.value();
      if (value.includes("\0")) this.fail(start, "a value holds a NUL character");
      this.found[key] = value;
    }
    return { ...this.found };
  }

  /** From behind the `=` to the end of the line, or of the line that the last quote ends on. */
  private value(): string {
    let value = "";
    let quoted = false;
    for (;;) {
      const space = this.take(SPACE)?.[0] ?? "";
      const next = this.text[this.position];
      if (next === undefined || next === "\n") return value;
      if (next === "#" && (space !== "" || (value === "" && !quoted && this.followsSpace()))) {
        this.take(COMMENT);
        return value;
      }
      if (space !== "" && quoted) this.fail(this.position, "something stands behind the closing quote");
      value += space;
      if (next === "'") {
        value += this.literal();
        quoted = true;
      } else if (next === '"') {
        value += this.interpolated();
        quoted = true;
      } else {
        value += this.plain(PLAIN);
      }
    }
  }

  /** Whether a space, which belongs to the assignment, sets a `#` apart from the `=`: `KEY=#1` has a value. */
  private followsSpace(): boolean {
    return /[ \t]/.test(this.text[this.position - 1] ?? "");
  }

  private literal(): string {
    const match = this.take(LITERAL);
    if (match === null) this.fail(this.position, "the single quote that opens here is never closed");
    return match[1] ?? "";
  }

  private interpolated(): string {
    const opening = this.position;
    let value = "";
    this.position += 1;
    for (;;) {
      const next = this.text[this.position];
      if (next === undefined) this.fail(opening, "the double quote that opens here is never closed");
      if (next === '"') {
        this.position += 1;
        return value;
      }
      value += this.plain(QUOTED_PLAIN);
    }
  }

  /** One escape, one reference to a variable, or a run of characters that mean themselves. */
  private plain(run: RegExp): string {
    const next = this.text[this.position];
    if (next === "\\") return this.escape();
    if (next === "$") return this.reference();
    return this.take(run)?.[0] ?? "";
  }

  private escape(): string {
    const escaped = this.text[this.position + 1];
    if (escaped === undefined || !/[nrt\\'"$` #]/.test(escaped)) {
      const shown = escaped === undefined || escaped === "\n" ? "" : printable(escaped);
      this.fail(this.position, `\\${shown} is no escape; write \\\\ for a backslash, or use single quotes`);
    }
    this.position += 2;
    return ESCAPES[escaped] ?? escaped;
  }

  private reference(): string {
    const start = this.position;
    const match = this.take(REFERENCE);
    if (match === null) {
      if (this.text[this.position + 1] === "{") this.fail(start, "the ${ that opens here is never closed");
      this.position += 1;
      return "$";
    }
    const name = match[1] ?? match[2] ?? "";
    const known =
      this.found[name] ?? (Object.hasOwn(this.source.variables, name) ? this.source.variables[name] : undefined);
    if (known === undefined) {
      this.fail(start, `the variable ${printable(name)} is not set; write \\$ or use single quotes for a dollar sign`);
    }
    return known;
  }

  /** Moves behind what the sticky `pattern` matches here. */
  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match !== null) this.position += match[0].length;
    return match;
  }

  /** Values may be secrets: none is ever part of the message. */
  private fail(position: number, why: string): never {
    const line = this.text.slice(0, position).split("\n").length;
    throw new NymvisorError({
      what: `${this.source.path}:${line} is not a line of an environment file`,
      why,
      next: `correct line ${line} of ${this.source.path}; a line reads KEY=VALUE, KEY='VALUE' or # a comment`,
    });
  }
}
