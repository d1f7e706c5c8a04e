import { connect } from "node:net";
import { hostOf, portOf } from "./proxy.ts";

/**
 * Opens a TCP connection to the URL's host and closes it at once. It tells a host that cannot be reached from one that is
 * slow to answer, which the runtime's fetch does not: it reports nothing between its call and the answer's header, so
 * one limit for both would either give up on slow servers or wait long for dead ones.
 *
 * Any end of the attempt fulfils it, a refused one too: what is wrong is for the request itself to find and say.
 * Rejects with the signal's reason once that is aborted.
 */
export function probe(url: URL, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // Of the runtime's two ways to connect this is the one that can be called off.
    const socket = connect({ host: hostOf(url), port: portOf(url) });
    const end = (settle: () => void) => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    socket.once("connect", () => end(resolve));
    socket.on("error", () => end(resolve));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
