import { displayUrl, HttpError } from "./http-error.ts";

/** The variables that the process was started with. */
export type Variables = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/**
 * The proxy that the usual variables name for a URL: `https_proxy` or `http_proxy` by its scheme, unless `no_proxy` lists
 * its host. The lower-case name wins over the upper-case one, as in curl and in the runtime.
 * @throws {HttpError} if the variable holds no URL of an HTTP proxy.
 */
export function proxyFor(url: URL, environment: Variables): URL | undefined {
  const name = url.protocol === "https:" ? "https_proxy" : "http_proxy";
  const text = environment[name] || environment[name.toUpperCase()];
  if (!text || isExempt(url, environment.no_proxy || environment.NO_PROXY || "")) return undefined;
  const proxy = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (proxy !== null && proxy.hostname !== "" && proxy.protocol in DEFAULT_PORTS) return proxy;
  throw new HttpError({
    phase: "url",
    url: displayUrl(url),
    detail: `the variable ${name} (or ${name.toUpperCase()}) holds no URL of an http or https proxy`,
    next: `write it as ${name}=http://<host>:<port>, or unset it`,
  });
}

/** The port that a URL means, also where it is not written. */
export function portOf({ port, protocol }: URL): number {
  return port === "" ? (DEFAULT_PORTS[protocol] ?? 0) : Number(port);
}

/** A host name for the system, which knows no brackets around an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/**
 * `no_proxy` is a list of hosts, each standing for itself and everything under it, with or without a leading dot and a
 * port; `*` stands for all.
 */
function isExempt(url: URL, list: string): boolean {
  const host = hostOf(url).toLowerCase();
  return list.split(",").some((part) => {
    const entry = part.trim().toLowerCase();
    if (entry === "*") return true;
    const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*|.*:.*:.*))(?::(\d+))?$/.exec(entry) ?? [];
    const name = (bracketed ?? plain ?? "").replace(/^\*?\./, "");
    if (name === "" || (port !== undefined && Number(port) !== portOf(url))) return false;
    return host === name || host.endsWith(`.${name}`);
  });
}
