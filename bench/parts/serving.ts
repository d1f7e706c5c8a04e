import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NEW, OLD, usualWork } from "../home.ts";
import { nextName, type Setting } from "../setting.ts";
import { median, percentile } from "../statistics.ts";
import { Supervised } from "../supervised.ts";
import { endProcess } from "../undo.ts";
import type { Part } from "./part.ts";

const HOME_MIB = 1024;
const QUIET_MS = 6_000;
const MOST_TIMES = 2;

/** How long a node that has just been started, or had its copy removed, is not looked at. */
const SETTLE_MS = 500;

const CLIENT = join(import.meta.dir, "../latency-client.ts");

interface Client {
  /** Ends it. @returns the latency at the 99th percentile, in milliseconds, between two instants. */
  end(): Promise<(from: number, to: number) => number>;
}

/** A node that answers HTTP, asked by another process, while its home is copied, and while the copy is archived. */
export const serving: Part = {
  name: "serving",
  onReflinks: false,
  quick: true,
  async run(setting, site, homes) {
    const { report, options } = setting;
    const home = homes.of(HOME_MIB);
    const figures = { quiet: [] as number[], copy: [] as number[], calm: [] as number[], archive: [] as number[] };
    for (let round = 0; round < Math.min(options.rounds, 2); round += 1) {
      const supervised = new Supervised(setting, home, { atStop: usualWork(home), serves: true, writesNothing: true });
      try {
        await supervised.start();
        const old = await startClient(setting, supervised, OLD);
        await Bun.sleep(SETTLE_MS + QUIET_MS);
        const announced = Date.now();
        supervised.announce();
        await supervised.upgraded();
        const ofOld = await old.end();
        const fresh = await startClient(setting, supervised, NEW);
        const asked = Date.now() + SETTLE_MS;
        await supervised.archived();
        const archived = supervised.log.find("archived")?.at ?? Number.NaN;
        await Bun.sleep(SETTLE_MS);
        const calm = Date.now();
        await Bun.sleep(QUIET_MS);
        const ofNew = await fresh.end();
        const [from, to] = [supervised.log.find("copyStarted"), supervised.log.find("copied")];
        figures.quiet.push(ofOld(announced - QUIET_MS, announced));
        figures.copy.push(ofOld(from?.at ?? Number.NaN, to?.at ?? Number.NaN));
        figures.archive.push(ofNew(asked, archived));
        figures.calm.push(ofNew(calm, calm + QUIET_MS));
      } finally {
        await supervised.end();
      }
    }
    const { quiet, copy, calm, archive } = figures;
    const common = { part: "serving", on: site.name };
    const share = (figure: string, values: readonly number[], floor: readonly number[]) => {
      report.add({ ...common, figure: `99th percentile of latency ${figure}`, unit: "ms", values });
      const times = [median(values) / median(floor)];
      const goal = { most: MOST_TIMES, text: `${MOST_TIMES} times` };
      report.add({ ...common, figure: "in quiet times", unit: "times", values: times, goal });
    };
    report.add({ ...common, figure: "99th percentile of latency, before", unit: "ms", values: quiet });
    share("while the home is copied", copy, quiet);
    report.add({ ...common, figure: "99th percentile of latency, afterwards", unit: "ms", values: calm });
    share("while the archive is made", archive, calm);
  },
};

async function startClient({ folder, undo }: Setting, { events }: Supervised, version: string): Promise<Client> {
  const { port } = await events.wait("listening", { version });
  const path = join(folder, `${nextName()}.latencies.json`);
  const client = Bun.spawn([process.execPath, CLIENT, `${port}`, path], { stdin: "ignore", stdout: "ignore" });
  const forget = undo.add(`the client ${client.pid}`, () => endProcess(client.pid, 1_000));
  return {
    async end() {
      client.kill("SIGTERM");
      await client.exited;
      forget();
      const answers: [at: number, took: number][] = JSON.parse(readFileSync(path, "utf8"));
      return (from, to) => {
        const between = answers.filter(([at]) => at >= from && at < to);
        return percentile(
          between.map(([, took]) => took),
          0.99,
        );
      };
    },
  };
}
