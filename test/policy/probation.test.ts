import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  beginProbation,
  hasPassed,
  lookedAt,
  NO_PROGRESS,
  nextProbationMoment,
  type Probation,
  type ProbationProgress,
  type ProbationSettings,
  processDied,
  processQuit,
  processStarted,
  progressOf,
  waitedWithoutProcess,
} from "../../src/policy/probation.ts";

/** Monotonic moments count from some boot, and are told in seconds here. */
const SECOND = 1_000_000_000n;
const BOOT = 7n * 3600n * SECOND;
const at = (seconds: number) => BOOT + (BigInt(Math.round(seconds * 1000)) * SECOND) / 1000n;
const seconds = (duration: bigint) => Number(duration) / 1e9;

const WELL = { well: true, reasons: [] };
const UNWELL = { well: false, reasons: ["it answered 503", "port 1789 refused"] };

interface Trying extends Partial<Omit<ProbationSettings, "limit" | "grace" | "interval">> {
  limit?: number;
  grace?: number;
  interval?: number;
  progress?: Partial<ProbationProgress>;
}

function begin({ limit = 90, grace = 0, interval = 5, progress = {}, ...others }: Trying = {}, now = 0): Probation {
  const settings = { limit: at(limit) - BOOT, grace: at(grace) - BOOT, interval: at(interval) - BOOT };
  return beginProbation(
    { name: "1.1.0", version: "1.1.0", noWayBack: null },
    { mostDeaths: 3, mostQuits: 3, ...settings, ...others },
    { ...NO_PROGRESS, ...progress },
    at(now),
  );
}

/** What happens to it, in order: "well", "unwell", "died", "quit" or "started" at a second. */
type Happening = readonly [second: number, what: "well" | "unwell" | "died" | "quit" | "started" | "waited"];

function verdict(probation: Probation): "passed" | "failed" | "goes on" {
  if (probation.failed !== null) return "failed";
  return hasPassed(probation) ? "passed" : "goes on";
}

function goThrough(before: Probation, ...happenings: Happening[]): Probation {
  return happenings.reduce((probation, [second, what]): Probation => {
    const now = at(second);
    switch (what) {
      case "well":
        return lookedAt(probation, WELL, true, now);
      case "unwell":
        return lookedAt(probation, UNWELL, true, now);
      case "died":
        return processDied(probation, "the daemon exited with 1", now);
      case "quit":
        return processQuit(probation, "the daemon ended by itself with 0", now);
      case "started":
        return processStarted(probation, now);
      default:
        return waitedWithoutProcess(probation, now);
    }
  }, before);
}

