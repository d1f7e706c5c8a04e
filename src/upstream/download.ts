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
import { type Origin, PartialFile, partialNames } from "./partial-file.ts";

/** The longest binary that is taken when its length was not announced. Nym's are a tenth of it. */
export const LONGEST_BINARY = 2 * 1024 ** 3;

export interface DownloadRequest
  extends Pick<RequestOptions, "allowHttp" | "environment" | "signal" | "limits" | "certificateAuthority"> {
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
  /** In the algorithm that was expected. */
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
  const { destination } = options;
  const names = partialNames(destination);
  const attempt = tryLock(names.lock, `downloading ${basename(destination)}`);
  if (attempt.lock === null) {
    throw new DownloadError({ kind: "busy", file: basename(destination), lock: names.lock, pid: attempt.holder?.pid });
  }
  try {
    const partial = await PartialFile.open(destination, options.expected, options.signal);
    try {
      return await complete(partial, options);
    } finally {
      await partial.close();
    }
  } finally {
    attempt.lock.release();
  }
}

async function complete(partial: PartialFile, options: DownloadRequest): Promise<Downloaded> {
  const { expected, destination, url } = options;
  while (!partial.isWhole) {
    const answered = await fill(partial, options);
    if (answered && (expected === null || partial.isWhole)) break;
    // What an earlier download has left may be to blame: one more attempt, without it.
    if (partial.resumed > 0) {
      await partial.clear();
      continue;
    }
    const { digest } = partial;
    const kept = await partial.reject();
    if (expected === null) throw new Error("only what is expected can be missed");
    throw new DownloadError({
      kind: "checksum",
      file: basename(destination),
      url: displayUrl(url),
      expected,
      actual: digest,
      kept,
    });
  }
  const { length: size, sha256, digest } = partial;
  return { path: await partial.release(), size, sha256, digest };
}
