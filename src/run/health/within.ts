import { type Duration, formatDuration, toMilliseconds } from "../../model/duration.ts";
import { NymvisorError } from "../../model/errors.ts";
import { systemClock } from "../../system/clock.ts";

/**
 * What `ask` answers, unless it takes longer than `limit`. Its signal is aborted by then, at the latest, and whoever asks
 * has to end with it.
 * @param late the sentence that says so, up to the time.
 * @throws {NymvisorError} of that sentence. @throws the signal's reason.
 */
export async function within<T>(
  limit: Duration,
  { signal, late }: { signal: AbortSignal; late: string },
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
  const onCaller = () => controller.abort(signal.reason);
  signal.addEventListener("abort", onCaller, { once: true });
  const cancelLimit = systemClock.after(toMilliseconds(limit), () => {
    controller.abort(new NymvisorError({ what: `${late} within ${formatDuration(limit)}` }));
  });
  try {
    return await Promise.race([ask(controller.signal), givenUp]);
  } finally {
    cancelLimit();
    signal.removeEventListener("abort", onCaller);
  }
}
