import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { buildLayout } from "../../src/model/paths.ts";
import { type StageRequest, stage } from "../../src/upgrade/stage.ts";
import { readStaged } from "../../src/upgrade/staged.ts";
import { setUp } from "../support/builds.ts";
import { failureOfAsync } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;

beforeEach(() => {
  home = temporaryHome();
});
afterEach(() => home[Symbol.dispose]());

test("nodes that share a build download it once: a second download would replace what the first has verified", async () => {
  const instance = emptyInstance(home);
  const info = upgradeInfo({ platforms: { any: platform("a release") } });
  setUp(instance.layout, info);
  const build = buildLayout(instance.layout, info.name);
  const arrival = Promise.withResolvers<void>();
  let downloads = 0;
  const request: StageRequest = {
    ...instance,
    info,
    platform: "linux-x86_64",
    allowDownload: true,
    enforceChecksum: true,
    allowHttp: false,
    namedBy: null,
    environment: home.env,
    now: NOON,
    askFrom: 0n,
    signal: new AbortController().signal,
    download: async () => {
      downloads += 1;
      await arrival.promise;
      const path = writeSampleDaemon(`${build.bin}/.downloaded-${downloads}`, { version: info.version });
      return { path, size: 1, sha256: platform("a release").checksum, digest: platform("a release").checksum };
    },
  };
  const first = stage(request);
  expect(await failureOfAsync(stage(request))).toMatchObject({ failure: { kind: "busy", pid: process.pid } });
  arrival.resolve();
  const staged = await first;
  if (staged === "fetched") throw new Error("it was old enough");
  expect(await stage(request)).toEqual(staged);
  expect(downloads).toBe(1);
  expect(readStaged(build)).toEqual(staged);
  expect(readdirSync(build.bin)).toEqual([instance.layout.daemon]);
});