describe("a version on probation for 90 s", () => {
  test.each<[string, "passed" | "failed" | "goes on", Trying, Happening[]]>([
    [
      "that is well all the time",
      "passed",
      {},
      [
        [0, "well"],
        [45, "well"],
        [90, "well"],
      ],
    ],
    [
      "a moment before its end",
      "goes on",
      {},
      [
        [0, "well"],
        [89.999, "well"],
      ],
    ],
    [
      "that becomes well at two thirds",
      "passed",
      {},
      [
        [30, "unwell"],
        [60, "well"],
        [90, "well"],
      ],
    ],
    [
      "that becomes well a moment later",
      "goes on",
      {},
      [
        [60.001, "well"],
        [90, "well"],
      ],
    ],
    [
      "and is well for long enough after its end",
      "passed",
      {},
      [
        [60.001, "well"],
        [90, "well"],
        [90.001, "well"],
      ],
    ],
    [
      "that is well at the end only",
      "goes on",
      {},
      [
        [60, "unwell"],
        [90, "well"],
      ],
    ],
    [
      "and breaks then",
      "failed",
      {},
      [
        [90, "well"],
        [95, "unwell"],
      ],
    ],
    [
      "and dies then",
      "failed",
      {},
      [
        [90, "well"],
        [95, "died"],
      ],
    ],
    [
      "that is not well at the end",
      "failed",
      {},
      [
        [85, "well"],
        [90, "unwell"],
      ],
    ],
    ["that is not well a moment before", "goes on", {}, [[89.999, "unwell"]]],
    [
      "that flaps",
      "goes on",
      {},
      [
        [61, "well"],
        [70, "unwell"],
        [71, "well"],
        [85, "unwell"],
        [86, "well"],
        [90, "well"],
      ],
    ],
    [
      "that flapped, and is well since then",
      "passed",
      {},
      [
        [85, "unwell"],
        [86, "well"],
        [90, "well"],
        [116, "well"],
      ],
    ],
    [
      "that dies twice",
      "goes on",
      {},
      [
        [1, "died"],
        [2, "died"],
      ],
    ],
    [
      "that dies three times",
      "failed",
      {},
      [
        [1, "died"],
        [2, "died"],
        [3, "died"],
      ],
    ],
    ["that dies once where once is too often", "failed", { mostDeaths: 1 }, [[1, "died"]]],
    [
      "that dies in its last third and is well again",
      "goes on",
      {},
      [
        [0, "well"],
        [61, "died"],
        [62, "started"],
        [62, "well"],
        [90, "well"],
      ],
    ],
    [
      "and stays so",
      "passed",
      {},
      [
        [0, "well"],
        [61, "died"],
        [62, "started"],
        [62, "well"],
        [90, "well"],
        [92, "well"],
      ],
    ],
    [
      "that is down at the end",
      "failed",
      {},
      [
        [80, "died"],
        [90, "waited"],
      ],
    ],
    [
      "that is down a moment before",
      "goes on",
      {},
      [
        [80, "died"],
        [89.999, "waited"],
      ],
    ],
    [
      "that quits twice",
      "goes on",
      {},
      [
        [1, "quit"],
        [2, "quit"],
      ],
    ],
    [
      "that quits three times",
      "failed",
      {},
      [
        [1, "quit"],
        [2, "quit"],
        [3, "quit"],
      ],
    ],
    [
      "that quits and dies, each less than too often",
      "goes on",
      {},
      [
        [1, "quit"],
        [2, "died"],
        [3, "quit"],
        [4, "died"],
      ],
    ],
    [
      "that quits when it had nearly passed",
      "goes on",
      {},
      [
        [0, "well"],
        [89, "quit"],
        [90, "started"],
        [91, "well"],
      ],
    ],
    ["with a grace that is longer", "goes on", { grace: 200 }, [[199, "unwell"]]],
    ["when that grace is over", "failed", { grace: 200 }, [[200, "unwell"]]],
    [
      "and well within it, long enough",
      "passed",
      { grace: 200 },
      [
        [60, "well"],
        [90, "well"],
      ],
    ],
    [
      "and dies within it, less than too often",
      "goes on",
      { grace: 200 },
      [
        [100, "died"],
        [101, "started"],
        [199, "unwell"],
      ],
    ],
    [
      "and is down when it is over",
      "failed",
      { grace: 200 },
      [
        [100, "died"],
        [199, "waited"],
        [200, "waited"],
      ],
    ],
    [
      "with a shorter grace, unwell in it",
      "passed",
      { grace: 30 },
      [
        [29, "unwell"],
        [30, "well"],
        [90, "well"],
      ],
    ],
  ])("%s: %s", (_, expected, trying, happenings) => {
    expect(verdict(goThrough(begin(trying), ...happenings))).toBe(expected);
  });

  test.each<[string, Happening[]]>([
    ["it answered 503; port 1789 refused", [[90, "unwell"]]],
    [
      "the daemon exited with 1, 3 times",
      [
        [1, "died"],
        [2, "died"],
        [3, "died"],
      ],
    ],
    [
      "the daemon ended by itself with 0, 3 times",
      [
        [1, "quit"],
        [2, "quit"],
        [3, "quit"],
      ],
    ],
    ["the daemon exited with 1", [[91, "died"]]],
  ])("has failed because %s", (why, happenings) => {
    expect(goThrough(begin(), ...happenings).failed).toBe(why);
  });

  test("has failed because of what was wrong first", () => {
    expect(goThrough(begin(), [90, "unwell"], [91, "died"], [92, "died"], [93, "died"]).failed).toStartWith(
      "it answered",
    );
  });

  test("that was dead once where that is too often is not told as once", () => {
    expect(goThrough(begin({ mostDeaths: 1 }), [1, "died"]).failed).toBe("the daemon exited with 1");
  });
});

describe("without any time for it, a version", () => {
  const none = { limit: 0 };
  test("passes at the first look", () => {
    expect(verdict(goThrough(begin(none), [1, "started"]))).toBe("goes on");
    expect(verdict(goThrough(begin(none), [1, "started"], [1, "well"]))).toBe("passed");
  });

  test("fails at the first look as well", () => {
    expect(verdict(goThrough(begin(none), [1, "unwell"]))).toBe("failed");
    expect(verdict(goThrough(begin(none), [1, "died"]))).toBe("failed");
  });

  test("may take its grace", () => {
    const probation = goThrough(begin({ limit: 0, grace: 10 }), [9, "unwell"]);
    expect(verdict(probation)).toBe("goes on");
    expect(verdict(goThrough(probation, [9, "well"]))).toBe("passed");
    expect(verdict(goThrough(probation, [10, "unwell"]))).toBe("failed");
  });
});

