import { z } from "zod";
import { absolutePath } from "./absolute-path.ts";
import { type Duration, formatDuration, parseDuration } from "./duration.ts";
import { checkPort, type Endpoint, formatEndpoint, parseEndpoint } from "./endpoint.ts";
import { formatInstant, type Instant, parseInstant } from "./instant.ts";
import { objectionToDaemonName, objectionToInstanceId, printable } from "./names.ts";
import { describeValue } from "./toml-value.ts";
import { parseWindow, type Window } from "./window.ts";

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

/** One of a few words. */
export function oneOf<const Word extends string>(...words: readonly [Word, ...Word[]]): Kind<Word> {
  return {
    hint: words.join("|"),
    schema: z.codec(z.string(), z.enum(words), {
      decode: decoder((text: string) => {
        const word = words.find((one) => one === text);
        if (word === undefined) throw new RangeError(`"${printable(text)}" is none of ${words.join(", ")}`);
        return word;
      }),
      encode: (word) => word,
    }),
    fromText: (text) => text.toLowerCase(),
    toText: asIs,
  };
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

function readPlainUrl(text: string): string {
  const { username, password } = new URL(readUrl(text));
  if (username === "" && password === "") return text;
  throw new RangeError("a name or a password does not belong in it: it is written down and shown");
}

/** A URL that is kept and shown, so no secret may be in it. */
export const plainUrl: Kind<string> = { ...url, schema: checked(readPlainUrl) };

/** What is found out by nymvisor, left out, or given. */
export type FoundOr<T> = "auto" | "off" | T;

function foundOr<T>(read: (value: unknown) => T, write: (value: T) => string | number): z.ZodType<FoundOr<T>, unknown> {
  return z.codec(z.unknown(), z.custom<FoundOr<T>>(), {
    decode: decoder((value: unknown) => (value === "auto" || value === "off" ? value : read(value))),
    encode: (value) => (value === "auto" || value === "off" ? value : write(value)),
  });
}

const AUTO_OR_OFF = /^(?:auto|off)$/i;

/** A URL that nymvisor asks over and over; it is kept and shown, so no secret may be in it. */
export const healthUrl: Kind<FoundOr<{ url: string }>> = {
  hint: "auto|off|URL",
  schema: foundOr(
    (value) => {
      if (typeof value !== "string")
        throw new RangeError(`${describeValue(value)} is not a URL in quotes, auto or off`);
      return { url: readPlainUrl(value) };
    },
    ({ url }) => url,
  ),
  fromText: (text) => (AUTO_OR_OFF.test(text) ? text.toLowerCase() : text),
  toText: (value) => (typeof value === "string" ? value : value.url),
};

/** Where a port is when only its number is given. */
const THIS_MACHINE = "127.0.0.1";

export const healthPort: Kind<FoundOr<Endpoint>> = {
  hint: "auto|off|PORT|HOST:PORT",
  schema: foundOr(
    (value) => {
      if (typeof value === "number") return { host: THIS_MACHINE, port: checkPort(value) };
      if (typeof value === "string") return parseEndpoint(value);
      throw new RangeError(`${describeValue(value)} stands where a port, host:port, auto or off is expected`);
    },
    (value) => (value.host === THIS_MACHINE ? value.port : formatEndpoint(value)),
  ),
  fromText(text) {
    if (AUTO_OR_OFF.test(text)) return text.toLowerCase();
    return /^\d+$/.test(text) ? Number(text) : text;
  },
  toText: (value) => (typeof value === "string" ? value : formatEndpoint(value)),
};

/** A line for a shell, or null where nobody has set one. */
export const optionalCommand: Kind<string | null> = {
  hint: "COMMAND",
  schema: optional((text) => {
    if (text.trim() === "") throw new RangeError("it is blank");
    // A shell would see a part of it, and say that all is well.
    if (/\p{Cc}/u.test(text)) throw new RangeError("it must be one line; put what needs more into a script");
    return text;
  }),
  fromText: asIs,
  toText: (value) => value ?? "",
};

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

function readBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (TRUE.has(word)) return true;
  return FALSE.has(word) ? false : undefined;
}

