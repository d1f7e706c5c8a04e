import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RELEASE_STATES } from "../../src/model/releases.ts";
import {
  build,
  bytes,
  DAY,
  day,
  decide,
  HOUR,
  known,
  release,
  running,
  type Sketch,
  states,
  verdictOn,
} from "./train.ts";

/** What runs in most tests: 1.0.0, published on day 0. */
const FIRST = release("1.0.0", { on: 0 });
const RUNS = known(running("1.0.0"));

/** The verdict, on day 10, on a release of day 5 beside the one that runs. */
function verdict(sketch: Omit<Sketch, "on"> & { on?: number }, policy = {}, what = RUNS) {
  const one = release("2.0.0", { on: 5, ...sketch });
  const decision = decide(10, [FIRST, one], what, policy);
  const { state, why, at } = verdictOn(decision, "2.0.0");
  expect(decision.chosen?.release).toBe(state === "chosen" ? one : undefined);
  expect(decision.identify).toBe(state === "unidentified" && at !== null && at <= day(10) ? one : null);
  return { state, why, at };
}

describe("a release is", () => {
  test("chosen if it is newer than what runs, old enough, and has a binary with a checksum", () => {
    expect(verdict({})).toEqual({ state: "chosen", why: "it is the newest that may be taken", at: day(6) });
  });

  test.each([
    ["no-binary", { noBinary: "its files are not uploaded yet" }, {}, "its files are not uploaded yet"],
    ["no-checksum", { bytes: null }, {}, "neither a digest nor a hashes.json"],
    ["chosen", { bytes: null }, { enforceChecksum: false }, "newest"],
    ["no-checksum", { bytes: null, version: null }, { enforceChecksum: false }, "nothing tells its version"],
    ["prerelease", { prerelease: true }, {}, "prerelease"],
    ["chosen", { prerelease: true }, { prereleases: true }, "newest"],
    ["skipped", {}, { skipped: new Set(["2.0.0"]) }, "skipped"],
    ["chosen", {}, { skipped: new Set(["1.0.0", "3.0.0"]) }, "newest"],
    ["refused", { objection: "two assets of that name differ" }, {}, "two assets of that name differ"],
    ["same-bytes", { bytes: "1.0.0", on: -1 }, {}, "1.0.0"],
    ["older", { on: -5 }, {}, "not published later than 1.0.0"],
    ["older", { on: 0, version: "3.0.0" }, {}, "not published later"],
    ["older", { version: "0.9.0" }, {}, "0.9.0 is lower than 1.0.0"],
    ["older", { version: "1.0.0-rc.1" }, {}, "lower"],
    ["chosen", { version: "1.0.0-1" }, {}, "newest"],
    ["refused", { version: "tip" }, {}, '"tip" cannot be compared with 1.0.0'],
    ["refused", { details: build("2.0.0", { binary_name: "nym-api" }) }, {}, "nym-api"],
    ["unidentified", { version: null }, {}, "to be asked for its version"],
    ["refused", { on: 10.1 }, {}, "in the future"],
  ] as const)("%s (case %#)", (state, sketch, policy, why) => {
    const found = verdict(sketch, policy);
    expect(found.state).toBe(state);
    expect(found.why).toContain(why);
  });

  test("refused if its bytes are known to be something else", () => {
    const refused = new Map([[bytes("2.0.0"), "its binary is of another version"]]);
    expect(verdict({}, {}, known(running("1.0.0"), { refused }))).toMatchObject({
      state: "refused",
      why: "its binary is of another version",
    });
  });

  test("what its own binary says it is, whatever its source says", () => {
    const builds = new Map([[bytes("2.0.0"), build("0.5.0")]]);
    expect(verdict({}, {}, known(running("1.0.0"), { builds })).state).toBe("older");
  });

  test("refused rather than performed before, if its bytes failed then", () => {
    const refused = new Map([[bytes("2.0.0"), "these bytes failed"]]);
    const what = known(running("1.0.0"), { refused, performed: new Map([["2.0.0", bytes("2.0.0")]]) });
    expect(verdict({}, {}, what)).toMatchObject({ state: "refused", why: "these bytes failed", at: null });
  });

  test("left alone if it was performed before", () => {
    const what = known(running("1.0.0"), { performed: new Map([["2.0.0", bytes("2.0.0")]]) });
    expect(verdict({}, {}, what)).toMatchObject({ state: "performed", at: null });
    expect(decide(10, [FIRST, release("2.0.0", { on: 5 })], what).warnings).toEqual([]);
  });
});

