import { expect, test } from "bun:test";
import { CURRENT_SCHEME, migrate } from "../../src/model/config-migration.ts";

test("tables of the current scheme are left alone", () => {
  expect(
    migrate({ nymvisor: { id: "a", disable_logs: true }, daemon: { failure_restart_delay: "10s" } }),
  ).toBeUndefined();
  expect(migrate({})).toBeUndefined();
});

test("keys spelled like flags get their names of today", () => {
  const migration = migrate({
    nymvisor: { id: "a", disable_nymvisor_logs: true },
    daemon: {
      name: "nym-node",
      home: "/n",
      upstream_absolute_upgrade_url: "",
      allow_download_upgrade_binaries: false,
      restart_daemon_after_upgrade: true,
      restart_daemon_on_failure: true,
      on_failure_daemon_restart_delay: "1s",
      max_daemon_startup_failures: 3,
      daemon_shutdown_grace_period: "5s",
      daemon_backup_data_directory: "/b",
    },
  });
  expect(migration).toMatchObject({
    from: 1,
    to: CURRENT_SCHEME,
    tables: {
      nymvisor: { id: "a", disable_logs: true },
      daemon: {
        name: "nym-node",
        home: "/n",
        absolute_upstream_upgrade_url: "",
        allow_binaries_download: false,
        restart_after_upgrade: true,
        restart_on_failure: true,
        failure_restart_delay: "1s",
        max_startup_failures: 3,
        shutdown_grace_period: "5s",
        backup_data_directory: "/b",
      },
    },
  });
  expect(migration?.formerName("daemon", "failure_restart_delay")).toBe("on_failure_daemon_restart_delay");
  expect(migration?.formerName("daemon", "home")).toBe("home");
});

test.each([
  [{ secs: 120, nanos: 0 }, "2m"],
  [{ secs: 0, nanos: 0 }, "0s"],
  [{ secs: 1, nanos: 500_000_000 }, "1s 500ms"],
])("the duration %j becomes %p", (value, expected) => {
  expect(migrate({ daemon: { shutdown_grace_period: value } })?.tables).toEqual({
    daemon: { shutdown_grace_period: expected },
  });
});

test.each([
  { secs: -1, nanos: 0 },
  { secs: 1.5, nanos: 0 },
  { secs: 1 },
  { secs: 1, nanos: 1e9 },
  { secs: "1", nanos: 0 },
])("%j is no duration, and stays for the check to refuse", (value) => {
  expect(migrate({ daemon: { shutdown_grace_period: value } })).toBeUndefined();
});

test("an old spelling beside the new one, or beside another old one, stays for the check to refuse", () => {
  expect(
    migrate({
      daemon: {
        allow_download_upgrade_binaries: true,
        allow_binaries_download: false,
        upstream_absolute_upgrade_url: "https://a",
        daemon_absolute_upstream_upgrade_url: "https://b",
      },
    })?.tables,
  ).toEqual({
    daemon: {
      allow_download_upgrade_binaries: true,
      allow_binaries_download: false,
      absolute_upstream_upgrade_url: "https://a",
      daemon_absolute_upstream_upgrade_url: "https://b",
    },
  });
});

test("unknown keys, and what is no table, are handed on untouched", () => {
  expect(migrate({ daemon: 3, nymvisor: { disable_nymvisor_logs: false, colour: "red" }, top: [1] })?.tables).toEqual({
    daemon: 3,
    nymvisor: { disable_logs: false, colour: "red" },
    top: [1],
  });
});

test("names of Object's own are no keys of ours", () => {
  const tables = Object.fromEntries([["__proto__", { toString: 1, constructor: 2 }]]);
  expect(migrate(tables)).toBeUndefined();
  expect(migrate({ daemon: { constructor: 1, restart_daemon_on_failure: true } })?.tables).toEqual({
    daemon: { constructor: 1, restart_on_failure: true },
  });
});
