import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { hostOf, proxyFor, type Variables } from "./proxy.ts";

/**
 * Where a server out on the internet has no business to send us: a request that it makes us send into our own network
 * reaches what it could not reach itself.
 */

/** RFC 6890, 6598, 4193, 4291, 3879: loopback, private, shared, link-local, unique-local, multicast, this host, reserved. */
const INSIDE = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["224.0.0.0", 3],
] as const) {
  INSIDE.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 128],
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 9],
  ["ff00::", 8],
] as const) {
  INSIDE.addSubnet(network, prefix, "ipv6");
}

/** An IPv4 address within an IPv6 one: mapped (RFC 4291 section 2.5.5.2), or behind the well-known NAT64 prefix (RFC 6052). */
const EMBEDDED = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/** Whether an IP address, of either family, is of a private network, of this machine, or of nobody. */
export function isInside(address: string): boolean {
  if (isIP(address) === 4) return INSIDE.check(address, "ipv4");
  // The runtime's URL writes every form of an IPv6 address in the shortest one.
  const shortest = hostOf(new URL(`http://[${address.replace(/%.*$/, "")}]/`));
  const [, high, low] = EMBEDDED.exec(shortest) ?? [];
  if (high === undefined || low === undefined) return INSIDE.check(shortest, "ipv6");
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return INSIDE.check([upper >> 8, upper & 255, lower >> 8, lower & 255].join("."), "ipv4");
}

export interface InsideOptions {
  /** Where the proxies are named: a name that a proxy looks up is not looked up here. */
  environment: Variables;
  signal: AbortSignal;
  /** The addresses of a name; default: the system's resolver. */
  resolve?: (host: string) => Promise<readonly string[]>;
}

/**
 * Whether `to` is inside a private network while `from` is not: the address that says so, or null. A name with several
 * addresses counts as inside for `to` if one of them is, for `from` if all are. A name that cannot be looked up is not
 * judged: nothing can be asked there either. Who answers differently when the name is looked up once more is not caught
 * here, but by TLS, where it is in use.
 * @throws the signal's reason.
 */
export async function leadsInside(from: URL, to: URL, options: InsideOptions): Promise<string | null> {
  if (to.hostname === from.hostname) return null;
  const found = (await addressesOf(to, options)).find(isInside);
  if (found === undefined) return null;
  const origin = await addressesOf(from, options);
  return origin.length > 0 && origin.every(isInside) ? null : found;
}

async function addressesOf(url: URL, { environment, signal, resolve = lookUp }: InsideOptions) {
  const host = hostOf(url).toLowerCase().replace(/\.$/, "");
  if (isIP(host) !== 0) return [host];
  // RFC 6761 section 6.3: these names are this machine, whoever is asked.
  if (host === "localhost" || host.endsWith(".localhost")) return ["127.0.0.1"];
  if (proxyFor(url, environment) !== undefined) return [];
  return untilAborted(resolve(host), signal);
}

async function lookUp(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    // The request itself finds out what is wrong with the name, and says it.
    return [];
  }
}

/** The resolver cannot be called off; nobody waits for it any longer. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
