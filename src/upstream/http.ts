import { createFetch, type FetchOptions } from "ofetch";
import { VERSION } from "../system/build-stamp.ts";
import { GiveUp } from "./give-up.ts";
import { displayUrl, HttpError, type HttpFailure, type HttpPhase, networkReason } from "./http-error.ts";
import { leadsInside } from "./inside.ts";
import { probe } from "./probe.ts";
import { proxyFor, type Variables } from "./proxy.ts";

/** The one place that talks HTTP. Every request is a GET, asked once: to try again is for whoever knows when. */

/** In milliseconds. */
export interface Limits {
  connect: number;
  firstByte: number;
  stall: number;
}

export const LIMITS: Limits = {
  /** Three retransmitted SYNs (after 1, 3 and 7 s): a host that has not answered by then is not there. */
  connect: 10_000,
  /** A release host may have to fetch a file from a cold store before its first byte. */
  firstByte: 30_000,
  /** A route that has changed, or a lost packet on a bad line, is recovered from sooner. */
  stall: 30_000,
};

/** Release hosts redirect once or twice (a "latest" address, a signed store); more is a loop. */
export const MOST_REDIRECTS = 5;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const USER_AGENT = `nymvisor/${VERSION}`;

export interface RequestOptions {
  /** Whether `http` will do; otherwise it is refused, also where a redirect leads to it. */
  allowHttp: boolean;
  /** Where the proxies are named. */
  environment: Variables;
  /** Ends the request in any phase, at once; what was called then rejects with the signal's reason. */
  signal: AbortSignal;
  /** `Authorization` goes no further than the URL's own scheme, host and port; the others wherever it is redirected. */
  headers?: Readonly<Record<string, string>>;
  /** The address that named this one, if a server and not a person did: it is judged as a redirect from there. */
  namedBy?: string;
  limits?: Partial<Limits>;
  /** Default: {@link MOST_REDIRECTS}; 0: a redirect is no answer. */
  mostRedirects?: number;
  /** The authorities to trust in place of the runtime's own, in PEM. */
  certificateAuthority?: string;
}

/** An answer whose header is there. Either read {@link Answer.body} to its end, or leave its loop, or discard it. */
export interface Answer {
  /** 2xx; 206 only if a range was asked for; 304 only if `If-None-Match` was, and it has no body then. */
  status: number;
  headers: Headers;
  /**
   * As it comes over the wire, not decompressed. The loop may take its time: the sender is held back meanwhile, and
   * only the waiting for bytes counts as a stall.
   * @throws {HttpError} of phase `stall` or `body`, also when the body is shorter than was announced.
   */
  body: AsyncIterable<Uint8Array>;
  /** Closes the connection. */
  discard(): void;
  /** An error of this request that its reader has found. */
  failure(phase: HttpPhase, detail: string): HttpError;
}

/** @throws {HttpError} @throws the signal's reason. */
export async function request(url: string, options: RequestOptions): Promise<Answer> {
  const asked = displayUrl(url);
  let target = acceptUrl(URL.parse(url), options.allowHttp, { phase: "url", url: asked });
  let from = options.namedBy === undefined ? null : URL.parse(options.namedBy);
  let { headers = {} } = options;
  const limits = { ...LIMITS, ...options.limits };
  const { mostRedirects = MOST_REDIRECTS } = options;
  for (let redirects = 0; ; redirects += 1) {
    const proxy = proxyFor(target, options.environment);
    const way = {
      url: asked,
      redirectedTo: redirects === 0 ? undefined : displayUrl(target),
      proxy: proxy === undefined ? undefined : displayUrl(proxy),
    };
    const exchange = { target, proxy, way, limits, headers, giveUp: new GiveUp(options.signal) };
    if (from !== null) await requireOutside(exchange, from, options.environment);
    const response = await send(exchange, options);
    if (!REDIRECTS.has(response.status)) return answer(exchange, response);
    exchange.giveUp.now(new Error("redirected"));
    const failure: Omit<HttpFailure, "detail"> = { ...way, phase: "redirect", status: response.status };
    if (mostRedirects === 0) {
      throw new HttpError({ ...failure, detail: `it is a redirect (${response.status}), which is not followed` });
    }
    if (redirects === mostRedirects) {
      throw new HttpError({ ...failure, detail: `it was redirected more than ${mostRedirects} times` });
    }
    const location = response.headers.get("location");
    if (location === null) {
      throw new HttpError({ ...failure, detail: `the answer is a redirect (${response.status}) without an address` });
    }
    from = target;
    target = acceptUrl(URL.parse(location, target.href), options.allowHttp, failure);
    if (target.origin !== from.origin) headers = withoutAuthorization(headers);
  }
}

