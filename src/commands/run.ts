import { declareCommand } from "./command.ts";

export const run = declareCommand({
  name: "run",
  summary: "Run the node and upgrade it when a release is due",
  args: {},
  transparent: true,
  manual: {
    about:
      "Starts the node and stays with it: looks for releases, makes them ready while the node runs, and when one is due stops the node, backs its home up, switches to the new binary and starts it with the same words.",
    usage: "nymvisor [-c <FILE>] run [--] [WORDS OF THE NODE]…",
    notes: [
      "Every word after run goes to the node as it is, flags included; --help is nymvisor's only as the first word. A leading -- is dropped, so nymvisor run -- --help shows the node's own help.",
      "Ctrl-C and SIGTERM stop the node, then nymvisor; the node gets its grace period (DAEMON_SHUTDOWN_GRACE_PERIOD) to end by itself.",
      "Exit status: 0 when the node ended by itself with 0, or was asked to stop; when it has failed for good its own, or 128 + the signal's number.",
    ],
    examples: [
      { line: "nymvisor run run --id my-node", does: "Runs `nym-node run --id my-node`" },
      { line: "NYMVISOR_ID=second nymvisor run run --id second", does: "One of several instances" },
      { line: "nymvisor run -- --version", does: "Runs `nym-node --version`" },
    ],
    next: [
      { line: "nymvisor daemon-build-info", does: "See which build is the current one" },
      { line: "nymvisor help add-upgrade", does: "How to upgrade to a binary of your own" },
    ],
  },
  async run({ words, environment }) {
    const { run } = await import("../run/run.ts");
    return run(words, environment);
  },
});