describe("what runs", () => {
  test("is told with how it was found, and is no candidate", () => {
    const decision = decide(10, [FIRST], RUNS);
    expect(decision.runs).toEqual({ name: "1.0.0", by: "bytes" });
    expect(states(decision)).toEqual({ "1.0.0": "running" });
    expect(decision).toMatchObject({ chosen: null, identify: null, next: null, warnings: [] });
  });

  test("takes no release by itself when it is found by nothing, and every verdict says why", () => {
    const what = known(running("genesis", { build: build("0.1.0-mine", { commit_sha: "unknown" }) }));
    const decision = decide(10, [FIRST, release("2.0.0", { on: 5 })], what);
    expect(decision.chosen).toBe(null);
    expect(decision.runs).toEqual({ unknown: expect.stringContaining("0.1.0-mine") });
    for (const { state, why } of decision.verdicts) {
      expect(state).toBe("not-replaced");
      expect(why).toContain("nymvisor has no record of its release");
    }
  });

  test("that an operator built is not replaced by its own version, but by a higher one", () => {
    const own = running("genesis", { build: build("1.0.0", { commit_sha: "mine" }) });
    const decision = decide(10, [FIRST, release("1.1.0", { on: 5 })], known(own));
    expect(decision.runs).toEqual({ name: "1.0.0", by: "version" });
    expect(states(decision)).toEqual({ "1.1.0": "chosen", "1.0.0": "not-replaced" });
  });

  test("that an operator built is replaced by its own version from a later commit", () => {
    const own = running("genesis", { build: build("1.0.0", { commit_sha: "mine" }) });
    const later = build("1.0.0", { commit_sha: "later", commit_timestamp: "2026-02-01T00:00:00Z" });
    for (const releases of [
      [release("1.0.0-b", { on: 5, details: later }), FIRST],
      [release("1.0.0-b", { on: 5, details: later })],
    ]) {
      expect(decide(10, releases, known(own)).chosen?.release.name).toBe("1.0.0-b");
    }
  });

  test("gives way to other bytes of its version when it is itself a release, found by its bytes or its commit", () => {
    const patch = release("caramello-patch", { on: 5, version: "1.0.0" });
    expect(decide(10, [FIRST, patch], RUNS).chosen?.release).toBe(patch);
    const rebuilt = known(running("1.0.0", { sha256: bytes("elsewhere") }));
    const decision = decide(10, [FIRST, patch], rebuilt);
    expect(decision.runs).toMatchObject({ by: "commit" });
    expect(decision.chosen?.release).toBe(patch);
  });

  test("is not confused by a release that cannot be believed", () => {
    const copies = [
      release("from the future", { on: 20, bytes: "1.0.0" }),
      release("contradictory", { on: 9, bytes: "1.0.0", objection: "conflicting duplicates" }),
    ];
    const decision = decide(10, [FIRST, release("2.0.0", { on: 5 }), ...copies], RUNS);
    expect(decision.runs).toMatchObject({ name: "1.0.0" });
    expect(decision.chosen?.release.name).toBe("2.0.0");
  });

  test("is found by its record once its release was withdrawn, and still moves on", () => {
    const what = known(running("1.0.0", { publishedAt: day(0) }));
    const decision = decide(10, [release("0.9.0", { on: -5 }), release("2.0.0", { on: 5 })], what);
    expect(decision.runs).toEqual({ name: "1.0.0", by: "record" });
    expect(states(decision)).toEqual({ "2.0.0": "chosen", "0.9.0": "older" });
  });
});

describe("a performed release whose bytes change", () => {
  test("is left alone while it runs, with a warning", () => {
    const decision = decide(10, [release("1.0.0", { on: 0, bytes: "others", version: "1.0.0" })], RUNS);
    expect(states(decision)).toEqual({ "1.0.0": "running" });
    expect(decision.warnings).toEqual([expect.stringContaining("1.0.0 was performed")]);
  });

  test("and version, and date, is left alone as well", () => {
    const what = known(running("1.0.0", { publishedAt: day(0) }));
    const again = release("1.0.0", { on: 5, bytes: "others", details: build("1.5.0") });
    for (const releases of [[again], [again, release("copy", { on: -1, bytes: "1.0.0" })]]) {
      const decision = decide(10, releases, what);
      expect(decision.chosen).toBe(null);
      expect(decision.warnings.length).toBe(1);
    }
  });

  test("is known by the name of what runs, where no history tells of it", () => {
    const what = known(running("1.0.0", { publishedAt: day(0) }), { performed: new Map() });
    const decision = decide(10, [release("1.0.0", { on: 5, bytes: "others", details: build("1.5.0") })], what);
    expect(decision.chosen).toBe(null);
    expect(decision.warnings.length).toBe(1);
    const copied = [release("1.0.0", { on: 5, bytes: "others" }), release("copy", { on: -1, bytes: "1.0.0" })];
    expect(states(decide(10, copied, what))).toEqual({ "1.0.0": "performed", copy: "running" });
  });

  test("is warned of when it is an earlier one too", () => {
    const what = known(running("2.0.0"), { performed: new Map([["1.0.0", bytes("1.0.0")]]) });
    const releases = [release("1.0.0", { on: 0, bytes: "others" }), release("2.0.0", { on: 5 })];
    expect(decide(10, releases, what).warnings).toEqual([expect.stringContaining("1.0.0 was performed")]);
  });

  test("is none where nobody knows what was performed", () => {
    const what = known(running("2.0.0"), { performed: new Map([["1.0.0", null]]) });
    expect(decide(10, [release("1.0.0", { on: 0 }), release("2.0.0", { on: 5 })], what).warnings).toEqual([]);
  });
});

