import { NymvisorError } from "../../model/errors.ts";
import { listenToSignals } from "../../system/signals.ts";

/** Runs something that Ctrl-C, or whatever else asks a process to end, lets tidy up before it ends. */
export async function untilInterrupted<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const deafen = listenToSignals(true, (signal, meaning) => {
    if (meaning === "stop") controller.abort(new NymvisorError({ what: `stopped by ${signal}` }));
  });
  try {
    return await act(controller.signal);
  } finally {
    deafen();
  }
}
