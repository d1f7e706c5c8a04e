import { expect, test } from "bun:test";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { parseInstant } from "../../src/model/instant.ts";
import { type Level, percentage, progressed, renderEvent } from "../../src/model/render-event.ts";

const SECOND = 1_000_000_000n;
const due = parseInstant("2026-11-21T09:08:32.5Z");
const one = { name: "1.1.0", version: "1.1.0" };

const LINES: readonly (readonly [NymvisorEvent, Level, string])[] = [
  [
    { type: "run.started", instance: "a", version: "0.2.0", pid: 7 },
    "info",
    "nymvisor 0.2.0 runs the instance a (pid 7)",
  ],
  [{ type: "run.ended", exitCode: 0, why: "asked to" }, "info", "nymvisor ends with 0: asked to"],
  [{ type: "run.ended", exitCode: 139, why: "gave up" }, "error", "nymvisor ends with 139: gave up"],
  [{ type: "signal.received", signal: "SIGTERM", meaning: "stop" }, "info", "SIGTERM received: stopping"],
  [
    { type: "signal.received", signal: "SIGTERM", meaning: "stop", secondsLeft: 4 },
    "info",
    "SIGTERM received: the daemon is being stopped already, and has 4 s left",
  ],
  [{ type: "daemon.started", pid: 9, name: "nym-node", version: "1.0.0" }, "info", "nym-node 1.0.0 started (pid 9)"],
  [{ type: "daemon.exited", exitCode: 0, signal: null, ranFor: SECOND }, "info", "the daemon ended with 0 after 1s"],
  [
    { type: "daemon.exited", exitCode: null, signal: "SIGSEGV", ranFor: 61n * SECOND + 500_000_000n },
    "warn",
    "the daemon was ended by SIGSEGV after 1m 1s",
  ],
  [
    { type: "daemon.restart-scheduled", delay: 10n * SECOND, failures: 2, most: 10 },
    "warn",
    "the daemon starts again in 10s; failures in a row: 2 of at most 10",
  ],
  [
    { type: "poll.failed", source: "https://x/upgrade-info.json", reason: "404" },
    "warn",
    "no answer about releases from https://x/upgrade-info.json: 404",
  ],
  [{ type: "poll.nothing-new", source: "https://x", ...one }, "debug", "nothing new at https://x: 1.1.0 is known"],
  [
    { type: "release.refused", name: "a\nb", version: "1", reason: "older" },
    "warn",
    "the release a\\nb (1) is refused: older",
  ],
  [
    { type: "upgrade.queued", ...one, due, replaces: false },
    "info",
    "the upgrade 1.1.0 is in the plan, due 2026-11-21T09:08:32.5Z",
  ],
  [
    { type: "staging.failed", name: "1.1.0", reason: "no space", retryIn: 60n * SECOND },
    "error",
    "the upgrade 1.1.0 could not be staged: no space; trying again in 1m",
  ],
  [
    { type: "upgrade.done", ...one, downtime: 1_234_567_891n },
    "info",
    "the upgrade 1.1.0 is done; the daemon was down for 1s 234ms",
  ],
  [{ type: "upgrade.done", ...one, downtime: null }, "info", "the upgrade 1.1.0 is done"],
  [
    { type: "upgrade.failed", name: "1.1.0", reason: "x", retryIn: null },
    "error",
    "the upgrade 1.1.0 failed: x; not tried again before something changes",
  ],
  [
    { type: "upgrade.manual", ...one, notes: "read\u001b[2J this", source: "https://x" },
    "warn",
    "the upgrade 1.1.0 needs a person: read https://x and start the daemon yourself; its notes: read\\u001b[2J this",
  ],
  [
    { type: "backup.done", name: "1.1.0", path: "/b.tar.gz", bytes: 3 * 1024 * 1024, took: 1_500_000_000n },
    "info",
    "backed up into /b.tar.gz: 3.0 MiB in 1s 500ms",
  ],
  [
    { type: "progress", task: "download", name: "1.1.0", done: 30, total: 100 },
    "info",
    "download of 1.1.0: 30 % (30 B of 100 B)",
  ],
  [{ type: "warning", about: "a", reason: "b" }, "warn", "a: b"],
];

for (const [event, level, message] of LINES) {
  test(`${event.type} is told at level ${level}: ${message}`, () => {
    expect(renderEvent(event)).toEqual({ level, message });
  });
}

test("names from outside drive no terminal, whichever event carries them", () => {
  const hostile = "x\n\u001b]0;y\u0007";
  const events: readonly NymvisorEvent[] = [
    { type: "daemon.started", pid: 1, name: hostile, version: hostile },
    { type: "poll.failed", source: hostile, reason: "r" },
    { type: "poll.recovered", source: hostile },
    { type: "poll.nothing-new", source: hostile, name: hostile, version: hostile },
    { type: "release.refused", name: hostile, version: hostile, reason: "r" },
    { type: "upgrade.queued", name: hostile, version: hostile, due, replaces: true },
    { type: "upgrade.withdrawn", name: hostile },
    { type: "staging.started", name: hostile, version: hostile },
    { type: "upgrade.waiting", name: hostile, reason: "r" },
    { type: "upgrade.started", name: hostile, version: hostile, from: hostile },
    { type: "upgrade.switched", name: hostile, version: hostile },
    { type: "upgrade.aborted", name: hostile, reason: "r" },
    { type: "upgrade.manual", name: hostile, version: hostile, notes: hostile, source: hostile },
    { type: "node.brought-forward", from: hostile, to: hostile },
    { type: "progress", task: "download", name: hostile, done: 1, total: null },
  ];
  for (const event of events) expect(renderEvent(event).message).not.toMatch(/\p{Cc}/u);
});

test("a hundred percents means done, and nothing is ever more", () => {
  expect(percentage(999_999, 1_000_000)).toBe(99);
  expect(percentage(1_000_000, 1_000_000)).toBe(100);
  expect(percentage(2, 1)).toBe(100);
  expect(percentage(-1, 1)).toBe(0);
});

test("of an unknown whole the part is told", () => {
  expect(progressed(2048, null)).toBe("2.0 KiB");
  expect(progressed(0, 0)).toBe("0 B");
});
