import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { NymvisorError } from "../../src/model/errors.ts";
import { type BuildLayout, buildLayout } from "../../src/model/paths.ts";
import { type StageRequest, stage } from "../../src/upgrade/stage.ts";
import { setUp } from "../support/builds.ts";
import { failureOfAsync } from "../support/failure.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let build: BuildLayout;
let downloads: number;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  setUp(instance.layout);
  build = buildLayout(instance.layout, "1.1.0");
  downloads = 0;
});
afterEach(() => home[Symbol.dispose]());

/** Staging of a release whose binary says that it is of that commit. */
function releaseOf(commit: string, signal = new AbortController().signal): StageRequest {
  const binary = writeSampleDaemon(home.at(commit), { version: "1.1.0", commit });
  const announced = platform(readFileSync(binary, "utf8"), `https://example.org/${commit}`);
  return {
    ...instance,
    info: upgradeInfo({ platforms: { any: announced } }),
    platform: "linux-x86_64",
    allowDownload: true,
    enforceChecksum: true,
    allowHttp: false,
    namedBy: null,
    environment: home.env,
    now: NOON,
    askFrom: 0n,
    signal,
    download: async () => {
      downloads += 1;
      const path = `${build.bin}/.downloaded-${downloads}`;
      writeFileSync(path, readFileSync(binary));
      return { path, size: 1, sha256: announced.checksum, digest: announced.checksum };
    },
  };
}

test("a download that was interrupted before it was noted is not taken for a person's when the release has changed", async () => {
  const controller = new AbortController();
  const interrupted = releaseOf("first", controller.signal);
  const download: StageRequest["download"] = async (request) => {
    const downloaded = await interrupted.download(request);
    // It is put in its place, and never asked who it is.
    controller.abort(new NymvisorError({ what: "killed" }));
    return downloaded;
  };
  expect(await failureOfAsync(stage({ ...interrupted, download }))).toMatchObject({ what: "killed" });
  const mended = releaseOf("second");
  expect(await stage(mended)).toMatchObject({ origin: "downloaded", url: "https://example.org/second" });
  expect(downloads).toBe(2);
});