describe("when nymvisor is started anew", () => {
  /** It goes on from what was noted, an hour later. */
  const later = (probation: Probation, trying: Trying = {}) =>
    begin({ ...trying, progress: progressOf(probation) }, 3600);

  test("the time between counts for nothing", () => {
    const noted = progressOf(goThrough(begin(), [10, "well"], [40, "well"]));
    expect({ ...noted, spent: seconds(noted.spent), proven: seconds(noted.proven) }).toEqual({
      spent: 40,
      proven: 30,
      deaths: 0,
      quits: 0,
      failed: null,
    });
    const again = later(goThrough(begin(), [10, "well"], [40, "well"]));
    expect(progressOf(again)).toEqual(noted);
  });

  test("what was proven goes on where it was, though the daemon has to start first", () => {
    const before = goThrough(begin(), [70, "well"], [85, "well"]);
    const starting = goThrough(later(before), [3600, "started"], [3601, "unwell"], [3605, "well"]);
    expect(verdict(goThrough(starting, [3619.999, "well"]))).toBe("goes on");
    expect(verdict(goThrough(starting, [3620, "well"]))).toBe("passed");
  });

  test("it may take a third of the time to start, and no longer", () => {
    const again = later(goThrough(begin(), [70, "well"], [89, "well"]));
    expect(verdict(goThrough(again, [3629.999, "unwell"]))).toBe("goes on");
    expect(verdict(goThrough(again, [3630, "unwell"]))).toBe("failed");
  });

  test("it may take its grace, where that is longer", () => {
    const again = later(goThrough(begin({ grace: 60 }), [70, "well"], [89, "well"]), { grace: 60 });
    expect(verdict(goThrough(again, [3659, "unwell"]))).toBe("goes on");
  });

  test("unwell after it had been well again loses what was proven", () => {
    const again = goThrough(later(goThrough(begin(), [70, "well"], [89, "well"])), [3600, "well"], [3600.5, "unwell"]);
    expect(seconds(progressOf(again).proven)).toBe(0);
  });

  test.each(["died", "quit"] as const)("a process that %s loses what the earlier run had seen", (how) => {
    const again = goThrough(later(goThrough(begin(), [60, "well"], [89, "well"])), [3600, how], [3601, "started"]);
    expect(seconds(progressOf(again).proven)).toBe(0);
    expect(verdict(goThrough(again, [3602, "well"], [3631.999, "well"]))).toBe("goes on");
    expect(verdict(goThrough(again, [3602, "well"], [3632, "well"]))).toBe("passed");
  });

  test("deaths and ends with 0 count on", () => {
    const before = goThrough(begin(), [1, "died"], [2, "died"], [3, "quit"]);
    expect(progressOf(later(before))).toMatchObject({ deaths: 2, quits: 1 });
    expect(verdict(goThrough(later(before), [3601, "died"]))).toBe("failed");
  });

  test("what has failed has failed", () => {
    expect(verdict(goThrough(later(goThrough(begin(), [90, "unwell"])), [3700, "well"]))).toBe("failed");
  });
});

test("a process that nymvisor itself has stopped and started again keeps what the one before had proven", () => {
  const before = goThrough(begin(), [65, "well"], [90, "well"]);
  const again = goThrough(before, [100, "started"], [101, "unwell"]);
  expect(seconds(progressOf(again).proven)).toBe(25);
  expect(verdict(goThrough(again, [102, "well"], [106.999, "well"]))).toBe("goes on");
  expect(verdict(goThrough(again, [102, "well"], [107, "well"]))).toBe("passed");
  expect(verdict(goThrough(again, [129.999, "unwell"]))).toBe("goes on");
  expect(verdict(goThrough(again, [130, "unwell"]))).toBe("failed");
});

describe("it is looked at", () => {
  const momentOf = (probation: Probation, isRunning = true) => {
    const moment = nextProbationMoment(probation, isRunning);
    return moment === null ? null : seconds(moment - BOOT);
  };

  test("as soon as its process runs, then once an interval", () => {
    expect(momentOf(goThrough(begin(), [3, "started"]))).toBe(3);
    expect(momentOf(goThrough(begin(), [3, "well"]))).toBe(8);
    expect(momentOf(goThrough(begin(), [3, "unwell"]))).toBe(8);
  });

  test("at the moment at which it can pass, if that is sooner", () => {
    expect(momentOf(goThrough(begin(), [0, "well"], [88, "well"]))).toBe(90);
    expect(momentOf(goThrough(begin(), [70, "well"], [97, "well"]))).toBe(100);
    expect(momentOf(goThrough(begin(), [88, "unwell"]))).toBe(93);
  });

  test("not while it is being looked at, nor once it has failed", () => {
    expect(momentOf({ ...begin(), look: { state: "under-way" } })).toBeNull();
    expect(momentOf(goThrough(begin(), [90, "unwell"]))).toBeNull();
  });

  test("not without its process; its time ends all the same", () => {
    expect(momentOf(goThrough(begin(), [10, "died"]), false)).toBe(90);
    expect(momentOf(goThrough(begin({ grace: 120 }), [10, "died"]), false)).toBe(120);
  });

  test("in vain where the process has ended meanwhile", () => {
    const before = goThrough(begin(), [10, "well"], [50, "well"]);
    const after = lookedAt(before, UNWELL, false, at(60));
    expect(after).toMatchObject({ why: null, failed: null });
    expect(seconds(progressOf(after).proven)).toBe(50);
  });
});

