import { describe, expect, test } from "bun:test";
import { renderConfiguration } from "../../src/model/render-configuration.ts";
import { type Configuration, configurationSchema, settings } from "../../src/model/settings.ts";
import { describeGolden, readGolden } from "../support/golden.ts";

const HOME = "/home/operator";

/** Every setting at its default, but for what has none. */
function plain(): Configuration {
  const values: Record<string, Record<string, unknown>> = {};
  for (const { table, key, default: value } of settings) values[table] = { ...values[table], [key]: value };
  Object.assign(values.nymvisor ?? {}, { id: "nym-node-default" });
  Object.assign(values.daemon ?? {}, { name: "nym-node", home: `${HOME}/.nym/nym-nodes/n1` });
  return configurationSchema.parse(values);
}

describeGolden("the configuration", () => {
  test.each([
    ["text", "config.txt"],
    ["json", "config.json"],
  ] as const)("as %s is byte for byte what the Rust program prints", (format, file) => {
    expect(renderConfiguration(plain(), format)).toBe(readGolden(file).replaceAll("@HOME@", HOME));
  });
});

describe("values that are set", () => {
  const configuration = plain();
  configuration.nymvisor.upgrade_data_directory = '/srv/a "b"';
  configuration.daemon.shutdown_grace_period = 90_000_000_000n;
  configuration.daemon.max_startup_failures = 0;

  test("show in the text, quoted where they might be absent", () => {
    const text = renderConfiguration(configuration, "text");
    expect(text).toContain('\nCUSTOM upgrade data directory      "/srv/a \\"b\\""\n');
    expect(text).toContain("\nshutdown grace period:             1m 30s\n");
    expect(text).toContain("\nmax startup failures:              0\n");
  });

  test("show in the JSON, durations as a person writes them", () => {
    const { nymvisor, daemon } = JSON.parse(renderConfiguration(configuration, "json"));
    expect(nymvisor.upgrade_data_directory).toBe('/srv/a "b"');
    expect(daemon).toMatchObject({
      shutdown_grace_period: "1m 30s",
      max_startup_failures: 0,
      backup_data_directory: null,
    });
  });
});

test("the settings stand in the JSON in the order of their table", () => {
  const { nymvisor, daemon } = JSON.parse(renderConfiguration(plain(), "json"));
  const shared = (table: string) => settings.filter((row) => row.table === table && !row.own).map(({ key }) => key);
  expect(Object.keys(nymvisor)).toEqual(shared("nymvisor"));
  expect(Object.keys(daemon)).toEqual(shared("daemon"));
});
