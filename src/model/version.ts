/**
 * The order of versions: semver's precedence (semver.org, section 11) for what looks like one, with a leading `v`
 * ignored and missing parts read as 0. What does not look like a version has no order.
 */
const VERSION = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

/** Negative, 0 or positive as `left` ranks below, with or above `right`; undefined if either is no version. */
export function compareVersions(left: string, right: string): number | undefined {
  const a = VERSION.exec(left.trim());
  const b = VERSION.exec(right.trim());
  if (a === null || b === null) return left === right ? 0 : undefined;
  for (const part of [1, 2, 3]) {
    const difference = BigInt(a[part] ?? "0") - BigInt(b[part] ?? "0");
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return comparePrerelease(a[4], b[4]);
}

function comparePrerelease(left: string | undefined, right: string | undefined): number {
  if (left === right) return 0;
  if (left === undefined) return 1;
  if (right === undefined) return -1;
  const a = left.split(".");
  const b = right.split(".");
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const order = compareIdentifier(a[index], b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifier(left: string | undefined, right: string | undefined): number {
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  const numeric = [left, right].map((text) => /^\d+$/.test(text));
  if (numeric[0] && numeric[1]) return BigInt(left) < BigInt(right) ? -1 : BigInt(left) > BigInt(right) ? 1 : 0;
  if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
  return left < right ? -1 : 1;
}
