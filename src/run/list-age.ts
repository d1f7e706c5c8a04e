import type { Duration } from "../model/duration.ts";
import { NymvisorError } from "../model/errors.ts";
import { formatInstant, type Instant } from "../model/instant.ts";
import type { ReleaseList } from "../model/release-list.ts";

/** How old what GitHub has said is, and whether it has said it when it was asked last. */

/** Whether the last question for it was. */
export function isAnswered({ askedAt, answeredAt }: ReleaseList): boolean {
  return answeredAt !== null && answeredAt >= askedAt;
}

/** Why the last question was not answered, for who did not ask it. */
export function unanswered(list: ReleaseList): NymvisorError {
  if (list.waitUntil === null) {
    return new NymvisorError({
      what: `GitHub gave no valid answer when it was asked last, at ${formatInstant(list.askedAt)}`,
      why: "it is asked again when the polling rate (upstream_polling_rate) has passed",
    });
  }
  return new NymvisorError({
    what: waiting(list),
    next: "a token raises the limit: NYMVISOR_GITHUB_TOKEN, or github.token_file",
  });
}

/** That GitHub wants to be left alone. */
export function waiting({ waitUntil }: ReleaseList): string {
  const when = waitUntil === null ? "" : ` before ${formatInstant(waitUntil)}`;
  return `GitHub is not asked${when}: it was asked too often, by this node or others at its address`;
}

/** Whether there is an answer, and the last question, whatever came of it, is less than so long ago. */
export function isFresh(list: ReleaseList, rate: Duration, now: Instant): boolean {
  return list.answeredAt !== null && isWithin(list.askedAt, rate, now);
}

/** Whether it was less than so long ago; a clock that was set back makes it old. */
export function isWithin(moment: Instant | null, duration: Duration, now: Instant): boolean {
  return moment !== null && moment <= now && now - moment < duration;
}
