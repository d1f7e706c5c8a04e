import { z } from "zod";
import { absolutePath } from "./absolute-path.ts";
import { type Duration, formatDuration, parseDuration } from "./duration.ts";
import { objectionToDaemonName, objectionToInstanceId, printable } from "./names.ts";
import { describeValue } from "./toml-value.ts";

/**
 * The kinds of value that a setting can have. A kind knows the three forms that a value takes: in the program, in the
 * file (what TOML yields), and as text (a variable or a flag).
 */
export interface Kind<T> {
  /** What stands for the value in help texts: `DURATION`, `URL`, `true|false`. */
  hint: string;
  /** The file's form to the program's and back. */
  schema: z.ZodType<T, unknown>;
  /**
   * The text's form to the file's. `workingDirectory` is what a relative path is relative to.
   * @throws {RangeError} that says what is wrong.
   */
  fromText(text: string, workingDirectory: string): unknown;
  /** The program's form as a person reads it. */
  toText(value: T): string;
}

/** Turns a function that throws a RangeError into the decoding half of a codec. */
function decoder<Input, Output>(read: (input: Input) => Output) {
  return (input: Input, context: z.core.ParsePayload<Input>): Output => {
    try {
      return read(input);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.issues.push({ code: "custom", message: error.message, input });
      return z.NEVER;
    }
  };
}

function checked(read: (text: string) => string): z.ZodType<string, unknown> {
  return z.codec(z.string(), z.string(), { decode: decoder(read), encode: (value) => value });
}

const asIs = (text: string) => text;

/** A string that may be absent: `''` in the file, null in the program. */
function optional(read: (text: string) => string): z.ZodType<string | null, unknown> {
  return z.codec(z.string(), z.string().nullable(), {
    decode: decoder((text: string) => (text === "" ? null : read(text))),
    encode: (value) => value ?? "",
  });
}

function readUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RangeError(`"${printable(text)}" is not a URL; write one such as https://example.org/releases/`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new RangeError(`"${printable(text)}" is neither an https nor an http URL`);
  }
  return text;
}

/** A file holds absolute paths only: what a relative one means would change with the folder that nymvisor starts in. */
function readPath(text: string): string {
  if (text !== "" && !text.startsWith("/")) throw new RangeError(`"${printable(text)}" is not an absolute path`);
  return absolutePath(text, "/");
}

function named(objection: (name: string) => string | undefined) {
  return checked((text) => {
    const reason = objection(text);
    if (reason !== undefined) throw new RangeError(`"${printable(text)}" cannot be used as a name: ${reason}`);
    return text;
  });
}

export const instanceId: Kind<string> = {
  hint: "ID",
  schema: named(objectionToInstanceId),
  fromText: asIs,
  toText: asIs,
};

export const daemonName: Kind<string> = {
  hint: "NAME",
  schema: named(objectionToDaemonName),
  fromText: asIs,
  toText: asIs,
};

export const url: Kind<string> = { hint: "URL", schema: checked(readUrl), fromText: asIs, toText: asIs };

export const optionalUrl: Kind<string | null> = {
  hint: "URL",
  schema: optional(readUrl),
  fromText: asIs,
  toText: (value) => value ?? "",
};

export const path: Kind<string> = { hint: "DIR", schema: checked(readPath), fromText: absolutePath, toText: asIs };

export const optionalPath: Kind<string | null> = {
  hint: "DIR",
  schema: optional(readPath),
  fromText: (text, workingDirectory) => (text === "" ? "" : absolutePath(text, workingDirectory)),
  toText: (value) => value ?? "",
};

const TRUE = new Set(["true", "t", "1"]);
const FALSE = new Set(["false", "f", "0"]);

export const boolean: Kind<boolean> = {
  hint: "true|false",
  schema: z.boolean(),
  fromText(text) {
    const word = text.toLowerCase();
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    throw new RangeError(`"${printable(text)}" is neither true (t, 1) nor false (f, 0)`);
  },
  toText: String,
};

export const duration: Kind<Duration> = {
  hint: "DURATION",
  schema: z.codec(z.string(), z.bigint(), { decode: decoder(parseDuration), encode: formatDuration }),
  fromText: asIs,
  toText: formatDuration,
};

/** A duration that something is done over and over at: none at all would spin. */
export const interval: Kind<Duration> = {
  ...duration,
  schema: z.codec(z.string(), z.bigint(), {
    decode: decoder((text: string) => {
      const value = parseDuration(text);
      if (value === 0n) throw new RangeError("it must be longer than nothing");
      return value;
    }),
    encode: formatDuration,
  }),
};

/** The largest count that the Rust program's `usize` and a JavaScript number hold alike. */
const LARGEST_COUNT = Number.MAX_SAFE_INTEGER;

export const count: Kind<number> = {
  hint: "N",
  schema: z.codec(z.unknown(), z.number(), {
    decode: decoder((value: unknown) => {
      if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
        throw new RangeError(`${describeValue(value)} is not a whole number from 0 to ${LARGEST_COUNT}`);
      }
      return value;
    }),
    encode: (value) => value,
  }),
  fromText(text) {
    if (!/^\d+$/.test(text)) throw new RangeError(`"${printable(text)}" is not a whole number`);
    return Number(text);
  },
  toText: String,
};
