import { fileResponder } from "../test/support/file-responder.ts";
import { type ReleaseServer, type Responder, startReleaseServer } from "../test/support/release-server.ts";
import { answerRaw, answerWith, head } from "../test/support/responders.ts";
import { DAEMON } from "./marked-daemon.ts";
import type { Random } from "./random.ts";

export type FlakyWay = keyof typeof WAYS;

/** A release server in a bad state, unless it is told to be kind: it cuts, stalls, crawls, fails, and sends garbage. */
export class FlakyServer {
  /** Everything is served whole and at once. */
  kind = false;
  readonly mishaps: Partial<Record<FlakyWay, number>> = {};
  private releases = 0;

  private constructor(
    private readonly server: ReleaseServer,
    private readonly random: Random,
  ) {}

  static async start(random: Random): Promise<FlakyServer> {
    return new FlakyServer(await startReleaseServer(), random);
  }

  /** What stands in the configuration. */
  get baseUrl(): string {
    return `${this.server.url}/`;
  }

  announce(info: unknown): void {
    this.serve(`/${DAEMON}/upgrade-info.json`, new TextEncoder().encode(JSON.stringify(info, null, 2)));
  }

  /** @returns the address of the bytes. */
  publish(content: Uint8Array): string {
    this.releases += 1;
    const path = `/binaries/${this.releases}`;
    this.serve(path, content);
    return `${this.server.url}${path}`;
  }

  close(): void {
    this.server.close();
  }

  private serve(path: string, content: Uint8Array): void {
    const whole = fileResponder(content);
    this.server.serve(path, (exchange) => (this.kind ? whole : this.draw(content, whole))(exchange));
  }

  /** How this one request is answered. */
  private draw(content: Uint8Array, whole: Responder): Responder {
    const { random } = this;
    const way = random.weighted(WAYS);
    if (way !== "whole") this.mishaps[way] = (this.mishaps[way] ?? 0) + 1;
    const somewhere = random.whole(0, content.length);
    switch (way) {
      case "whole":
        return whole;
      case "cut":
        return fileResponder(content, { cutAfter: somewhere });
      case "slow":
        return fileResponder(content, { bytesPerSecond: (content.length * 1000) / random.between(20, 200) });
      case "stall":
        return stalling(content, somewhere, random.between(5, 120));
      case "error":
        return answerWith(random.pick([500, 502, 503, 404, 429]), "not now\n");
      case "garbage":
        return answerWith(200, random.hex(content.length));
      case "empty":
        return answerRaw("");
    }
  }
}

const WAYS = { whole: 60, cut: 10, slow: 10, stall: 8, error: 6, garbage: 4, empty: 2 } as const;

/** Falls silent for so many milliseconds after so many bytes. */
function stalling(content: Uint8Array, after: number, milliseconds: number): Responder {
  return async ({ connection, writeBody }) => {
    await connection.write(head(200, { "Content-Length": `${content.length}` }));
    await writeBody(content.subarray(0, after));
    await Bun.sleep(milliseconds);
    await writeBody(content.subarray(after));
  };
}