describe("a pin", () => {
  const train = [
    FIRST,
    release("1.1.0", { on: 4 }),
    release("1.1.0 again", { on: 5, version: "1.1.0" }),
    release("2.0.0", { on: 6 }),
  ];

  test("by name leaves that release alone", () => {
    const decision = decide(10, train, RUNS, { pin: "1.1.0 again" });
    expect(states(decision)).toEqual({
      "2.0.0": "pinned-away",
      "1.1.0 again": "chosen",
      "1.1.0": "pinned-away",
      "1.0.0": "running",
    });
    expect(verdictOn(decision, "2.0.0").why).toContain("pinned this node to 1.1.0 again");
  });

  test("by version means the newest of them", () => {
    const decision = decide(10, train, RUNS, { pin: "v1.1.0" });
    expect(decision.chosen?.release.name).toBe("1.1.0 again");
    expect(states(decision)["1.1.0"]).toBe("superseded");
    expect(decision.warnings).toEqual([]);
  });

  test("to what runs keeps everything else away, without a warning", () => {
    const decision = decide(10, train, RUNS, { pin: "1.0.0" });
    expect(decision.chosen).toBe(null);
    expect(decision.warnings).toEqual([]);
  });

  test("to what runs needs no release of that name in the list", () => {
    const what = known(running("1.0.0", { publishedAt: day(0) }));
    expect(decide(10, [release("2.0.0", { on: 5 })], what, { pin: "1.0.0" }).warnings).toEqual([]);
  });

  test("to an older one takes no step back", () => {
    const decision = decide(10, [FIRST, release("0.9.0", { on: -4 })], RUNS, { pin: "0.9.0" });
    expect(states(decision)["0.9.0"]).toBe("older");
    expect(decision.chosen).toBe(null);
  });

  test("to nothing that is known is warned of", () => {
    expect(decide(10, train, RUNS, { pin: "9.9.9" }).warnings).toEqual([expect.stringContaining("9.9.9")]);
  });

  test("by version has a release asked for its version, by name it has not", () => {
    const unknown = [FIRST, release("unknown", { on: 5, version: null })];
    expect(decide(10, unknown, RUNS, { pin: "3.0.0" }).identify?.name).toBe("unknown");
    expect(states(decide(10, unknown, RUNS, { pin: "nym-binaries-v3" })).unknown).toBe("pinned-away");
  });
});

