import { constants } from "node:fs";
import { dirname } from "node:path";
import type { UpgradeInfo } from "../src/model/documents.ts";
import { NymvisorError } from "../src/model/errors.ts";
import { disk } from "../src/system/disk.ts";
import { temporaryName } from "../src/system/durable.ts";
import { tryLock } from "../src/system/lock.ts";
import type { Downloaded, DownloadRequest } from "../src/upstream/download.ts";
import { partialNames } from "../src/upstream/partial-file.ts";
import type { Announcement } from "../src/upstream/sources.ts";
import type { Machine } from "./machine.ts";
import { buildInfoOfProgram, encodeProgram, type Program, sha256 } from "./program.ts";
import type { Release } from "./script.ts";

export const PLATFORM = "linux-x86_64";

/** Where releases are announced and served: up, failing, or answering never. */
export class Upstream {
  mode: "answers" | "fails" | "stalls" = "answers";
  /** A mutation: what was downloaded is taken as it came. */
  checks = true;
  #announced: UpgradeInfo | undefined;
  readonly #served = new Map<string, Uint8Array>();

  constructor(private readonly machine: Machine) {}

  /** What whoever asks is told. */
  get announced(): UpgradeInfo | undefined {
    return this.#announced;
  }

  announce(release: Release): UpgradeInfo {
    const { name, version, program, honest, dueIn, describesBuild } = release;
    const url = `https://upstream.example/${name}/${program.build}/${honest ? "" : "broken/"}nym-node`;
    const promised = encodeProgram(program);
    const served = honest ? promised : encodeProgram({ ...program, build: `${program.build}-broken` });
    this.#served.set(url, served);
    this.#announced = {
      manual: false,
      name,
      notes: "",
      publishDate: null,
      version,
      platforms: { [PLATFORM]: { checksum: sha256(promised), checksumAlgorithm: "sha256", url } },
      upgradeTime: this.machine.wall() + BigInt(dueIn) * 1_000_000_000n,
      binaryDetails: describesBuild ? buildInfoOfProgram(program) : null,
    };
    return this.#announced;
  }

  readonly askSources = async (_: unknown, { signal }: { signal?: AbortSignal }): Promise<Announcement | null> => {
    await this.#reach(signal);
    return this.#announced === undefined ? null : { info: this.#announced, source: "simulated" };
  };

  async #reach(signal: AbortSignal | undefined): Promise<void> {
    const { machine } = this;
    const { random } = machine.requireRunning();
    await machine.pause(random.int(5_000, 300_000), "the network answers", signal);
    if (this.mode === "stalls") await machine.pause(30_000_000, "the network has not answered", signal);
    if (this.mode !== "answers") throw new NymvisorError({ what: "the network does not answer" });
  }

  /** As `downloadBinary`: when it returns, the bytes are verified and durable under a name of this process alone. */
  readonly download = async ({ url, destination, expected, signal }: DownloadRequest): Promise<Downloaded> => {
    signal?.throwIfAborted();
    const { lock } = partialNames(destination);
    const claim = tryLock(lock, "downloading");
    if (claim.lock === null) throw new NymvisorError({ what: "another process downloads it" });
    try {
      return await this.#fetch(url, destination, expected?.hex, signal);
    } finally {
      claim.lock.release();
    }
  };

  async #fetch(
    url: string,
    destination: string,
    expected: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Downloaded> {
    const { machine } = this;
    const { random } = machine.requireRunning();
    const path = temporaryName(destination);
    try {
      await this.#reach(signal);
      const bytes = this.#served.get(url);
      if (bytes === undefined) throw new NymvisorError({ what: `${url} is not there` });
      const file = disk.openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        for (let written = 0; written < bytes.length; ) {
          written += disk.writeSync(file, bytes, written, Math.min(bytes.length - written, 60));
          await machine.pause(random.int(1_000, 2_000_000), "more bytes come", signal);
          if (this.mode === "fails") throw new NymvisorError({ what: "the download was interrupted" });
        }
        disk.fsyncSync(file);
      } finally {
        disk.closeSync(file);
      }
      const digest = sha256(disk.readFileSync(path));
      if (this.checks && expected !== undefined && digest !== expected) {
        throw new NymvisorError({ what: `the download to ${dirname(path)} has another checksum` });
      }
      return { path, size: bytes.length, sha256: digest, digest };
    } catch (error) {
      disk.rmSync(path, { force: true });
      throw error;
    }
  }

  /** The bytes that are promised for a program. */
  static digestOf(program: Program): string {
    return sha256(encodeProgram(program));
  }
}