/*
 * The model knows every look and every start, and judges from all of them each time; only whole seconds pass. Its only
 * state is the list.
 */
type Step = { wait: number; what: "well" | "unwell" | "died" | "quit" | "restarted" };

interface Event {
  second: number;
  what: Step["what"];
}

class Model {
  readonly events: Event[] = [];

  constructor(private readonly settings: { limit: number; grace: number; most: number }) {}

  verdict(): "passed" | "failed" | "goes on" {
    const { limit, grace, most } = this.settings;
    for (const [index, { second, what }] of this.events.entries()) {
      const until = this.events.slice(0, index + 1);
      const count = (wanted: Step["what"]) => until.filter((event) => event.what === wanted).length;
      if (count("died") >= most || count("quit") >= most) return "failed";
      const isLate = second >= Math.max(limit, grace, this.allowance(until));
      if ((what === "died" && second >= Math.max(limit, grace)) || (what === "unwell" && isLate)) return "failed";
      if (what === "well" && second >= limit && this.wellFor(until) >= limit / 3) return "passed";
    }
    return "goes on";
  }

  /** Where a run of nymvisor that was not the first has not seen it well yet: how far it may get meanwhile. */
  private allowance(until: Event[]): number {
    const { limit, grace } = this.settings;
    const start = until.findLastIndex(({ what }) => what === "restarted");
    const since = until.slice(start + 1);
    const startedAt = until[start]?.second ?? 0;
    const isOver = since.some(({ what }) => what !== "unwell");
    return start === -1 || startedAt === 0 || isOver ? 0 : startedAt + Math.max(grace, limit / 3);
  }

  /** Between looks that found it well, with nothing else between them; a new run of nymvisor goes on from the last one. */
  private wellFor(until: Event[]): number {
    let total = 0;
    let from: number | undefined;
    let last = 0;
    for (const [index, { second, what }] of until.entries()) {
      if (what === "well") {
        from ??= second;
        last = second;
        continue;
      }
      if (from !== undefined) total += last - from;
      from = undefined;
      const isForgiven = what === "unwell" && second < this.allowance(until.slice(0, index + 1));
      if (what !== "restarted" && !isForgiven) total = 0;
    }
    return from === undefined ? total : total + last - from;
  }
}

test("whatever happens to it, it passes and fails exactly when the whole story says so", () => {
  const step = fc.record({
    wait: fc.constantFrom(0, 1, 5, 13, 30),
    what: fc.constantFrom<Step["what"]>("well", "well", "well", "well", "unwell", "died", "quit", "restarted"),
  });
  const setting = fc.record({
    limit: fc.constantFrom(0, 30, 90),
    grace: fc.constantFrom(0, 20, 120),
    most: fc.constantFrom(1, 3, 1000),
  });
  const seen = new Set<string>();
  fc.assert(
    fc.property(setting, fc.array(step, { maxLength: 40 }), ({ limit, grace, most }, steps) => {
      const trying = { limit, grace, mostDeaths: most, mostQuits: most };
      const model = new Model({ limit, grace, most });
      let probation = begin(trying);
      // How far the clock is ahead of the time that counts: what passes between two runs.
      let ahead = 0;
      let second = 0;
      for (const { wait, what } of steps) {
        second += wait;
        if (what === "restarted") {
          // Noted at the last look or death; what came after it is lost.
          second -= wait;
          ahead += 1000;
          probation = begin({ ...trying, progress: progressOf(probation) }, second + ahead);
        } else {
          probation = goThrough(probation, [second + ahead, what]);
          if (what === "died" || what === "quit") probation = goThrough(probation, [second + ahead, "started"]);
        }
        model.events.push({ second, what });
        expect(verdict(probation)).toBe(model.verdict());
        seen.add(verdict(probation));
        if (verdict(probation) !== "goes on") return;
      }
    }),
    { numRuns: 1500 },
  );
  expect([...seen].toSorted()).toEqual(["failed", "goes on", "passed"]);
});

test("what a start takes is no time in which a version could have proven itself", () => {
  const started = goThrough(begin({ limit: 90 }), [60, "started"], [60, "well"]);
  expect(verdict(goThrough(started, [91, "well"]))).toBe("goes on");
  expect(verdict(goThrough(started, [150, "well"]))).toBe("passed");
});
