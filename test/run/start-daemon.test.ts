import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { buildLayout } from "../../src/model/paths.ts";
import { startBuild } from "../../src/run/start-daemon.ts";
import { readCurrent } from "../../src/upgrade/current.ts";
import { STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;

beforeEach(() => {
  home = temporaryHome();
});
afterEach(() => home[Symbol.dispose]());

test("the build that was looked at is started, though another node moves current on in between", async () => {
  const { layout, emit } = emptyInstance(home);
  setUpStaged(layout);
  const genesis = buildLayout(layout, "genesis");
  rmSync(genesis.staged);
  const program = `#!/bin/sh
case "$*" in *build-info*)
  ln -sfn upgrades/1.1.0 ${layout.current}
  echo '${JSON.stringify(sampleBuildInfo({ version: "1.0.0" }))}'
  exit ;;
esac
echo "$0" > ${home.at("started")}
`;
  for (const { binary } of [genesis, buildLayout(layout, "1.1.0")]) {
    writeFileSync(binary, program);
    chmodSync(binary, 0o755);
  }
  const signal = new AbortController().signal;
  const context = { layout, environment: home.env, clock: STANDING_CLOCK, emit, signal };
  const { daemon, name } = await startBuild(context, ["run"]);
  await daemon.ended;
  expect(readCurrent(layout)).toBe("1.1.0");
  expect(name).toBe("genesis");
  expect(readFileSync(home.at("started"), "utf8")).toBe(`${genesis.binary}\n`);
});
