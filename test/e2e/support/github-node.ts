import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildInfo } from "../../../src/model/build-info.ts";
import { type GithubServer, startGithubServer } from "../../support/github-server.ts";
import { writeSampleDaemon } from "../../support/sample-daemon.ts";
import type { SampleEvents } from "../../support/sample-events.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { Instance } from "./instance.ts";
import { type Ended, nymvisor, type RunningNymvisor, sampleEvents, startNymvisor, succeed } from "./nymvisor.ts";
import { trialFor } from "./prepared-node.ts";

/**
 * A node whose releases come from a GitHub of its own.
 *
 * Flow: `await using node = await prepareGithubNode(…)`, put releases into `node.github.releases`, `await using run = await
 * node.run()`, and change the releases.
 */
export class GithubNode extends Instance implements AsyncDisposable {
  readonly events: SampleEvents;

  constructor(
    readonly home: TemporaryHome,
    readonly github: GithubServer,
    private readonly variables: Readonly<Record<string, string>>,
  ) {
    super(home, { id: "node", daemonHome: home.at("node") });
    this.events = sampleEvents(home);
  }

  run(variables: Readonly<Record<string, string>> = {}): Promise<RunningNymvisor> {
    return startNymvisor(this.home, ["run", "run"], { variables: { ...this.variables, ...variables } });
  }

  /** Any other command. */
  type(words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return nymvisor(this.home, words, { variables: { ...this.variables, ...variables } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.github.close();
    this.home[Symbol.dispose]();
  }
}

/** The bytes of a sample daemon of this build. */
export function binaryOf(home: TemporaryHome, build: BuildInfo): Uint8Array {
  const folder = home.at("builds", crypto.randomUUID());
  mkdirSync(folder, { recursive: true });
  return readFileSync(
    writeSampleDaemon(join(folder, build.binary_name), { version: build.build_version, info: build }),
  );
}

/**
 * Takes a binary in with `nymvisor init`. Releases are taken whatever their age, and at once, unless `settings` say
 * otherwise, and GitHub is asked each second.
 */
export async function prepareGithubNode(
  first: (home: TemporaryHome) => Uint8Array,
  settings: Readonly<Record<string, string>> = {},
): Promise<GithubNode> {
  const home = temporaryHome();
  const github = await startGithubServer();
  const variables = {
    NYMVISOR_UPSTREAM_SOURCE: "github",
    NYMVISOR_UPSTREAM_POLLING_RATE: "1s",
    NYMVISOR_GITHUB_API_URL: github.url,
    NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "0s",
    NYMVISOR_POLICY_SPREAD: "0s",
    ...trialFor(settings),
    ...settings,
  };
  mkdirSync(home.at("node"));
  writeFileSync(home.at("node/key.pem"), "the key of the node\n");
  mkdirSync(home.at("first"));
  writeFileSync(home.at("first/nym-node"), first(home), { mode: 0o755 });
  await succeed(home, ["init", "--id", "node", "--daemon-home", home.at("node"), home.at("first/nym-node")], {
    variables,
  });
  return new GithubNode(home, github, variables);
}
