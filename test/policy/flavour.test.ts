import { describe, expect, test } from "bun:test";
import type { HealthCheck } from "../../src/model/health.ts";
import { flavourOf, type StartedWith } from "../../src/policy/flavour.ts";

function checksOf(daemon: string, started: Partial<StartedWith>): readonly HealthCheck[] {
  const { health } = flavourOf(daemon);
  if (health === null) throw new Error(`nothing is known of ${daemon}`);
  return health.checks({ args: [], variables: {}, tables: undefined, ...started });
}

/** The parts of nym-node's configuration that tell where it listens. */
function nymNode(http: unknown, mixnet: unknown) {
  return { id: "n", http: { bind_address: http }, mixnet: { bind_address: mixnet } };
}

describe("a nym-node", () => {
  test("is asked for its health and its build over HTTP, and for a connection to the mixnet's port", () => {
    expect(checksOf("nym-node", { tables: nymNode("10.1.2.3:8080", "10.1.2.3:1789") })).toEqual([
      { kind: "url", url: "http://10.1.2.3:8080/api/v1/health" },
      { kind: "uptime", url: "http://10.1.2.3:8080/api/v1/health" },
      { kind: "version", url: "http://10.1.2.3:8080/api/v1/build-information" },
      { kind: "port", host: "10.1.2.3", port: 1789 },
    ]);
  });

  test.each([
    ["0.0.0.0:8080", "http://127.0.0.1:8080/"],
    ["[::]:8080", "http://127.0.0.1:8080/"],
    ["127.0.0.1:80", "http://127.0.0.1:80/"],
    ["[::1]:8080", "http://[::1]:8080/"],
    ["[2001:db8::1]:8080", "http://[2001:db8::1]:8080/"],
  ])("that listens at %s is asked at %s", (address, base) => {
    const [first] = checksOf("nym-node", { tables: nymNode(address, undefined) });
    expect(first).toEqual({ kind: "url", url: `${base}api/v1/health` });
  });

  test("is asked where its flags say, else its variables, else its file", () => {
    const tables = nymNode("127.0.0.1:1", "127.0.0.1:2");
    const variables = { NYMNODE_HTTP_BIND_ADDRESS: "127.0.0.1:3", NYMNODE_MIXNET_BIND_ADDRESS: "127.0.0.1:4" };
    const portsOf = (started: Partial<StartedWith>) => {
      const checks = checksOf("nym-node", { tables, ...started });
      return checks.flatMap((check) => {
        if (check.kind === "port") return [check.port];
        return check.kind === "url" ? [Number(new URL(check.url).port)] : [];
      });
    };
    expect(portsOf({})).toEqual([1, 2]);
    expect(portsOf({ variables })).toEqual([3, 4]);
    expect(portsOf({ variables: { NYMNODE_HTTP_BIND_ADDRESS: "" } })).toEqual([1, 2]);
    const args = ["run", "--http-bind-address", "127.0.0.1:5", "--mixnet-bind-address=127.0.0.1:6"];
    expect(portsOf({ variables, args })).toEqual([5, 6]);
    expect(portsOf({ variables, args: ["run", "--http-bind-address"] })).toEqual([3, 4]);
  });

  test("of which nothing is known is asked nothing", () => {
    expect(checksOf("nym-node", {})).toEqual([]);
    expect(checksOf("nym-node", { tables: { http: "no table", mixnet: [] } })).toEqual([]);
    expect(checksOf("nym-node", { tables: nymNode(undefined, "127.0.0.1:2") })).toEqual([
      { kind: "port", host: "127.0.0.1", port: 2 },
    ]);
  });

  test.each([[8080], [true], ["8080"], ["http://x/"], ["127.0.0.1:0"], ["../../etc:1"]])(
    "whose address is %p cannot be asked, and it is said why",
    (address) => {
      expect(() => checksOf("nym-node", { tables: nymNode(address, "127.0.0.1:2") })).toThrow(RangeError);
    },
  );

  test("makes its filters of packets anew", () => {
    expect(flavourOf("nym-node").rebuildable).toEqual(["data/replay-detection/*"]);
  });

  test("has its configuration in its home, or where Nym's script would have had it", () => {
    expect(flavourOf("nym-node").health?.configFiles("/root/.nym/nym-node/n1")).toEqual([
      "/root/.nym/nym-node/n1/config/config.toml",
      "/root/.nym/nym-nodes/n1/config/config.toml",
    ]);
  });
});

test("a nym-api is asked for its health and its build where its configuration or its flag says", () => {
  const tables = { base: { bind_address: "0.0.0.0:8000" } };
  expect(checksOf("nym-api", { tables })).toEqual([
    { kind: "url", url: "http://127.0.0.1:8000/v1/api-status/health" },
    { kind: "uptime", url: "http://127.0.0.1:8000/v1/api-status/health" },
    { kind: "version", url: "http://127.0.0.1:8000/v1/api-status/build-information" },
  ]);
  const [first] = checksOf("nym-api", { tables, args: ["run", "--bind-address=127.0.0.1:9"] });
  expect(first).toEqual({ kind: "url", url: "http://127.0.0.1:9/v1/api-status/health" });
});

test.each(["nym-mixnode", "constructor", ""])("nothing is known of %p", (daemon) => {
  expect(flavourOf(daemon)).toEqual({ rebuildable: [], health: null });
});
