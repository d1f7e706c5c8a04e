import { type FileBehaviour, fileResponder } from "./file-responder.ts";
import { type Certificate, type Connection, listenHttp, type RequestHead } from "./http-connection.ts";
import { answerWith } from "./responders.ts";

/**
 * A release server on 127.0.0.1 that can misbehave, for tests of the parts and of the whole executable.
 *
 * Flow: `startReleaseServer`, `serveFile` the binary, `announce` it, point nymvisor at `url`, await `nextRequest` or
 * `sent`, `close`. What is served can be exchanged at any time. The ways to misbehave are the fields of `FileBehaviour`
 * and the functions of `responders.ts`.
 */
export interface ReleaseServer {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url: string;
  /** Every request so far, oldest first. */
  requests: readonly ReceivedRequest[];
  /** Serves `info` as JSON at `/<daemon>/upgrade-info.json`; text and bytes as they are. */
  announce(daemon: string, info: unknown): void;
  /** Serves bytes, or the file at a path as it is at each request. */
  serveFile(path: string, content: Uint8Array | string, behaviour?: FileBehaviour): void;
  /** Serves anything else. */
  serve(path: string, respond: Responder): void;
  /** From now on the path is not found. */
  remove(path: string): void;
  /** The oldest request of this path that was not returned yet; waits for one if there is none. */
  nextRequest(path: string): Promise<ReceivedRequest>;
  close(): void;
}

export interface ReceivedRequest extends RequestHead {
  /** Without the query. */
  path: string;
  /** Bytes of the body that the kernel has taken. */
  readonly bytesSent: number;
  /** Once that many bytes of the body were sent. Never, if the answer ends before. */
  sent(bytes: number): Promise<void>;
  /** Once the connection is closed, by either side. */
  closed: Promise<void>;
}

/** Answers one request. The connection is closed when it returns, or when its promise is fulfilled. */
export type Responder = (exchange: Exchange) => Promise<void> | void;

export interface Exchange {
  request: ReceivedRequest;
  connection: Connection;
  /** Writes a part of the body and counts it. @returns false once the connection is closed. */
  writeBody(data: Uint8Array): Promise<boolean>;
}

export interface ReleaseServerOptions {
  /** Serves https with this certificate. */
  certificate?: Certificate;
  /** Answers what is served nowhere; default: 404. */
  otherwise?: Responder;
}

export async function startReleaseServer({
  certificate,
  otherwise = answerWith(404, "nothing is served here\n"),
}: ReleaseServerOptions = {}): Promise<ReleaseServer> {
  const responders = new Map<string, Responder>();
  const requests: ReceivedRequest[] = [];
  const arrivals = new Map<string, Arrivals>();

  const listener = listenHttp((head, connection) => {
    const request = new CountedRequest(head, connection.closed);
    requests.push(request);
    arrivalsOf(arrivals, request.path).add(request);
    const respond = responders.get(request.path) ?? otherwise;
    void conduct(respond, request, connection);
  }, certificate);

  const server: ReleaseServer = {
    url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${listener.port}`,
    requests,
    announce(daemon, info) {
      const raw = typeof info === "string" || info instanceof Uint8Array;
      const body = raw ? info : JSON.stringify(info, null, 2);
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      server.serveFile(`/${daemon}/upgrade-info.json`, bytes, { headers: { "Content-Type": "application/json" } });
    },
    serveFile: (path, content, behaviour) => void responders.set(path, fileResponder(content, behaviour)),
    serve: (path, respond) => void responders.set(path, respond),
    remove: (path) => void responders.delete(path),
    nextRequest: (path) => arrivalsOf(arrivals, path).next(),
    close: () => listener.stop(),
  };
  return server;
}

async function conduct(respond: Responder, request: CountedRequest, connection: Connection): Promise<void> {
  const writeBody = async (data: Uint8Array) => {
    const taken = await connection.write(data);
    if (taken) request.count(data.length);
    return taken;
  };
  await respond({ request, connection, writeBody });
  connection.end();
}

class CountedRequest implements ReceivedRequest {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  bytesSent = 0;
  private waiting: { bytes: number; resolve: () => void }[] = [];

  constructor(
    head: RequestHead,
    readonly closed: Promise<void>,
  ) {
    this.method = head.method;
    this.target = head.target;
    this.headers = head.headers;
    this.path = head.target.replace(/^https?:\/\/[^/]*/, "").replace(/\?.*/s, "");
  }

  sent(bytes: number): Promise<void> {
    if (this.bytesSent >= bytes) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ bytes, resolve }));
  }

  count(bytes: number): void {
    this.bytesSent += bytes;
    for (const entry of this.waiting) if (this.bytesSent >= entry.bytes) entry.resolve();
    this.waiting = this.waiting.filter((entry) => this.bytesSent < entry.bytes);
  }
}

/** The requests of one path, in order, for those who wait for them. */
class Arrivals {
  private readonly unread: ReceivedRequest[] = [];
  private readonly readers: ((request: ReceivedRequest) => void)[] = [];

  add(request: ReceivedRequest): void {
    const reader = this.readers.shift();
    if (reader === undefined) this.unread.push(request);
    else reader(request);
  }

  next(): Promise<ReceivedRequest> {
    const request = this.unread.shift();
    if (request !== undefined) return Promise.resolve(request);
    return new Promise((resolve) => this.readers.push(resolve));
  }
}

function arrivalsOf(arrivals: Map<string, Arrivals>, path: string): Arrivals {
  const known = arrivals.get(path) ?? new Arrivals();
  arrivals.set(path, known);
  return known;
}
