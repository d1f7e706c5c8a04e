import type { Socket } from "bun";
import { type Connection, listenHttp, type RequestHead } from "./http-connection.ts";
import { head } from "./responders.ts";

/**
 * A forward proxy: RFC 9110 section 9.3.6 (CONNECT), RFC 9112 section 3.2.2 (absolute form). It reaches 127.0.0.1 only,
 * whatever host was asked for.
 */
export interface ForwardProxy {
  url: string;
  /** What it was asked for, oldest first: `CONNECT host:port`, `GET http://host/path`. */
  asked: readonly string[];
  requests: readonly RequestHead[];
  close(): void;
}

export interface ForwardProxyOptions {
  /** Refuses with this status instead. */
  status?: number;
}

export function startForwardProxy({ status }: ForwardProxyOptions = {}): ForwardProxy {
  const requests: RequestHead[] = [];
  const listener = listenHttp((request, connection) => {
    requests.push(request);
    if (status === undefined) void forward(request, connection);
    else void connection.write(head(status, { "Content-Length": "0" })).then(() => connection.end());
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    requests,
    get asked() {
      return requests.map(({ method, target }) => `${method} ${target}`);
    },
    close: () => listener.stop(),
  };
}

async function forward({ method, target, headers }: RequestHead, client: Connection): Promise<void> {
  const url = new URL(method === "CONNECT" ? `tunnel://${target}` : target);
  const server: Socket<undefined> = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(url.port),
    socket: {
      data: (_, bytes) => void client.write(new Uint8Array(bytes)),
      close: () => client.end(),
    },
  });
  void client.closed.then(() => server.end());
  if (method === "CONNECT") {
    // What a client sends here is a handshake or a request: never more than the kernel takes at once.
    client.onData = (bytes) => void server.write(bytes);
    await client.write("HTTP/1.1 200 Connected\r\n\r\n");
    return;
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  server.write([`${method} ${url.pathname}${url.search} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
}