export const boolean: Kind<boolean> = {
  hint: "true|false",
  schema: z.boolean(),
  fromText(text) {
    const value = readBoolean(text);
    if (value !== undefined) return value;
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

export const text: Kind<string> = {
  hint: "TEXT",
  schema: checked((value) => {
    if (value === "") throw new RangeError("it must not be empty");
    return value;
  }),
  fromText: asIs,
  toText: asIs,
};

/** `owner/name`, in the letters that GitHub allows for them: it becomes a part of URLs. */
export const repository: Kind<string> = {
  hint: "OWNER/NAME",
  schema: checked((value) => {
    if (!/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/.test(value) || /(^|\/)\.{1,2}(\/|$)/.test(value)) {
      throw new RangeError(`"${printable(value)}" is not a repository; write one such as nymtech/nym`);
    }
    return value;
  }),
  fromText: asIs,
  toText: asIs,
};

/** A duration, or null where nobody has set one. */
export const optionalDuration: Kind<Duration | null> = {
  hint: "DURATION",
  schema: z.codec(z.string(), z.bigint().nullable(), {
    decode: decoder((text: string) => (text === "" ? null : parseDuration(text))),
    encode: (value) => (value === null ? "" : formatDuration(value)),
  }),
  fromText: asIs,
  toText: (value) => (value === null ? "" : formatDuration(value)),
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

/** Whether something is held back: not at all, for good (until null), or until a moment. */
export type Hold = { held: false } | { held: true; until: Instant | null };

const formatHold = (hold: Hold) => (hold.held && hold.until !== null ? formatInstant(hold.until) : String(hold.held));

export const hold: Kind<Hold> = {
  hint: "true|false|DATETIME",
  schema: z.codec(z.unknown(), z.custom<Hold>(), {
    decode: decoder((value: unknown): Hold => {
      if (typeof value === "boolean") return value ? { held: true, until: null } : { held: false };
      // TOML has datetimes of its own; one without an offset is written without one here, and refused.
      if (value instanceof Date) return { held: true, until: parseInstant(value.toISOString()) };
      if (typeof value === "string") return { held: true, until: parseInstant(value) };
      throw new RangeError(`${describeValue(value)} stands where true, false or a datetime in quotes is expected`);
    }),
    encode: (value) => (value.held && value.until !== null ? formatInstant(value.until) : value.held),
  }),
  fromText(text) {
    const value = readBoolean(text);
    if (value !== undefined) return value;
    if (/^[a-z]*$/i.test(text)) throw new RangeError(`"${printable(text)}" is neither true, false nor a datetime`);
    return text;
  },
  toText: formatHold,
};

const WINDOWS_EXAMPLE = '["Mon-Fri 22:00-04:00", "Sat 09:00-12:00 Europe/Berlin"]';

export const windows: Kind<readonly Window[]> = {
  hint: "[DAYS ]HH:MM-HH:MM[ ZONE],…",
  schema: z.codec(z.unknown(), z.custom<readonly Window[]>(), {
    decode: decoder((value: unknown) => {
      if (!Array.isArray(value)) {
        throw new RangeError(`${describeValue(value)} stands where a list is expected, such as ${WINDOWS_EXAMPLE}`);
      }
      return value.map((text: unknown) => {
        if (typeof text === "string") return parseWindow(text);
        throw new RangeError(`${describeValue(text)} stands in the list; write it such as ${WINDOWS_EXAMPLE}`);
      });
    }),
    encode: (value) => value.map(({ text }) => text),
  }),
  fromText: (text) => (text.trim() === "" ? [] : text.split(",").map((part) => part.trim())),
  toText: (value) => value.map(({ text }) => text).join(", "),
};

/** A glob pattern for paths in the daemon's home. */
function readPattern(value: unknown): string {
  if (typeof value !== "string") throw new RangeError(`${describeValue(value)} stands in the list; write it in quotes`);
  if (value.trim() === "") throw new RangeError("a pattern is empty");
  if (value.startsWith("/"))
    throw new RangeError(`"${printable(value)}" is absolute; patterns are relative to the home`);
  if (value.split("/").includes("..")) throw new RangeError(`"${printable(value)}" leads out of the home`);
  return value;
}

export const patterns: Kind<readonly string[]> = {
  hint: "PATTERN,…",
  schema: z.codec(z.unknown(), z.custom<readonly string[]>(), {
    decode: decoder((value: unknown) => {
      if (Array.isArray(value)) return value.map(readPattern);
      throw new RangeError(
        `${describeValue(value)} stands where a list is expected, such as ["*.bloom", "data/cache"]`,
      );
    }),
    encode: (value) => [...value],
  }),
  fromText: (text) => (text.trim() === "" ? [] : text.split(",").map((part) => part.trim())),
  toText: (value) => value.join(", "),
};
