import { describe, expect, test } from "bun:test";
import { isInside, leadsInside } from "../../src/upstream/inside.ts";

describe("an address inside a private network", () => {
  test.each([
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:a00:1",
    "64:ff9b::192.168.0.1",
  ])("is %s", (address) => {
    expect(isInside(address)).toBe(true);
  });

  test.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "140.82.121.4",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "2606:50c0:8000::153",
    "::ffff:140.82.121.4",
    "64:ff9b::8c52:7904",
  ])("is not %s", (address) => {
    expect(isInside(address)).toBe(false);
  });
});

describe("a way from one host to another", () => {
  const NAMES: Readonly<Record<string, readonly string[]>> = {
    "public.example": ["140.82.121.4", "2606:50c0:8000::153"],
    "other.example": ["140.82.121.5"],
    "rebound.example": ["140.82.121.6", "127.0.0.1"],
    "intranet.example": ["192.168.1.10"],
    "metadata.example": ["169.254.169.254"],
  };
  const asked: string[] = [];
  const resolve = async (host: string) => {
    asked.push(host);
    return NAMES[host] ?? [];
  };
  const signal = new AbortController().signal;

  function leads(from: string, to: string, environment = {}): Promise<string | null> {
    return leadsInside(new URL(from), new URL(to), { environment, signal, resolve });
  }

  test.each([
    ["https://public.example/", "https://127.0.0.1/", "127.0.0.1"],
    ["https://public.example/", "https://0x7f.1/", "127.0.0.1"],
    ["https://public.example/", "https://2130706433/", "127.0.0.1"],
    ["https://public.example/", "https://[::1]:8080/", "::1"],
    ["https://public.example/", "https://[::ffff:10.0.0.1]/", "::ffff:a00:1"],
    ["https://public.example/", "https://localhost/", "127.0.0.1"],
    ["https://public.example/", "https://LOCALHOST./", "127.0.0.1"],
    ["https://public.example/", "https://a.localhost/", "127.0.0.1"],
    ["https://public.example/", "https://intranet.example/", "192.168.1.10"],
    ["https://public.example/", "https://metadata.example./", "169.254.169.254"],
    ["https://public.example/", "https://rebound.example/", "127.0.0.1"],
    // A name with a foot in both is a public one when it sends us somewhere.
    ["https://rebound.example/", "https://intranet.example/", "192.168.1.10"],
    ["https://unknown.example/", "https://intranet.example/", "192.168.1.10"],
    ["https://140.82.121.4/", "https://10.0.0.1/", "10.0.0.1"],
  ])("from %s to %s leads inside", async (from, to, address) => {
    expect(await leads(from, to)).toBe(address);
  });

  test.each([
    ["https://public.example/", "https://other.example/"],
    ["https://public.example/", "https://unknown.example/"],
    ["https://intranet.example/", "https://127.0.0.1/"],
    ["https://localhost/", "https://intranet.example/"],
    ["https://127.0.0.1:1/", "https://127.0.0.1:2/"],
    ["https://intranet.example/", "https://public.example/"],
    ["https://rebound.example/a", "https://rebound.example/b"],
  ])("from %s to %s does not", async (from, to) => {
    expect(await leads(from, to)).toBeNull();
  });

  const proxied = { https_proxy: "http://proxy.example:3128" };

  test("through a proxy is judged by what is written, as the proxy looks the names up", async () => {
    asked.length = 0;
    expect(await leads("https://public.example/", "https://intranet.example/", proxied)).toBeNull();
    expect(await leads("https://public.example/", "https://10.0.0.1/", proxied)).toBe("10.0.0.1");
    expect(await leads("https://public.example/", "https://localhost/", proxied)).toBe("127.0.0.1");
    expect(asked).toEqual([]);
  });

  test("past the proxy is judged by its addresses", async () => {
    const environment = { ...proxied, no_proxy: "intranet.example" };
    expect(await leads("https://public.example/", "https://intranet.example/", environment)).toBe("192.168.1.10");
  });

  test("is given up with the signal, though the resolver goes on", async () => {
    const controller = new AbortController();
    const options = { environment: {}, signal: controller.signal, resolve: () => new Promise<never>(() => {}) };
    const attempt = leadsInside(new URL("https://a.example"), new URL("https://b.example"), options);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });

  test("is judged by the system's resolver", async () => {
    const options = { environment: {}, signal };
    const from = new URL("https://140.82.121.4");
    expect(await leadsInside(from, new URL("https://no-such-host.invalid"), options)).toBeNull();
  });
});
