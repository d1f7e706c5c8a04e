import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { BuildInfo } from "../../../src/model/build-info.ts";
import { readGolden } from "../../support/golden.ts";
import type { SampleBehaviour } from "../../support/sample-behaviour.ts";
import { writeSampleDaemon } from "../../support/sample-daemon.ts";
import type { TemporaryHome } from "../../support/temporary-home.ts";
import { Instance } from "./instance.ts";

type Version = "1.0.0" | "1.1.0";
type Tree = "after-init" | "after-upgrade";

/** What the golden binaries answered to build-info. */
export function goldenBuildInfo(version: Version): BuildInfo {
  const record = { "1.0.0": "after-init/nym-nodes/n1", "1.1.0": "after-upgrade/nym-nodes/n" }[version];
  return JSON.parse(readGolden(`${record}/nymvisor/current-version.json`)).binaryDetails;
}

/** A sample daemon that answers as the golden binary of that version did. @returns its path. */
export function goldenDaemon(
  home: TemporaryHome,
  version: Version,
  path: string = home.at("golden", version, "nym-node"),
  behaviour: SampleBehaviour = {},
): string {
  return writeSampleDaemon(path, { version, info: goldenBuildInfo(version) }, behaviour);
}

/** With the golden data's word for the home, `@HOME@`. */
export function inGoldenWords(home: TemporaryHome, text: string): string {
  return text.replaceAll(home.path, "@HOME@");
}

/**
 * An instance as the Rust program left it: the golden tree with its types and modes, and sample daemons in the places of
 * the binaries.
 * @param server where its configuration says that releases are announced; nothing listens there unless it is given.
 */
export function layGoldenInstance(home: TemporaryHome, tree: Tree, server = "http://127.0.0.1:1"): Instance {
  const inThisHome = (text: string) => text.replaceAll("@HOME@", home.path).replaceAll("@SERVER@", server);
  for (const line of readGolden(`${tree}/TREE.txt`).trimEnd().split("\n")) {
    const [type, mode = "", name = ""] = line.split(" ");
    const path = home.at(".nym", name);
    if (type === "l") {
      symlinkSync(inThisHome(readGolden(`${tree}/${name}.link`)).trimEnd(), path);
      continue;
    }
    if (type === "d") mkdirSync(path);
    else if (name.endsWith("/bin/nym-node")) goldenDaemon(home, name.includes("genesis") ? "1.0.0" : "1.1.0", path);
    else writeFileSync(path, isKept(name) ? inThisHome(readGolden(`${tree}/${name}`)) : "");
    chmodSync(path, Number.parseInt(mode, 8));
  }
  return new Instance(home, { daemonHome: home.at(".nym/nym-nodes", tree === "after-init" ? "n1" : "n") });
}

/** Of the daemon's own files and of the backup the golden data holds the names only. */
function isKept(name: string): boolean {
  return name.startsWith("nymvisors/") || name.endsWith("current-version.json");
}
