import { describe, expect, test } from "bun:test";
import { readJunitCounts, renderCounts } from "./junit.ts";

describe("the counts of a JUnit report", () => {
  test("are those of its root, not of a suite in it", () => {
    const report = `<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="bun test" tests="13" assertions="3" failures="1" skipped="6" time="0.6">
        <testsuite name="a" tests="4" failures="0" skipped="0"></testsuite>
      </testsuites>`;
    expect(readJunitCounts(report)).toEqual({ passed: 6, failed: 1, skipped: 6 });
  });

  test("are an error when there is no report, or only half of one", () => {
    expect(() => readJunitCounts("")).toThrow("no <testsuites>");
    expect(() => readJunitCounts('<testsuites tests="1" skipped="0">')).toThrow("no failures");
  });

  test("make the last line, which speaks of skipped tests only where there are any", () => {
    expect(renderCounts({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(renderCounts({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});
