import { gzipSync } from "node:zlib";
import type { Responder } from "./release-server.ts";

/** Answers that are no file: for `ReleaseServer.serve`. */

/** A status with a short body; a body that begins with `<` is called HTML. */
export function answerWith(status: number, body = ""): Responder {
  const type = body.startsWith("<") ? "text/html" : "text/plain";
  const bytes = new TextEncoder().encode(body);
  return async ({ connection, writeBody }) => {
    await connection.write(head(status, { "Content-Type": type, "Content-Length": `${bytes.length}` }));
    await writeBody(bytes);
  };
}

/** @param location absolute or relative, written as it is. */
export function redirectTo(location: string, status = 302): Responder {
  return async ({ connection }) => {
    await connection.write(head(status, { Location: location, "Content-Length": "0" }));
  };
}

/** Takes the request and never says a word. */
export const neverAnswer: Responder = ({ connection }) => connection.closed;

/** Begins its header and never ends it. */
export const neverEndHeader: Responder = async ({ connection }) => {
  await connection.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Sl");
  await connection.closed;
};

/** Exactly this text, and the end of the connection. */
export function answerRaw(text: string): Responder {
  return async ({ connection }) => {
    await connection.write(text);
  };
}

/** A whole answer that promises to keep the connection, and closes it. */
export function answerAndBreakPromise(body: string): Responder {
  return async ({ connection, writeBody }) => {
    const bytes = new TextEncoder().encode(body);
    await connection.write(head(200, { Connection: "keep-alive", "Content-Length": `${bytes.length}` }));
    await writeBody(bytes);
  };
}

/** A body without an end, as fast as it is taken. Without `length` none is announced. */
export function answerEndlessly({
  type = "application/octet-stream",
  length,
}: {
  type?: string;
  length?: number;
} = {}): Responder {
  const block = new Uint8Array(64 * 1024).fill(0x20);
  return async ({ connection, writeBody }) => {
    await connection.write(
      head(200, { "Content-Type": type, ...(length === undefined ? {} : { "Content-Length": `${length}` }) }),
    );
    while (await writeBody(block));
  };
}

/** One byte of a body at a time, each as soon as the last was sent, `pause` milliseconds apart; without an end. */
export function answerDripping(pause: number): Responder {
  return async ({ connection, writeBody }) => {
    await connection.write(head(200, { "Content-Type": "application/json" }));
    while (await writeBody(new Uint8Array([0x20]))) await Bun.sleep(pause);
  };
}

/** A kilobyte for every megabyte that it unfolds to: `bytes` spaces, then nothing. */
export function answerGzipBomb(bytes: number): Responder {
  const block = gzipSync(new Uint8Array(1 << 20).fill(0x20), { level: 9 });
  return async ({ connection, writeBody }) => {
    await connection.write(head(200, { "Content-Type": "application/json", "Content-Encoding": "gzip" }));
    // RFC 1952 section 2.2: members that follow each other unfold to one stream.
    for (let unfolded = 0; unfolded < bytes; unfolded += 1 << 20) if (!(await writeBody(block))) return;
  };
}

/** The first lines of an answer, up to the empty line. */
export function head(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ Connection: "close", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} Status`, ...lines, "", ""].join("\r\n");
}