describe("of several releases", () => {
  test("the newest of age is chosen, a younger one waits for its own age", () => {
    const train = [FIRST, release("1.1.0", { on: 5 }), release("1.2.0", { on: 6 }), release("1.3.0", { on: 9.5 })];
    const decision = decide(10, train, RUNS);
    expect(states(decision)).toEqual({
      "1.3.0": "too-young",
      "1.2.0": "chosen",
      "1.1.0": "superseded",
      "1.0.0": "running",
    });
    expect(verdictOn(decision, "1.3.0").at).toBe(day(10.5));
    expect(decision.next).toBe(day(10.5));
    expect(decide(10.5, train, RUNS).chosen?.release.name).toBe("1.3.0");
  });

  test("of which none is of age, the one that comes of age first is shown with its time", () => {
    const train = [
      FIRST,
      release("1.1.0", { on: 9.2, uploadedOn: 9.8 }),
      release("1.2.0", { on: 9.5 }),
      release("1.3.0", { on: 9.6 }),
    ];
    const decision = decide(10, train, RUNS);
    expect(states(decision)).toMatchObject({ "1.3.0": "too-young", "1.2.0": "chosen", "1.1.0": "superseded" });
    expect(decision.chosen).toMatchObject({ version: "1.2.0", due: day(10.5), askFrom: day(10.5) });
    expect(decision.next).toBe(day(10.5));
  });

  test("that come of age together, the newest is shown", () => {
    const train = [FIRST, release("1.1.0", { on: 9, uploadedOn: 9.5 }), release("1.2.0", { on: 9.5 })];
    expect(decide(10, train, RUNS).chosen?.release.name).toBe("1.2.0");
  });

  test("a refused one never keeps the one before it waiting", () => {
    for (const sketch of [{ noBinary: "none" }, { bytes: null }, { prerelease: true }, { objection: "bad" }]) {
      const train = [FIRST, release("1.1.0", { on: 5 }), release("1.2.0", { on: 6, ...sketch })];
      expect(decide(10, train, RUNS).chosen?.release.name).toBe("1.1.0");
    }
  });

  test("one that must be asked for its version does not keep the one before it waiting, and is asked once of age", () => {
    const train = [FIRST, release("1.1.0", { on: 5 }), release("unknown", { on: 9.5, version: null })];
    const young = decide(10, train, RUNS);
    expect(young).toMatchObject({ chosen: { version: "1.1.0" }, identify: null, next: day(10.5) });
    expect(verdictOn(young, "unknown")).toMatchObject({ state: "unidentified", version: null, at: day(10.5) });
    expect(decide(10.5, train, RUNS).identify?.name).toBe("unknown");
    const asked = known(running("1.0.0"), { builds: new Map([[bytes("unknown"), build("1.2.0")]]) });
    expect(decide(10.5, train, asked)).toMatchObject({ chosen: { version: "1.2.0" }, identify: null });
  });

  test("one that need not be asked is not: a newer one is taken instead", () => {
    const train = [FIRST, release("unknown", { on: 5, version: null }), release("1.1.0", { on: 6 })];
    const decision = decide(10, train, RUNS);
    expect(decision.identify).toBe(null);
    expect(verdictOn(decision, "unknown")).toMatchObject({ state: "superseded", why: "1.1.0 is taken instead" });
  });

  test("one of age is asked while a newer one is still too young", () => {
    const train = [FIRST, release("unknown", { on: 5, version: null }), release("1.1.0", { on: 9.5 })];
    expect(decide(10, train, RUNS)).toMatchObject({ identify: { name: "unknown" }, chosen: { version: "1.1.0" } });
  });
});

describe("its age", () => {
  test.each([
    ["its publication", {}, 5],
    ["the upload of its binary", { uploadedOn: 7 }, 7],
    ["the change of its binary", { uploadedOn: 6, changedOn: 8 }, 8],
  ])("counts from %s", (since, sketch, from) => {
    const decision = decide(5.5, [FIRST, release("2.0.0", { on: 5, ...sketch })], RUNS);
    expect(decision.chosen?.askFrom).toBe(day(from + 1));
    expect(verdictOn(decision, "2.0.0").why).toContain(`the 1day from ${since} end at`);
  });

  test("may be longer than time lasts", () => {
    const decision = decide(10, [FIRST, release("2.0.0", { on: 5 })], RUNS, { minimumAge: 2n ** 90n });
    expect(verdictOn(decision, "2.0.0").why).toContain("9999-12-31T23:59:59Z");
  });

  test("over before the date of its publication is believed counts for nothing", () => {
    const train = [FIRST, release("2.0.0", { on: 10.1 })];
    expect(decide(10, train, RUNS, { minimumAge: 0n })).toMatchObject({ chosen: null, next: day(10.1) - HOUR });
    expect(decide(10.1, train, RUNS, { minimumAge: DAY }).chosen?.due).toBe(day(11.1));
  });
});

test("the order of the list does not matter", () => {
  const train = [
    FIRST,
    ...["1.1.0", "1.2.0", "1.3.0"].map((name, index) => release(name, { on: 5 + 2 * index })),
    release("x", { on: 5 }),
  ];
  const expected = decide(9.5, train, RUNS);
  fc.assert(
    fc.property(fc.shuffledSubarray(train, { minLength: train.length }), (shuffled) => {
      expect(decide(9.5, shuffled, RUNS)).toEqual(expected);
    }),
  );
});

test("no release at all is no reason to fail", () => {
  expect(decide(10, [], RUNS)).toMatchObject({ chosen: null, identify: null, next: null, verdicts: [] });
});

test("every state is one of the list that scripts may rely on, and every reason is one line without a full stop", () => {
  const sketches: Sketch[] = [
    { on: 5 },
    { on: 6, version: null },
    { on: 7, bytes: null },
    { on: 8, noBinary: "none" },
    { on: 9.9 },
    { on: 3, prerelease: true },
    { on: 2, objection: "bad" },
    { on: -2 },
    { on: 20 },
    { on: 4, bytes: "1.0.0" },
  ];
  const train = sketches.map((sketch, index) => release(`1.${index}.0`, sketch));
  const { verdicts } = decide(10, [FIRST, ...train], RUNS);
  expect(new Set(verdicts.map(({ state }) => state)).size).toBe(8);
  for (const { state, why } of verdicts) {
    expect(RELEASE_STATES).toContain(state);
    expect(why).toMatch(/^[^\n]+[^.\n]$/);
  }
});
