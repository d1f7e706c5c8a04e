import { type DocumentSchema, describeIssues, encodeDocument } from "../model/documents.ts";
import { errorCode, NymvisorError, reasonOf } from "../model/errors.ts";
import { disk } from "./disk.ts";
import { explanation, type WriteOptions, writeFileDurably } from "./durable.ts";

/** A JSON document as it was found. A reader never assumes that a file is whole. */
export type Found<T> =
  | { state: "found"; value: T }
  | { state: "missing" }
  /** It is there and readable, but is no such document: torn, empty, foreign. */
  | { state: "unusable"; reason: string };

/** Documents hold a few upgrades of a few kilobytes each; more than this is some other file. */
const LARGEST_DOCUMENT = 64 * 1024 * 1024;

/** @throws {NymvisorError} if the file is there and the system does not let us read it. */
export function readDocument<T>(schema: DocumentSchema<T>, path: string): Found<T> {
  let bytes: Uint8Array;
  try {
    bytes = disk.readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return { state: "missing" };
    if (errorCode(error) === "EISDIR") return { state: "unusable", reason: "it is a folder" };
    throw new NymvisorError({
      what: `${path} cannot be read`,
      why: explanation(error),
      next: `check who owns it: ls -l ${path}`,
      cause: error,
    });
  }
  if (bytes.length === 0) return { state: "unusable", reason: "it is empty" };
  if (bytes.length > LARGEST_DOCUMENT) return { state: "unusable", reason: "it is larger than any such document" };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return { state: "unusable", reason: `it is not JSON (${reasonOf(error)})` };
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return { state: "unusable", reason: describeIssues(parsed.error) };
  return { state: "found", value: parsed.data };
}

/** Replaces a document durably; see {@link writeFileDurably}. */
export function writeDocument<T>(schema: DocumentSchema<T>, path: string, value: T, options?: WriteOptions): void {
  writeFileDurably(path, encodeDocument(schema, value), options);
}

/** The document, or undefined where there is none. @throws {NymvisorError} if it is unusable; nothing is changed. */
export function requireUsable<T>(found: Found<T>, path: string, next: string): T | undefined {
  if (found.state === "found") return found.value;
  if (found.state === "missing") return undefined;
  throw new NymvisorError({ what: `${path} is not what nymvisor wrote there`, why: found.reason, next });
}
