import { statSync } from "node:fs";
import type { Exchange, Responder } from "./release-server.ts";
import { head } from "./responders.ts";

/** How a file is served. Without anything: at full speed, whole, with ranges and an ETag. */
export interface FileBehaviour {
  /** Of the body. */
  bytesPerSecond?: number;
  /** Closes the connection after this many bytes of the body. */
  cutAfter?: number;
  /** Says nothing more after this many bytes of the body, and keeps the connection. */
  stallAfter?: number;
  /** How many answers are cut or stalled; later ones are whole. Default: all. */
  times?: number;
  /** What it knows of ranges: with which validator, with none, or nothing at all. Default: `etag`. */
  ranges?: "etag" | "last-modified" | "unvalidated" | "none";
  /** The ETag, quoted. Default: made of the content's length and time. */
  etag?: string;
  /** Answers `If-Range` as if the file were still the same. */
  ignoresIfRange?: boolean;
  /** What it says of a body's length: the truth, another number, or nothing, the end marked by a chunk or by closing. */
  length?: number | "chunked" | "closing";
  /** Says this instead of the true `Content-Range`. */
  contentRange?: string;
  /** More headers, or others. */
  headers?: Readonly<Record<string, string>>;
}

interface Slice {
  status: number;
  first: number;
  /** Behind the last byte. */
  end: number;
  headers: Record<string, string>;
}

/** How often a throttled body is written. */
const TICK_MS = 10;
const BLOCK = 1 << 20;

/** @param content bytes, or the path of a file that is read anew at each request. */
export function fileResponder(content: Uint8Array | string, behaviour: FileBehaviour = {}): Responder {
  let answers = 0;
  return async (exchange) => {
    answers += 1;
    const size = typeof content === "string" ? statSync(content).size : content.length;
    const validator = validatorOf(content, size, behaviour);
    const slice = sliceOf(exchange, size, validator, behaviour);
    const misbehaves = answers <= (behaviour.times ?? Number.POSITIVE_INFINITY);
    await exchange.connection.write(head(slice.status, { ...validator, ...slice.headers, ...behaviour.headers }));
    const { cutAfter, stallAfter } = misbehaves ? behaviour : {};
    const end = Math.min(slice.end, slice.first + Math.min(cutAfter ?? Infinity, stallAfter ?? Infinity));
    await writeBody(exchange, content, { ...slice, end }, behaviour);
    if (stallAfter !== undefined && end < slice.end) await exchange.connection.closed;
    else if (behaviour.length === "chunked" && end === slice.end) await exchange.connection.write("0\r\n\r\n");
  };
}

function validatorOf(content: Uint8Array | string, size: number, { ranges = "etag", etag }: FileBehaviour) {
  const changed = typeof content === "string" ? statSync(content).mtime : new Date(0);
  const validator: Record<string, string> = {};
  if (ranges !== "none") validator["Accept-Ranges"] = "bytes";
  if (ranges === "etag") validator.ETag = etag ?? `"${size}-${changed.getTime()}"`;
  if (ranges === "last-modified") validator["Last-Modified"] = changed.toUTCString();
  return validator;
}

/** Which bytes answer the request: RFC 9110, sections 13.1.5 (If-Range) and 14 (ranges). */
function sliceOf(
  { request }: Exchange,
  size: number,
  validator: Readonly<Record<string, string>>,
  behaviour: FileBehaviour,
): Slice {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const condition = request.headers["if-range"];
  const current = condition === undefined || condition === (validator.ETag ?? validator["Last-Modified"]);
  const first = Number(from ?? 0);
  if (from === undefined || behaviour.ranges === "none" || !(current || behaviour.ignoresIfRange)) {
    return { status: 200, first: 0, end: size, headers: lengthHeader(size, behaviour) };
  }
  if (first >= size) return { status: 416, first: 0, end: 0, headers: { "Content-Range": `bytes */${size}` } };
  const contentRange = behaviour.contentRange ?? `bytes ${first}-${size - 1}/${size}`;
  const headers = { "Content-Range": contentRange, ...lengthHeader(size - first, behaviour) };
  return { status: 206, first, end: size, headers };
}

function lengthHeader(size: number, { length }: FileBehaviour): Record<string, string> {
  if (length === "chunked") return { "Transfer-Encoding": "chunked" };
  if (length === "closing") return {};
  return { "Content-Length": `${length ?? size}` };
}

async function writeBody(
  exchange: Exchange,
  content: Uint8Array | string,
  { first, end }: Slice,
  { bytesPerSecond, length }: FileBehaviour,
): Promise<void> {
  const started = performance.now();
  for (let position = first; position < end; ) {
    if (bytesPerSecond !== undefined) await Bun.sleep(TICK_MS);
    // By the clock and not by the tick, so that a late timer does not slow the line down.
    const allowed = bytesPerSecond === undefined ? Infinity : ((performance.now() - started) / 1000) * bytesPerSecond;
    const budget = Math.floor(first + allowed - position);
    if (budget < 1) continue;
    const stop = Math.min(end, position + Math.min(BLOCK, budget));
    const bytes = await read(content, position, stop);
    if (length === "chunked") await exchange.connection.write(`${bytes.length.toString(16)}\r\n`);
    if (!(await exchange.writeBody(bytes))) return;
    if (length === "chunked") await exchange.connection.write("\r\n");
    position = stop;
  }
}

async function read(content: Uint8Array | string, from: number, to: number): Promise<Uint8Array> {
  return typeof content === "string" ? Bun.file(content).slice(from, to).bytes() : content.subarray(from, to);
}