interface Exchange {
  target: URL;
  proxy: URL | undefined;
  /** For messages: what was asked for, and how it got there. */
  way: Pick<HttpFailure, "url" | "redirectedTo" | "proxy">;
  limits: Limits;
  headers: Readonly<Record<string, string>>;
  giveUp: GiveUp;
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

/** Refuses to be sent by a public host into this machine's own network. */
async function requireOutside(exchange: Exchange, from: URL, environment: Variables): Promise<void> {
  const { target, way, limits, giveUp } = exchange;
  try {
    giveUp.after(limits.connect, () => late(exchange, "connect", "no address of the host", limits.connect));
    const inside = await leadsInside(from, target, { environment, signal: giveUp.signal });
    giveUp.inTime();
    if (inside === null) return;
    const what = way.redirectedTo === undefined ? "the address that was named" : "the address it is redirected to";
    throw new HttpError({
      ...way,
      phase: "redirect",
      detail: `${what} is inside a private network (${inside}), and ${displayUrl(from)} is not`,
    });
  } catch (error) {
    giveUp.now(error);
    throw error;
  }
}

function acceptUrl(url: URL | null, allowHttp: boolean, failure: Omit<HttpFailure, "detail">): URL {
  const where = failure.phase === "redirect" ? "the address it is redirected to" : "it";
  if (url === null) throw new HttpError({ ...failure, detail: `${where} is not a URL` });
  if (url.protocol === "https:" || (url.protocol === "http:" && allowHttp)) return url;
  if (url.protocol !== "http:") {
    throw new HttpError({ ...failure, detail: `${where} is neither https nor http: ${displayUrl(url)}` });
  }
  throw new HttpError({
    ...failure,
    detail: `${where} is plain http, which anybody on the way can change: ${displayUrl(url)}`,
    next: "use https; http is taken only from a source whose own URL in the configuration is http",
  });
}

type FetchRaw = ReturnType<typeof createFetch>["raw"];
type StreamOptions = FetchOptions<"stream"> &
  Omit<BunFetchRequestInit, "body" | "headers" | "proxy"> & { proxy: string | false };

const fetchRaw: FetchRaw = createFetch({ fetch: globalThis.fetch }).raw;

/** Sends the request and waits for the header of the answer. */
async function send(exchange: Exchange, options: RequestOptions): Promise<Response> {
  const { target, proxy, way, limits, headers, giveUp } = exchange;
  const fetchOptions: StreamOptions = {
    responseType: "stream",
    retry: 0,
    ignoreResponseError: true,
    redirect: "manual",
    signal: giveUp.signal,
    headers: { Accept: "*/*", ...headers, "User-Agent": USER_AGENT, Connection: "close" },
    decompress: false,
    keepalive: false,
    // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch the verification off.
    tls: {
      rejectUnauthorized: true,
      ...(options.certificateAuthority === undefined ? {} : { ca: options.certificateAuthority }),
    },
    // Said outright too: the probe and the request must go the same way, and `environment` is what counts.
    proxy: proxy?.href ?? false,
  };
  try {
    giveUp.after(limits.connect, () => late(exchange, "connect", "no connection", limits.connect));
    await probe(proxy ?? target, giveUp.signal);
    giveUp.after(limits.firstByte, () => late(exchange, "first-byte", "no answer", limits.firstByte));
    const response = await fetchRaw(target.href, fetchOptions);
    giveUp.inTime();
    return response;
  } catch (error) {
    const reason = giveUp.signal.aborted
      ? giveUp.signal.reason
      : new HttpError({ ...way, phase: "connect", detail: networkReason(error), cause: error });
    giveUp.now(reason);
    throw reason;
  }
}

function late({ way }: Exchange, phase: HttpPhase, what: string, limit: number, status?: number): HttpError {
  return new HttpError({ ...way, phase, status, detail: `${what} within ${limit / 1000} s` });
}

function answer(exchange: Exchange, response: Response): Answer {
  const { way, giveUp } = exchange;
  const { status, headers } = response;
  const failure = (phase: HttpPhase, detail: string) => new HttpError({ ...way, phase, status, headers, detail });
  const discard = () => giveUp.now(new Error("the answer is not wanted"));
  const refusal = refusalOf(status, exchange.headers);
  if (refusal !== undefined) {
    discard();
    throw failure("status", refusal);
  }
  return { status, headers, body: read(exchange, response), discard, failure };
}

function refusalOf(status: number, asked: Readonly<Record<string, string>>): string | undefined {
  if (status === 304 && asked["If-None-Match"] !== undefined) return undefined;
  if (status === 206)
    return asked.Range !== undefined ? undefined : "the server sends a part (206), and all was asked for";
  if (status >= 200 && status < 300) return undefined;
  if (status === 404 || status === 410) return `it is not there (${status})`;
  if (status === 401 || status === 403) return `the server denies access to it (${status})`;
  if (status === 407) return "the proxy wants a name and a password (407)";
  if (status === 429) return "the server was asked too often (429)";
  if (status >= 500 && status < 600) return `the server is in trouble (${status})`;
  return `the server answers with status ${status}`;
}

async function* read(exchange: Exchange, { body, status }: Response): AsyncGenerator<Uint8Array> {
  const { way, limits, giveUp } = exchange;
  const reader = body?.getReader();
  try {
    while (reader !== undefined) {
      giveUp.after(limits.stall, () => late(exchange, "stall", "not another byte came", limits.stall, status));
      const { done, value } = await next(reader, giveUp.signal, (error) => {
        return new HttpError({ ...way, phase: "body", status, detail: networkReason(error), cause: error });
      });
      giveUp.inTime();
      if (done) return;
      yield value;
    }
  } finally {
    giveUp.now(new Error("the answer was read"));
  }
}

async function next(
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read">,
  signal: AbortSignal,
  explain: (error: unknown) => HttpError,
) {
  try {
    return await reader.read();
  } catch (error) {
    throw signal.aborted ? signal.reason : explain(error);
  }
}
