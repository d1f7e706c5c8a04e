import { NymvisorError } from "../model/errors.ts";
import { printable } from "../model/names.ts";

/**
 * How far a request got: `url` nothing was sent; `connect` no connection (name, TCP, TLS, proxy), or one that broke
 * before an answer; `first-byte` no answer in time; `redirect` an answer that leads nowhere; `status` an answer that is a
 * refusal; `stall`, `deadline` and `body` a body that stopped, took too long, or broke; `size` and `content` a body that
 * is too long or not what was asked for.
 */
export type HttpPhase =
  | "url"
  | "connect"
  | "first-byte"
  | "redirect"
  | "status"
  | "stall"
  | "deadline"
  | "body"
  | "size"
  | "content";

export interface HttpFailure {
  phase: HttpPhase;
  /** What was asked for, as {@link displayUrl} writes it. */
  url: string;
  /** Where redirects had led to, if they had. */
  redirectedTo?: string | undefined;
  /** The proxy that was asked, if one was. */
  proxy?: string | undefined;
  /** The status of the answer, if there was one. */
  status?: number | undefined;
  /** Those of that answer. */
  headers?: Headers | undefined;
  /** The fact, in one line: `it is not found (404)`. */
  detail: string;
  next?: string | undefined;
  cause?: unknown;
}

/** A request that brought no usable answer. */
export class HttpError extends NymvisorError {
  override name = "HttpError";
  readonly phase: HttpPhase;
  readonly url: string;
  readonly status: number | undefined;
  /** What came with the status, such as when to ask again; for the program, not for a log. */
  readonly headers: Headers | undefined;

  constructor(failure: HttpFailure) {
    super({ what: `cannot get ${failure.url}`, why: composeReason(failure), next: failure.next, cause: failure.cause });
    this.phase = failure.phase;
    this.url = failure.url;
    this.status = failure.status;
    this.headers = failure.headers;
  }
}

function composeReason({ redirectedTo, proxy, detail }: HttpFailure): string {
  const way = [
    ...(redirectedTo === undefined ? [] : [`redirected to ${redirectedTo}`]),
    ...(proxy === undefined ? [] : [`through the proxy ${proxy}`]),
  ].join(", ");
  return way === "" ? detail : `${detail} (${way})`;
}

/**
 * A URL fit for a log. Names, passwords and queries are left out: an operator's own may hold a token, and a release
 * host's redirect is signed in its query.
 */
export function displayUrl(url: URL | string): string {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  if (parsed === null) return printable(String(url).replace(/\/\/[^/]*@/, "//***@"));
  const user = parsed.username === "" && parsed.password === "" ? "" : "***@";
  const query = parsed.search === "" ? "" : "?…";
  // The quote is the only character a URL may hold that ends a quoted word in a shell, where people paste this.
  const path = parsed.pathname.replaceAll("'", "%27");
  return printable(`${parsed.protocol}//${user}${parsed.host}${path}${query}`, 300);
}

const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused (ECONNREFUSED)",
  ECONNRESET: "the connection was closed too early (ECONNRESET)",
  ENOTFOUND: "the name of the host is not known (ENOTFOUND)",
  EAI_AGAIN: "the name server does not answer (EAI_AGAIN)",
  EHOSTUNREACH: "no route leads to the host (EHOSTUNREACH)",
  ENETUNREACH: "no route leads to its network (ENETUNREACH)",
  ETIMEDOUT: "the host does not answer (ETIMEDOUT)",
  CERT_HAS_EXPIRED: "its certificate has expired, or this machine's clock is wrong (CERT_HAS_EXPIRED)",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, or this machine's clock is wrong (CERT_NOT_YET_VALID)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host (ERR_TLS_CERT_ALTNAME_INVALID)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself (DEPTH_ZERO_SELF_SIGNED_CERT)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an unknown authority (SELF_SIGNED_CERT_IN_CHAIN)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate comes from an unknown authority (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
  EPROTO: "the TLS handshake failed (EPROTO)",
  ERR_PROXY_TUNNEL: "the proxy refuses a tunnel to the host (ERR_PROXY_TUNNEL)",
  Malformed_HTTP_Response: "what answers there does not speak HTTP",
};

/** What went wrong beneath HTTP, in plain words. */
export function networkReason(error: unknown): string {
  const { code, message } = innermost(error);
  if (code !== undefined) return MEANINGS[code] ?? `the connection failed (${printable(code, 60)})`;
  return `the connection failed (${printable(message)})`;
}

/** ofetch wraps what the runtime's fetch threw. */
function innermost(error: unknown): { code: string | undefined; message: string } {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  if (!(current instanceof Error)) return { code: undefined, message: String(current) };
  const code = "code" in current && typeof current.code === "string" ? current.code : undefined;
  return { code, message: current.message };
}
