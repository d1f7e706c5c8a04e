import type { Order } from "../model/operator.ts";
import type { Release, Verdict } from "../model/releases.ts";

/**
 * Whether a release that a person has ordered is still there to be performed. Neither its age nor what people or settings
 * say of releases in general counts; a step back is for a person who wants just that.
 */
export function isOrderable(release: Release, { state }: Verdict, order: Order): boolean {
  if (release.objection !== null || "missing" in release.binary) return false;
  if (state === "running" || state === "same-bytes") return false;
  return state !== "older" || order.downgrade;
}
