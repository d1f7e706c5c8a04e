import { basename } from "node:path";
import { inspectBinary } from "../daemon/inspect.ts";
import type { ChildEnvironment } from "../daemon/spawn.ts";
import { type BuildInfo, differingFields } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import { type BuildLayout, buildLayout, type Layout } from "../model/paths.ts";
import { type AnnouncedBinary, chooseBinary } from "../policy/choose-binary.ts";
import { disk } from "../system/disk.ts";
import {
  makeExecutableDurably,
  makeFolderDurably,
  publishFileDurably,
  removeFileDurably,
  setAside,
  syncFolder,
} from "../system/durable.ts";
import { tryLock } from "../system/lock.ts";
import type { downloadBinary } from "../upstream/download.ts";
import { DownloadError } from "../upstream/download-error.ts";
import {
  type BinaryNote,
  hashFile,
  identityOf,
  noteArrival,
  readNote,
  readOrigin,
  type Staged,
  writeNote,
} from "./staged.ts";

/**
 * Staging: everything that can be done for an upgrade while the node runs. Flow: find the binary, or download and verify
 * it; make it executable; ask it for its build information; note that it is ready. What was downloaded is not executed,
 * nor made executable, before its release is old enough.
 */
export interface StageRequest {
  layout: Layout;
  info: UpgradeInfo;
  /** `linux-x86_64` */
  platform: string;
  allowDownload: boolean;
  enforceChecksum: boolean;
  /** The operator's own source is http, so what it names may be http too. */
  allowHttp: boolean;
  /** The address of the source that names the binary's; null: a person does. */
  namedBy: string | null;
  environment: ChildEnvironment;
  emit: Emit;
  now: Instant;
  /** A downloaded binary is not executed before. */
  askFrom: Instant;
  /** Its version is not known: whatever the binary says is right. */
  anyVersion?: boolean;
  signal: AbortSignal;
  download: typeof downloadBinary;
}

/** Staging failed for a reason that only this machine's files can change; looking again is cheap. */
export class LocalStagingError extends NymvisorError {
  override name = "LocalStagingError";
}

/**
 * @returns the note of the binary, durable; or "fetched" if it is there and verified, and may not be executed yet.
 * @throws {NymvisorError} with the reason; the node is never touched.
 */
export async function stage(request: StageRequest): Promise<Staged | "fetched"> {
  const { layout, info, signal } = request;
  const build = buildLayout(layout, info.name);
  makeFolderDurably(build.bin);
  const choice = chooseBinary(info, request.platform, request.enforceChecksum);
  const announced = choice.found ? choice.binary : null;
  const source = await findBinary(request, build, announced);
  if (source !== null) return accept(request, build, source);
  if (!request.allowDownload) {
    throw new LocalStagingError({
      what: `there is no binary for ${printable(info.name)}`,
      why: "downloads are switched off (allow_binaries_download)",
      next: `bring one: nymvisor add-upgrade --add-binary --upgrade-name ${info.name} <DAEMON_BINARY>`,
    });
  }
  if (announced === null) {
    throw new LocalStagingError({
      what: `there is no binary for ${printable(info.name)}`,
      why: choice.found ? undefined : choice.reason,
      next: `bring one: nymvisor add-upgrade --add-binary --upgrade-name ${info.name} <DAEMON_BINARY>`,
    });
  }
  signal.throwIfAborted();
  return alone(build, async () => {
    const meanwhile = await findBinary(request, build, announced);
    return accept(request, build, meanwhile ?? (await download(request, build, announced)));
  });
}

/**
 * As {@link stage}, for a release whose version nothing but its binary can tell: it is downloaded, verified, and asked.
 * @returns its note, durable. @throws {NymvisorError} also if it is no binary of this daemon, which is noted too.
 */
export async function identify(request: StageRequest): Promise<Staged> {
  const staged = await stage({ ...request, anyVersion: true });
  if (staged !== "fetched") return staged;
  throw new NymvisorError({ what: `${printable(request.info.name)} is not old enough to be asked for its version` });
}

/**
 * Nodes that share a build download it once: held from the last look for it to its note. A second download would take the
 * place of a binary that another node has verified, or runs already.
 */
async function alone<T>({ binary, stagingLock }: BuildLayout, action: () => Promise<T>): Promise<T> {
  const file = basename(binary);
  const claim = tryLock(stagingLock, `downloading ${file}`);
  if (claim.lock === null) {
    throw new DownloadError({ kind: "busy", file, lock: stagingLock, pid: claim.holder?.pid });
  }
  try {
    return await action();
  } finally {
    claim.lock.release();
  }
}

type Source = Pick<BinaryNote, "sha256" | "origin" | "url">;

