import { expect, test } from "bun:test";
import { HttpError } from "../../src/upstream/http-error.ts";
import { proxyFor } from "../../src/upstream/proxy.ts";

const P = "http://proxy.lan:3128/";

test.each([
  ["https://nymtech.net/", {}, undefined],
  ["https://nymtech.net/", { https_proxy: P }, P],
  ["https://nymtech.net/", { HTTPS_PROXY: P }, P],
  ["https://nymtech.net/", { https_proxy: P, HTTPS_PROXY: "http://other.lan/" }, P],
  ["https://nymtech.net/", { https_proxy: "", HTTPS_PROXY: P }, P],
  ["https://nymtech.net/", { http_proxy: P }, undefined],
  ["http://nymtech.net/", { http_proxy: P }, P],
  ["http://nymtech.net/", { HTTP_PROXY: P }, P],
  ["http://nymtech.net/", { https_proxy: P }, undefined],
  ["https://nymtech.net/", { https_proxy: "proxy.lan:3128" }, P],
  ["https://nymtech.net/", { https_proxy: "https://proxy.lan" }, "https://proxy.lan/"],
])("for %s with %o the proxy is %p", (url, environment, proxy) => {
  expect(proxyFor(new URL(url), environment)?.href).toBe(proxy);
});

test.each([
  ["*", "https://nymtech.net/", true],
  ["nymtech.net", "https://nymtech.net/", true],
  ["NymTech.NET", "https://nymtech.net/", true],
  ["nymtech.net", "https://www.nymtech.net/", true],
  [".nymtech.net", "https://www.nymtech.net/", true],
  [".nymtech.net", "https://nymtech.net/", true],
  ["*.nymtech.net", "https://www.nymtech.net/", true],
  ["tech.net", "https://nymtech.net/", false],
  ["nymtech.net.evil", "https://nymtech.net/", false],
  ["example.org, nymtech.net", "https://nymtech.net/", true],
  ["nymtech.net:443", "https://nymtech.net/", true],
  ["nymtech.net:8443", "https://nymtech.net/", false],
  ["nymtech.net:8443", "https://nymtech.net:8443/", true],
  ["127.0.0.1", "https://127.0.0.1:9/", true],
  ["127.0.0.1:9", "https://127.0.0.1:9/", true],
  ["::1", "https://[::1]:9/", true],
  ["[::1]", "https://[::1]:9/", true],
  ["[::1]:9", "https://[::1]:9/", true],
  ["[::1]:8", "https://[::1]:9/", false],
  ["", "https://nymtech.net/", false],
  [",", "https://nymtech.net/", false],
])("no_proxy=%s and %s: without the proxy is %p", (list, url, exempt) => {
  expect(proxyFor(new URL(url), { https_proxy: P, no_proxy: list }) === undefined).toBe(exempt);
});

test("NO_PROXY counts where no_proxy is not set", () => {
  expect(proxyFor(new URL("https://nymtech.net/"), { https_proxy: P, NO_PROXY: "nymtech.net" })).toBeUndefined();
});

test.each(["socks5://me:secret@127.0.0.1:1080", "http://", "http://me:secret@:80", "::"])(
  "%p is no proxy, and is not printed",
  (text) => {
    const attempt = () => proxyFor(new URL("https://nymtech.net/"), { https_proxy: text });
    expect(attempt).toThrow(HttpError);
    expect(attempt).toThrow("the variable https_proxy (or HTTPS_PROXY) holds no URL of an http or https proxy");
    expect(attempt).not.toThrow(/secret/);
  },
);
