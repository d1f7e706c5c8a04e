import type { Answer } from "./http.ts";
import type { Origin } from "./partial-file.ts";

/** Going on with a file whose beginning is here: RFC 9110, sections 13.1.5 (If-Range) and 14 (ranges). */

/** What is here: how many bytes, and where they came from, as far as that was noted. */
export interface Beginning {
  length: number;
  origin: Origin | undefined;
}

type Head = Pick<Answer, "status" | "headers">;

/** Asks for what follows, or for everything if the file has changed since. */
export function rangeHeaders({ length, origin }: Beginning, url: string): Record<string, string> {
  const range = { Range: `bytes=${length}-` };
  // A validator holds for the address that gave it: a mirror has its own. A weak ETag may not be used here.
  const { etag, lastModified } = origin?.url === url ? origin : { etag: null, lastModified: null };
  const validator = etag === null || etag.startsWith("W/") ? lastModified : etag;
  return validator === null ? range : { ...range, "If-Range": validator };
}

/** Whether an answer begins where ours ends, ends where the whole does, and is of the same file. */
export function continues({ status, headers }: Head, { length, origin }: Beginning, url: string): boolean {
  const part = contentRange(headers);
  if (status !== 206 || part === undefined || part.first !== length) return false;
  if (part.whole !== null && part.whole !== part.end) return false;
  if (origin === undefined) return true;
  const etag = headers.get("etag");
  const changed = origin.url === url && etag !== null && origin.etag !== null && etag !== origin.etag;
  return !changed && (origin.total === null || origin.total === part.end);
}

/** The length of the whole file as an answer announces it, null if it does not. For a part: one that {@link continues}. */
export function wholeLength({ status, headers }: Head): number | null {
  if (status === 206) return contentRange(headers)?.end ?? null;
  // RFC 9112 section 6.3: chunks overrule a length. A header that came twice is one value, with a comma.
  const [length] = headers.has("transfer-encoding") ? [] : (headers.get("content-length") ?? "").split(",");
  return length === undefined || length === "" ? null : Number(length);
}

/** `bytes <first>-<last>/<length of the whole, or *>`; `end` is behind the last byte. */
function contentRange(headers: Headers): { first: number; end: number; whole: number | null } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  if (match === null) return undefined;
  const [, first, last, whole] = match;
  return { first: Number(first), end: Number(last) + 1, whole: whole === "*" ? null : Number(whole) };
}