/** What lies there already, if it may be used. */
async function findBinary(
  request: StageRequest,
  build: BuildLayout,
  announced: AnnouncedBinary | null,
): Promise<Source | null> {
  if (!disk.existsSync(build.binary)) return null;
  const note = readNote(build);
  if (note?.origin === "local") return note;
  const matches =
    announced?.checksum == null ? null : await hasChecksum(build, announced.checksum, note, request.signal);
  if (note !== undefined) {
    if (announced === null || !request.allowDownload) return note;
    // What was downloaded for an announcement that has changed since is no longer what was announced.
    return (matches ?? note.url === announced.url) ? note : null;
  }
  const sha256 = await hashFile(build.binary, "sha256", request.signal);
  if (matches === true) return { sha256, origin: "downloaded", url: announced?.url ?? null };
  // A download of nymvisor's own, noted or about to be, of a release that reads differently by now.
  if (matches === false && request.allowDownload && readOrigin(build, sha256)?.origin === "downloaded") return null;
  if (matches === false && request.allowDownload && (identityOf(build.binary).mode & 0o111) === 0) {
    // The Rust program downloads to this very name and makes it executable once verified: this is a part of a download.
    const kept = setAside(build.binary, formatStamp(request.now), "unverified");
    request.emit({
      type: "document.set-aside",
      path: build.binary,
      kept,
      reason: "its checksum is not the announced one",
    });
    return null;
  }
  if (matches === false) {
    request.emit({
      type: "warning",
      about: build.binary,
      reason: "it was put there by hand and differs from what is announced; it is used as it is",
    });
  }
  return { sha256, origin: "local", url: null };
}

async function hasChecksum(
  build: BuildLayout,
  { algorithm, hex }: NonNullable<AnnouncedBinary["checksum"]>,
  note: BinaryNote | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (algorithm === "sha256" && note !== undefined) return note.sha256 === hex;
  return (await hashFile(build.binary, algorithm, signal)) === hex;
}

async function download(request: StageRequest, build: BuildLayout, announced: AnnouncedBinary): Promise<Source> {
  const { info, emit, signal } = request;
  emit({ type: "staging.started", name: info.name, version: info.version });
  const downloaded = await request.download({
    url: announced.url,
    destination: build.binary,
    expected: announced.checksum,
    allowHttp: request.allowHttp,
    ...(request.namedBy === null ? {} : { namedBy: request.namedBy }),
    environment: request.environment,
    signal,
    onProgress: (done, total) => emit({ type: "progress", task: "download", name: info.name, done, total }),
    onResume: (at) => emit({ type: "download.resumed", name: info.name, at }),
  });
  const source = { sha256: downloaded.sha256, origin: "downloaded", url: announced.url } as const;
  // What is there was downloaded for an earlier announcement, and the note is about to speak of something else.
  removeFileDurably(build.binary);
  noteArrival(build, source);
  publishFileDurably(downloaded.path, build.binary);
  return source;
}

/** Makes the binary executable, asks it who it is, and notes the answer, also when it is the wrong one. */
async function accept(request: StageRequest, build: BuildLayout, source: Source): Promise<Staged | "fetched"> {
  const { info, layout, emit } = request;
  if (source.origin === "downloaded" && request.now < request.askFrom) return "fetched";
  makeExecutableDurably(build.binary);
  // Another nymvisor may have put it there, and been killed before its name was durable.
  syncFolder(build.bin);
  const note = { ...source, buildInfo: null, refused: null };
  let buildInfo: BuildInfo;
  try {
    buildInfo = await inspectBinary(build.binary, { environment: request.environment, signal: request.signal });
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (!(error instanceof NymvisorError)) throw error;
    writeNote(build, { ...note, refused: error.message });
    throw new LocalStagingError({ what: error.what, why: error.why, next: error.next, cause: error });
  }
  const contradiction = contradictionOf(buildInfo, info, layout.daemon, request.anyVersion);
  writeNote(build, { ...note, buildInfo, refused: contradiction });
  if (contradiction !== null) {
    throw new LocalStagingError({ what: `the binary of ${printable(info.name)} is refused`, why: contradiction });
  }
  const { identity, size } = identityOf(build.binary);
  emit({
    type: "upgrade.staged",
    name: info.name,
    version: info.version,
    sha256: source.sha256,
    origin: source.origin,
  });
  return { ...note, identity, size, buildInfo, refused: null };
}

/** In what a binary's own word differs from what was announced of it, or null. */
export function contradictionOf(
  buildInfo: BuildInfo,
  info: UpgradeInfo,
  daemon: string,
  anyVersion = false,
): string | null {
  if (buildInfo.binary_name !== daemon) {
    return `it is a ${printable(buildInfo.binary_name)}, and this instance runs ${daemon}`;
  }
  if (!anyVersion && buildInfo.build_version !== info.version) {
    return `it says that it is version ${printable(buildInfo.build_version)}, and ${printable(info.version)} was announced`;
  }
  const differing = info.binaryDetails === null ? [] : differingFields(buildInfo, info.binaryDetails);
  if (differing.length > 0)
    return `it is another build than was announced (it | announced): ${printable(differing.join("; "))}`;
  return null;
}
