import { gunzipSync } from "node:zlib";
import { formatBytes } from "../model/bytes.ts";
import { errorCode, reasonOf } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { type Answer, type RequestOptions, request } from "./http.ts";

export interface JsonOptions extends RequestOptions {
  /** The longest document that is taken, in bytes, after decompression. */
  maxBytes: number;
  /** Milliseconds that its body may take as a whole; default five minutes. */
  deadline?: number;
}

/** A document is small: one that drips in, a byte before every stall, would hold its reader for years. */
const DOCUMENT_LIMIT_MS = 300_000;

/** Documents are a few levels deep. One of thousands costs gigabytes of indentation when it is written down. */
const MOST_LEVELS = 64;

/** The header of an answer, and its document; `modified: false` if it is still what `If-None-Match` named. */
export type JsonAnswer = { modified: true; headers: Headers; value: unknown } | { modified: false; headers: Headers };

/**
 * Gets a JSON document. At no time is more than `maxBytes` held of its compressed form, nor of its plain one.
 * @throws {HttpError} also if what comes is too long, or is no JSON. @throws the signal's reason.
 */
export async function askForJson(url: string, options: JsonOptions): Promise<JsonAnswer> {
  const answer = await request(url, {
    ...options,
    headers: { Accept: "application/json", "Accept-Encoding": "gzip", ...options.headers },
  });
  const { status, headers } = answer;
  if (status === 304) {
    answer.discard();
    return { modified: false, headers };
  }
  const bytes = decompress(answer, await collect(answer, options), options.maxBytes);
  return { modified: true, headers, value: parse(answer, bytes) };
}

/** The document of {@link askForJson}, where no condition was set. @throws {HttpError} @throws the signal's reason. */
export async function requestJson(url: string, options: JsonOptions): Promise<unknown> {
  const answer = await askForJson(url, options);
  return answer.modified ? answer.value : undefined;
}

async function collect(answer: Answer, { maxBytes, deadline = DOCUMENT_LIMIT_MS }: JsonOptions): Promise<Uint8Array> {
  const end = performance.now() + deadline;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > maxBytes) throw tooLong(answer, maxBytes);
    if (performance.now() > end) throw answer.failure("deadline", `it was not whole within ${deadline / 1000} s`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function decompress(answer: Answer, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const encoding = answer.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "" || encoding === "identity") return bytes;
  if (encoding !== "gzip" && encoding !== "x-gzip") {
    throw answer.failure("content", `it is encoded as ${printable(encoding, 40)}, which was not asked for`);
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if (errorCode(error) === "ERR_BUFFER_TOO_LARGE") throw tooLong(answer, maxBytes);
    throw answer.failure("content", `its compression is broken (${reasonOf(error)})`);
  }
}

function tooLong(answer: Answer, maxBytes: number) {
  return answer.failure("size", `it is longer than ${formatBytes(maxBytes)}, the most that is taken`);
}

function parse(answer: Answer, bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
  } catch {
    throw answer.failure("content", "it is not JSON: it is not even UTF-8 text");
  }
  if (text === "") throw answer.failure("content", "the answer is empty");
  if (text.startsWith("<")) throw answer.failure("content", "it is a web page (HTML) and not JSON");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw answer.failure("content", `it is not JSON (${printable(reasonOf(error))})`);
  }
  if (isDeeperThan(MOST_LEVELS, value)) throw answer.failure("content", `it is nested more than ${MOST_LEVELS} deep`);
  return value;
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((part) => isDeeperThan(levels - 1, part));
}
