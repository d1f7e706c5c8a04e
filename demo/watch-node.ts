/** What a node's users see of it: whether it answers, and as which version. */
export interface NodeWatch {
  /** Settles when that version has answered for the first time. */
  answered(version: string): Promise<void>;
  /** Milliseconds between the last answer of one version and the first of another. */
  outage(from: string, to: string): number;
  stop(): Promise<void>;
}

/** How often the node is asked. The measured outage is at most two such pauses too long. */
const ASK_EVERY_MS = 2;

export function watchNode(port: number): NodeWatch {
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  const waiting: { version: string; resolve: () => void }[] = [];
  let stopped = false;
  const ask = async () => {
    while (!stopped) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/api/v1/build-information`, { keepalive: false });
        const { build_version: version } = (await response.json()) as { build_version: string };
        const now = performance.now();
        if (!first.has(version)) first.set(version, now);
        last.set(version, now);
        for (const waiter of waiting) if (waiter.version === version) waiter.resolve();
      } catch {
        // Not there, or just going: that is what is being measured.
      }
      await Bun.sleep(ASK_EVERY_MS);
    }
  };
  const asking = ask();
  return {
    answered(version) {
      if (first.has(version)) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ version, resolve }));
    },
    outage: (from, to) => (first.get(to) ?? Number.NaN) - (last.get(from) ?? Number.NaN),
    async stop() {
      stopped = true;
      await asking;
    },
  };
}
