/** How a run of tests ended, as its JUnit report counts. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Reads the totals of a JUnit report.
 * @throws Error when the text has none.
 */
export function readJunitCounts(report: string): TestCounts {
  const root = /<testsuites\b([^>]*)>/.exec(report)?.[1];
  if (root === undefined) throw new Error("the report has no <testsuites>");
  const count = (name: string): number => {
    const value = new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1];
    if (value === undefined) throw new Error(`the report's <testsuites> has no ${name}`);
    return Number(value);
  };
  const failed = count("failures");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

/** The last line of a test run. */
export function renderCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
