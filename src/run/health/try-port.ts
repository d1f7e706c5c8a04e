import { connect } from "node:net";
import type { Endpoint } from "../../model/endpoint.ts";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { networkReason } from "../../upstream/http-error.ts";

/**
 * Opens a TCP connection and closes it at once. That it is opened is the kernel's doing, for a program that listens; whether
 * the program looks at it nobody can tell.
 * @throws {NymvisorError} if there is none to be had. @throws the signal's reason.
 */
export function tryPort({ host, port }: Endpoint, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port });
    const end = (settle: () => void) => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => end(resolve));
    socket.on("error", (error) => end(() => reject(unreachable({ host, port }, error))));
  });
}

function unreachable({ host, port }: Endpoint, error: unknown): NymvisorError {
  const refused = errorCode(error) === "ECONNREFUSED";
  const what = refused ? "refused the connection" : `cannot be reached: ${networkReason(error)}`;
  return new NymvisorError({ what: `port ${port} of ${host} ${what}`, cause: error });
}
