import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Responder, startReleaseServer } from "../../support/release-server.ts";
import { answerWith } from "../../support/responders.ts";
import type { PreparedNode } from "./prepared-node.ts";

/**
 * What a node shows to the network: its pages and its mixnet port, as its configuration names them. They are the test's
 * own, so that no port has to be guessed, and answer as the version should that was started last.
 */
export class NodeFront implements Disposable {
  readonly #node: PreparedNode;
  readonly #pages: Awaited<ReturnType<typeof startReleaseServer>>;
  readonly #mixnet: { stop(closeConnections: boolean): void };
  readonly #sick = new Map<string, Sickness>();

  constructor(
    node: PreparedNode,
    pages: Awaited<ReturnType<typeof startReleaseServer>>,
    mixnet: { stop(closeConnections: boolean): void },
  ) {
    this.#node = node;
    this.#pages = pages;
    this.#mixnet = mixnet;
    this.#serve("health", HEALTH_PAGE, ({ at }) => {
      const uptime = Math.floor((Date.now() - at) / 1000);
      return answerWith(200, JSON.stringify({ status: "up", uptime }));
    });
    this.#serve("build", "/api/v1/build-information", ({ version }) => namesVersion(version));
  }

  #serve(page: keyof Sickness, path: string, well: (started: { version: string; at: number }) => Responder): void {
    this.#pages.serve(path, (exchange) => {
      const started = this.#node.events.of("started").at(-1);
      if (started === undefined) return answerWith(503)(exchange);
      const sick = this.#sick.get(started.version)?.[page];
      return (sick ?? well(started))(exchange);
    });
  }

  /** How many looks were taken at it. */
  get looks(): number {
    return this.#pages.requests.filter(({ path }) => path === HEALTH_PAGE).length;
  }

  /** A version answers so. */
  ails(version: string, sickness: Sickness): void {
    this.#sick.set(version, sickness);
  }

  /** A version names another one as its own. */
  answersAs(version: string, other: string): void {
    this.ails(version, { build: namesVersion(other) });
  }

  closePages(): void {
    this.#pages.close();
  }

  closeMixnet(): void {
    this.#mixnet.stop(true);
  }

  [Symbol.dispose](): void {
    this.closePages();
    this.closeMixnet();
  }
}

export interface Sickness {
  health?: Responder;
  build?: Responder;
}

function namesVersion(version: string): Responder {
  return answerWith(200, JSON.stringify({ binary_name: "nym-node", build_version: version }));
}

const HEALTH_PAGE = "/api/v1/health";

/** @param home where the configuration belongs, if that is not where the node says. */
export async function startFront(node: PreparedNode, home: string = node.daemonHome): Promise<NodeFront> {
  const pages = await startReleaseServer();
  const mixnet = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  mkdirSync(join(home, "config"), { recursive: true });
  const http = pages.url.slice("http://".length);
  writeFileSync(
    join(home, "config", "config.toml"),
    `[http]\nbind_address = '${http}'\n\n[mixnet]\nbind_address = '127.0.0.1:${mixnet.port}'\n`,
  );
  return new NodeFront(node, pages, mixnet);
}
