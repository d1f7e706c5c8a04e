import { formatDuration } from "./duration.ts";
import type { Instant } from "./instant.ts";

const SECOND = 1_000_000_000n;

/** How far off a moment is, in the two largest units: `in 3h 20m`, `1day 4h ago`, `just now`. */
export function relativeTo(now: Instant, moment: Instant): string {
  const distance = moment > now ? moment - now : now - moment;
  const whole = distance - (distance % SECOND);
  if (whole === 0n) return "just now";
  const text = formatDuration(whole).split(" ").slice(0, 2).join(" ");
  return moment > now ? `in ${text}` : `${text} ago`;
}
