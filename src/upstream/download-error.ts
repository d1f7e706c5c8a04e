import { formatBytes } from "../model/bytes.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Checksum } from "../policy/choose-binary.ts";

/** Why a download that the server answered did not become a file. */
export type DownloadFailure =
  | { kind: "busy"; file: string; lock: string; pid: number | undefined }
  | {
      kind: "interrupted";
      file: string;
      done: number;
      total: number | null;
      kept: boolean;
      reason: string;
      cause: unknown;
    }
  | { kind: "length"; file: string; url: string; reason: string }
  | { kind: "space"; folder: string; needed: number; available: number }
  | { kind: "disk"; path: string; isFull: boolean; done: number; kept: boolean; reason: string; cause: unknown }
  | { kind: "checksum"; file: string; url: string; expected: Checksum; actual: string; kept: string };

/** A download that failed after the connection was made; what fails before is an `HttpError`. */
export class DownloadError extends NymvisorError {
  override name = "DownloadError";
  readonly failure: DownloadFailure;

  constructor(failure: DownloadFailure) {
    super({ ...compose(failure), cause: "cause" in failure ? failure.cause : undefined });
    this.failure = failure;
  }
}

function compose(failure: DownloadFailure): { what: string; why: string; next?: string } {
  switch (failure.kind) {
    case "busy": {
      const who = failure.pid === undefined ? "another process" : `another nymvisor (pid ${failure.pid})`;
      return {
        what: `${who} is downloading ${failure.file}`,
        why: `it holds ${failure.lock}`,
        next: "wait until it is done; what it has downloaded is used then",
      };
    }
    case "interrupted": {
      const of = failure.total === null ? "" : ` of ${formatBytes(failure.total)}`;
      return {
        what: `the download of ${failure.file} stopped after ${formatBytes(failure.done)}${of}`,
        why: failure.reason,
        next: failure.kept
          ? "the part is kept, and the next attempt goes on from there if the server lets it"
          : "try again",
      };
    }
    case "length":
      return { what: `the download of ${failure.file} is refused`, why: `${failure.reason} (${failure.url})` };
    case "space":
      return {
        what: `there is not enough room in ${failure.folder}`,
        why: `${formatBytes(failure.needed)} more are needed, and ${formatBytes(failure.available)} are available`,
        next: `make room there: df -h ${failure.folder}`,
      };
    case "disk": {
      const kept = failure.kept ? ", which are kept" : "";
      return {
        what: `${failure.path} cannot be written after ${formatBytes(failure.done)}${kept}`,
        why: failure.reason,
        ...(failure.isFull ? { next: `make room there: df -h ${failure.path}` } : {}),
      };
    }
    case "checksum":
      return {
        what: `what was downloaded for ${failure.file} is not what was announced`,
        why: `its ${failure.expected.algorithm} is ${failure.actual}, and ${failure.expected.hex} was announced (${failure.url})`,
        next: `it is not used; to look at it: ${failure.kept}`,
      };
  }
}
