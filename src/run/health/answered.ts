import type { BuildInfo } from "../../model/build-info.ts";
import type { HealthCheck } from "../../model/health.ts";
import { ANSWER_LIMIT, HealthProbe } from "./probe.ts";

/**
 * Those of the checks that the running version passes, in their order: what a firewall, a flag or a setting keeps from us
 * is no sign of a sick node in the next version either. All are asked at once, for 5 s at most.
 * @param expected what runs.
 * @throws the signal's reason, and nothing else.
 */
export async function answeredChecks(
  found: readonly HealthCheck[],
  expected: BuildInfo,
  signal: AbortSignal,
): Promise<HealthCheck[]> {
  const probe = new HealthProbe(found, expected, { commandLimit: ANSWER_LIMIT, environment: {} });
  const verdicts = await probe.verdicts(signal);
  return found.filter((_, index) => verdicts[index] === null);
}
