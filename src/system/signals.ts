/**
 * The signals that reach nymvisor itself. Without a handler most of them would end it and leave the daemon without a
 * parent, so every one that can be caught is.
 */

/** "stop": the daemon is stopped and nymvisor ends. "reload": look for news now. "none": noted, nothing is done. */
export type SignalMeaning = "stop" | "reload" | "none";

const STOP = ["SIGINT", "SIGTERM", "SIGQUIT"] as const;

/**
 * What a service manager or a person may send by mistake. SIGCHLD, SIGCONT, SIGWINCH, SIGURG do nothing by default;
 * SIGTSTP, SIGTTIN and SIGTTOU stop and continue as in every program; SIGPIPE and SIGPWR are the
 * runtime's, which ignores them when they come from outside.
 */
const HARMLESS = ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGXCPU", "SIGXFSZ"] as const;

/**
 * @param onTerminal nymvisor belongs to a terminal. Then SIGHUP says that the terminal is gone, and means stop;
 *   otherwise it is the customary "reload" of services (systemd's ExecReload).
 * @returns a function that takes the handlers away again.
 */
export function listenToSignals(
  onTerminal: boolean,
  heard: (signal: string, meaning: SignalMeaning) => void,
): () => void {
  const meanings = new Map<NodeJS.Signals, SignalMeaning>([
    ...STOP.map((signal) => [signal, "stop"] as const),
    ...HARMLESS.map((signal) => [signal, "none"] as const),
    ["SIGHUP", onTerminal ? "stop" : "reload"],
  ]);
  const handlers = [...meanings].map(([signal, meaning]) => {
    const handler = () => heard(signal, meaning);
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
