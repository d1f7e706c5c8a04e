import { printable } from "./names.ts";

/** Where something listens for TCP connections. An IPv6 address stands without its brackets. */
export interface Endpoint {
  host: string;
  port: number;
}

const ENDPOINT = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/;

/** Reads `host:port`, an IPv6 address in brackets. @throws {RangeError} that says what is wrong with it. */
export function parseEndpoint(text: string): Endpoint {
  const [, bracketed, plain, digits] = ENDPOINT.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || (bracketed !== undefined && !URL.canParse(`http://[${bracketed}]/`))) {
    throw new RangeError(`"${printable(text)}" is not host:port, such as 127.0.0.1:1789 or [::1]:1789`);
  }
  return { host, port: checkPort(Number(digits)) };
}

/** @returns the number. @throws {RangeError} if nothing can listen there. */
export function checkPort(value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new RangeError(`${value} is not a port; ports are whole numbers from 1 to 65535`);
}

/** As {@link parseEndpoint} reads it, and as it stands in a URL. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
