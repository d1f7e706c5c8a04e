import { expect, test } from "bun:test";
import { formatEndpoint, parseEndpoint } from "../../src/model/endpoint.ts";

test.each([
  ["127.0.0.1:1789", "127.0.0.1", 1789],
  ["[::1]:1789", "::1", 1789],
  ["[::]:8080", "::", 8080],
  ["[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1],
  ["mix-1.example:65535", "mix-1.example", 65_535],
])("%s is an endpoint, and is written as it is read", (text, host, port) => {
  expect(parseEndpoint(text)).toEqual({ host, port });
  expect(formatEndpoint({ host, port })).toBe(text);
});

test.each(["", ":1789", "1789", "127.0.0.1", "::1:1789", "[::1]", "[::g]:1", "[1.2.3.4]:1", "a b:1", "a/b:1", "u@h:1"])(
  "%p is none",
  (text) => {
    expect(() => parseEndpoint(text)).toThrow(RangeError);
    expect(() => parseEndpoint(text)).toThrow("is not host:port, such as 127.0.0.1:1789");
  },
);

test.each(["h:0", "h:65536", "h:99999"])("the port of %s is none", (text) => {
  expect(() => parseEndpoint(text)).toThrow("is not a port; ports are whole numbers from 1 to 65535");
});
