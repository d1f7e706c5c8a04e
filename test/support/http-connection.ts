import type { Socket } from "bun";

/**
 * HTTP/1.1 on bare sockets, for a server that may break every rule of it: what is written goes out as it is, and when.
 * One request a connection, without a body; whoever connects and says nothing is let be.
 */

export interface RequestHead {
  method: string;
  /** As it came: `/path?query`, or a whole URL where the client took this for its proxy. */
  target: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
}

export interface Listener {
  port: number;
  /** Closes every connection, at once. */
  stop(): void;
}

export interface Certificate {
  cert: string;
  key: string;
}

/** The side of a connection that answers. */
export class Connection {
  /** Once the peer or this side has closed it. */
  readonly closed: Promise<void>;
  isClosed = false;
  /** What this connection is used for once its request has been read, as by a tunnel. */
  onData: ((bytes: Uint8Array) => void) | undefined;
  private readonly markClosed: () => void;
  private wakeWriter: () => void = () => {};

  constructor(private readonly socket: Socket<unknown>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.markClosed = resolve;
  }

  /** @returns whether the kernel took all of it; false once the connection is closed. */
  async write(data: string | Uint8Array): Promise<boolean> {
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (!this.isClosed) {
      const written = this.socket.write(rest);
      if (written >= rest.length) return true;
      rest = rest.subarray(Math.max(written, 0));
      await new Promise<void>((resolve) => {
        this.wakeWriter = resolve;
      });
    }
    return false;
  }

  /** Closes it in order: what was written still arrives. */
  end(): void {
    if (!this.isClosed) this.socket.end();
  }

  /** For the listener: the kernel has room again. */
  drained(): void {
    this.wakeWriter();
  }

  /** For the listener: nothing more can be written. */
  gone(): void {
    this.isClosed = true;
    this.markClosed();
    this.wakeWriter();
  }
}

interface State {
  connection: Connection;
  head: string;
  answered: boolean;
}

/** Listens on a free port of 127.0.0.1. */
export function listenHttp(
  answer: (request: RequestHead, connection: Connection) => void,
  certificate?: Certificate,
): Listener {
  const listener = Bun.listen<State>({
    hostname: "127.0.0.1",
    port: 0,
    ...(certificate === undefined ? {} : { tls: certificate }),
    socket: {
      open(socket) {
        socket.data = { connection: new Connection(socket), head: "", answered: false };
      },
      data({ data: state }, bytes) {
        if (state.answered) {
          state.connection.onData?.(bytes);
          return;
        }
        state.head += bytes.toString("latin1");
        if (!state.head.includes("\r\n\r\n")) return;
        state.answered = true;
        answer(parseHead(state.head), state.connection);
      },
      drain: ({ data }) => data.connection.drained(),
      close: ({ data }) => data.connection.gone(),
      // A client that gives up resets its connection; one that refuses the certificate does so before it is open.
      error: ({ data }: { data?: State }) => data?.connection.gone(),
    },
  });
  return { port: listener.port, stop: () => listener.stop(true) };
}

function parseHead(text: string): RequestHead {
  const [requestLine = "", ...lines] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
  const [method = "", target = ""] = requestLine.split(" ");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { method, target, headers: Object.fromEntries(headers) };
}
