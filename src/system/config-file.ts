import { readFileSync, statSync } from "node:fs";
import { parseTOML } from "confbox/toml";
import { z } from "zod";
import { describePlace, type FileSource } from "../model/config-source.ts";
import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";
import { type Configuration, configurationSchema, isDefault, type Setting, settings } from "../model/settings.ts";
import { locateKeys } from "../model/toml-lines.ts";
import { explanation } from "./durable.ts";

/** A configuration takes about two kilobytes; more than this is some other file. */
const LARGEST_FILE = 1024 * 1024;

export interface ConfigFile extends FileSource {
  /** As it stands on disk. */
  bytes: Uint8Array;
}

/**
 * The file at `path`, or undefined if there is none.
 * @throws {NymvisorError} if it cannot be read or is no TOML; it names the line.
 */
export function readConfigFile(path: string): ConfigFile | undefined {
  const bytes = readBytes(path);
  if (bytes === undefined) return undefined;
  const text = decode(path, bytes);
  const lines = locateKeys(text);
  return {
    path,
    bytes,
    tables: parse(path, text),
    lineOf: (table, key) => lines.get(key === undefined ? table : `${table}.${key}`),
  };
}

/**
 * The text of a `config.toml`: every key with a line about it. Keys of our own are written only when they differ from
 * their default, so that the Rust program, which refuses what it does not know, loads the file of a plain `init`.
 */
export function renderConfigFile(configuration: Configuration, rows: readonly Setting[] = settings): string {
  const values = z.encode(configurationSchema, configuration);
  const lines = ["# Configuration of a nymvisor instance. Variables of the environment win over what stands here."];
  for (const table of new Set(rows.map((row) => row.table))) {
    const written = rows.filter((row) => row.table === table && !(row.own && isDefault(row, values[table]?.[row.key])));
    if (written.length > 0) lines.push("", `[${table}]`);
    for (const { key, help, env } of written) {
      lines.push("", `# ${help}. Variable: ${env}`, `${key} = ${renderValue(values[table]?.[key])}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function refusal(path: string, why: string, cause?: unknown): NymvisorError {
  return new NymvisorError({
    what: `the configuration ${path} cannot be read`,
    why,
    next: `look at it: ls -lL '${path}'`,
    cause,
  });
}

function readBytes(path: string): Uint8Array | undefined {
  try {
    const found = statSync(path);
    // Reading a pipe or a device might never end.
    if (!found.isFile()) throw refusal(path, found.isDirectory() ? "it is a folder" : "it is not a regular file");
    if (found.size > LARGEST_FILE) throw refusal(path, `it is ${found.size} bytes long, which no configuration is`);
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    if (error instanceof NymvisorError) throw error;
    throw refusal(path, explanation(error), error);
  }
}

/** Without a byte order mark, if there is one. */
function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw refusal(path, "it is not UTF-8 text", error);
  }
}

function parse(path: string, text: string): Record<string, unknown> {
  try {
    return parseTOML<Record<string, unknown>>(text);
  } catch (error) {
    const { line, column } = error as { line?: number; column?: number };
    if (line === undefined || column === undefined) throw error;
    // The parser's message goes on with a drawing of the place.
    const [reason = ""] = reasonOf(error).replace("Invalid TOML document: ", "").split("\n");
    throw new NymvisorError({
      what: `the configuration ${path} cannot be read`,
      why: `${describePlace(path, line)}, column ${column}: ${reason}`,
      next: `correct line ${line}, and check it with: nymvisor config`,
      cause: error,
    });
  }
}

function renderValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(renderValue).join(", ")}]`;
  return typeof value === "string" ? renderString(value) : String(value);
}

/** A literal string where TOML allows one, as the Rust program writes them; else a basic one with escapes. */
function renderString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a literal string cannot hold
  if (!/['\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) return `'${text}'`;
  // JSON's escapes are all TOML's, and DEL is the one character that only TOML wants escaped.
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
