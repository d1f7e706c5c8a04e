import { statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { formatBytes } from "../model/bytes.ts";
import { errorCode } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import type { Checksum } from "../policy/choose-binary.ts";
import { explanation } from "../system/durable.ts";
import { tryLock } from "../system/lock.ts";
import { DownloadError } from "./download-error.ts";
import { type Answer, type RequestOptions, request } from "./http.ts";
import { displayUrl, HttpError } from "./http-error.ts";
import { PartialFile, partialNames } from "./partial-file.ts";
import { continues, rangeHeaders, wholeLength } from "./range.ts";

/** The longest binary that is taken when its length was not announced. Nym's are a tenth of it. */
export const LONGEST_BINARY = 2 * 1024 ** 3;

export interface DownloadRequest
  extends Pick<RequestOptions, "allowHttp" | "namedBy" | "environment" | "signal" | "limits" | "certificateAuthority"> {
  url: string;
  /** Where the file will be, absolute; its folder is there. Nothing is put at this path itself. */
  destination: string;
  /** What it must be. Null: anything; then an interrupted download begins anew. */
  expected: Checksum | null;
  /** In bytes; default {@link LONGEST_BINARY}. */
  maxBytes?: number;
  /** The exact length, where the source says it. */
  announcedLength?: number;
  /** Bytes that are there, and that there will be (null: unknown); called for every chunk. */
  onProgress?: (done: number, total: number | null) => void;
  /** An earlier download is gone on with, from that byte. */
  onResume?: (at: number) => void;
  /** Bytes that may still be written in a folder; default: what statfs(2) says. */
  freeSpace?: (folder: string) => Promise<number>;
}

export interface Downloaded {
  /**
   * A temporary file in the destination's folder, not executable, of this process alone, for the caller to rename. Its
   * bytes are durable, its name is not.
   */
  path: string;
  size: number;
  /** Lower-case hex. */
  sha256: string;
  /** In the algorithm that was expected; else the same as `sha256`. */
  digest: string;
}

/**
 * Downloads a binary, verified. One attempt: after an interruption, of the connection or of the process, the next call
 * goes on where this one ended, if the server lets it. No more than a few chunks are held in memory.
 *
 * @throws {HttpError} if there is no answer to be had.
 * @throws {DownloadError} if the answer does not become the file that was announced, or another process is at it.
 * @throws the signal's reason.
 */
export async function downloadBinary(options: DownloadRequest): Promise<Downloaded> {
  options.signal.throwIfAborted();
  const { destination, expected, signal } = options;
  const file = basename(destination);
  const { lock } = partialNames(destination);
  const claim = tryLock(lock, `downloading ${file}`);
  if (claim.lock === null) throw new DownloadError({ kind: "busy", file, lock, pid: claim.holder?.pid });
  try {
    const partial = await PartialFile.open(destination, expected, signal);
    try {
      return await complete(partial, options);
    } finally {
      await partial.close();
    }
  } finally {
    claim.lock.release();
  }
}

async function complete(partial: PartialFile, options: DownloadRequest): Promise<Downloaded> {
  // An earlier download may have been ended between its last byte and its verification.
  const isThere = partial.resumed > 0 && partial.mismatch === null;
  if (!isThere) await fill(partial, options);
  if (partial.resumed > 0 && partial.mismatch !== null) {
    // What the earlier download left may be to blame.
    await partial.clear();
    await fill(partial, options);
  }
  const { mismatch, file } = partial;
  if (mismatch !== null) {
    const kept = await partial.reject();
    throw new DownloadError({ kind: "checksum", file, url: displayUrl(options.url), ...mismatch, kept });
  }
  const { length: size, sha256, digest } = partial;
  try {
    return { path: await partial.handOver(), size, sha256, digest };
  } catch (error) {
    throw diskError(partial, partial.length, error);
  }
}

/** Adds what is missing; the file has the announced length then. */
async function fill(partial: PartialFile, options: DownloadRequest): Promise<void> {
  try {
    const answer = await ask(partial, options);
    try {
      await receive(answer, partial, options);
    } finally {
      answer.discard();
    }
  } catch (error) {
    if (!partial.isWorthKeeping) await partial.remove();
    throw error;
  }
}

/** Asks for what is missing; for everything, with the part dropped, where that alone is not to be had. */
async function ask(partial: PartialFile, options: DownloadRequest): Promise<Answer> {
  if (partial.length > 0) {
    const answer = await askForRest(partial, options);
    if (answer !== null && continues(answer, partial, options.url)) {
      options.onResume?.(partial.length);
      return answer;
    }
    await partial.clear();
    if (answer !== null && answer.status !== 206) return answer;
    answer?.discard();
  }
  return send(options, {});
}

async function askForRest(partial: PartialFile, options: DownloadRequest): Promise<Answer | null> {
  try {
    return await send(options, rangeHeaders(partial, options.url));
  } catch (error) {
    // RFC 9110 section 15.5.17: the file is no longer than what is here, so it is another one.
    if (error instanceof HttpError && error.status === 416) return null;
    throw error;
  }
}

function send(options: DownloadRequest, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return request(options.url, { ...options, headers: { "Accept-Encoding": "identity", ...headers } });
}

async function receive(answer: Answer, partial: PartialFile, options: DownloadRequest): Promise<void> {
  const { maxBytes = LONGEST_BINARY, onProgress } = options;
  const total = await admit(answer, partial, options);
  const longest = total ?? maxBytes;
  onProgress?.(partial.length, total);
  try {
    for await (const chunk of answer.body) {
      if (partial.length + chunk.length > longest) {
        throw await refuse(
          partial,
          options,
          total === null ? tooLong(maxBytes) : `it goes on after its ${total} bytes`,
        );
      }
      await store(chunk, answer, partial);
      onProgress?.(partial.length, total);
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    throw interrupted(partial, total, error.why ?? error.what, error);
  }
  if (partial.length === 0) throw await refuse(partial, options, "it is empty");
  if (total !== null && partial.length < total) {
    throw interrupted(partial, total, "the answer ended before the length that was announced");
  }
}

/**
 * Refuses what cannot become the file before a byte of it is read, and notes what the bytes will be of.
 * @returns the length of the whole file, if anybody announced it.
 */
async function admit(answer: Answer, partial: PartialFile, options: DownloadRequest): Promise<number | null> {
  const { announcedLength, maxBytes = LONGEST_BINARY } = options;
  const { headers } = answer;
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity" && encoding !== "") {
    throw answer.failure("content", `it is encoded as ${printable(encoding, 40)}, which was not asked for`);
  }
  const length = wholeLength(answer);
  if (length !== null && announcedLength !== undefined && length !== announcedLength) {
    throw await refuse(partial, options, `it is ${length} bytes long, and ${announcedLength} were announced`);
  }
  const total = length ?? announcedLength ?? null;
  if (total !== null && total > maxBytes) throw await refuse(partial, options, tooLong(maxBytes));
  if (total !== null) await requireRoom(total - partial.length, options);
  partial.note({ url: options.url, etag: headers.get("etag"), lastModified: headers.get("last-modified"), total });
  return total;
}

async function requireRoom(needed: number, { destination, freeSpace = availableBytes }: DownloadRequest) {
  const folder = dirname(destination);
  const available = await freeSpace(folder);
  if (available < needed) throw new DownloadError({ kind: "space", folder, needed, available });
}

async function availableBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function store(chunk: Uint8Array, { status, headers }: Answer, partial: PartialFile): Promise<void> {
  try {
    await partial.append(chunk);
  } catch (error) {
    const done = partial.length;
    // A part that cannot be gone on with would only take the room that is missing.
    if (status !== 206 && headers.get("accept-ranges") !== "bytes") await partial.clear();
    throw diskError(partial, done, error);
  }
}

function diskError({ path, isWorthKeeping: kept }: PartialFile, done: number, cause: unknown): DownloadError {
  const isFull = ["ENOSPC", "EDQUOT"].includes(errorCode(cause) ?? "");
  return new DownloadError({ kind: "disk", path, isFull, done, kept, reason: explanation(cause), cause });
}

function interrupted(partial: PartialFile, total: number | null, reason: string, cause?: unknown): DownloadError {
  const { file, length: done, isWorthKeeping: kept } = partial;
  return new DownloadError({ kind: "interrupted", file, done, total, kept, reason, cause });
}

async function refuse(partial: PartialFile, { url }: DownloadRequest, reason: string): Promise<DownloadError> {
  await partial.clear();
  return new DownloadError({ kind: "length", file: partial.file, url: displayUrl(url), reason });
}

function tooLong(maxBytes: number): string {
  return `it is longer than ${formatBytes(maxBytes)}, the most that is taken`;
}
