import { formatDuration } from "../src/model/duration.ts";
import type { Outcomes } from "../src/model/outcomes.ts";
import { buildLayout } from "../src/model/paths.ts";
import { withLock } from "../src/system/lock.ts";
import { switchCurrent } from "../src/upgrade/current.ts";
import { systemError } from "./disk.ts";
import { kindOf } from "./files.ts";
import { beforeRename, isJson, type Mutation, writeOver } from "./mutation.ts";
import type { World } from "./world.ts";

type ReadFile = { (path: string): Buffer; (path: string, encoding: "utf8" | "latin1"): string };

/** What stands in outcomes and notes: enough of it for what is changed here. */
interface Noted {
  progress: Record<string, unknown>;
}

type Verdicts = { outcomes: (Omit<Outcomes["outcomes"][number], "sha256"> & { sha256: string | null })[] };

/** Outcomes that read differently to whoever decides by them; whoever holds the lock is about to write them. */
const outcomesReadAs = (change: (verdicts: Verdicts) => Verdicts): NonNullable<Mutation["disk"]> => {
  return ({ nodes }, _, disk) => ({
    readFileSync: ((path: string, encoding?: "utf8") => {
      const bytes = disk.readFileSync(path);
      const isDocument = kindOf(path) === "outcomes" && !path.includes(".tmp-") && isJson(bytes);
      const locked = disk.existsSync(nodes[0]?.layout.upgradeLock ?? "");
      const text = isDocument && !locked ? JSON.stringify(change(JSON.parse(bytes.toString()))) : undefined;
      if (text === undefined) return encoding === undefined ? bytes : bytes.toString(encoding);
      return encoding === undefined ? Buffer.from(text) : text;
    }) as ReadFile,
  });
};

/** What an earlier run has noted of a probation, as a later one reads it; undefined: as if it were not there. */
const noteReadAs = (change: (note: Noted) => Noted | undefined): NonNullable<Mutation["disk"]> => {
  return (_, __, disk) => {
    let isOwn = false;
    return {
      renameSync(from, to) {
        disk.renameSync(from, to);
        if (kindOf(to) === "probation") isOwn = true;
      },
      readFileSync: ((path: string, encoding?: "utf8") => {
        const bytes = disk.readFileSync(path);
        const isEarlier = kindOf(path) === "probation" && !path.includes(".tmp-") && !isOwn && isJson(bytes);
        if (!isEarlier) return encoding === undefined ? bytes : bytes.toString(encoding);
        const note = change(JSON.parse(bytes.toString()));
        if (note === undefined) throw systemError("ENOENT", "open", path);
        return encoding === undefined ? Buffer.from(JSON.stringify(note)) : JSON.stringify(note);
      }) as ReadFile,
    };
  };
};

/** Journals and notes that are written otherwise. */
const writtenAs = <T>(
  kind: ReturnType<typeof kindOf>,
  change: (document: T) => T | undefined,
): NonNullable<Mutation["disk"]> =>
  beforeRename((disk, temporary, path) => {
    if (kindOf(path) !== kind || path.includes("/last-good/")) return "rename";
    const changed = change(JSON.parse(disk.readFileSync(temporary, "utf8")));
    if (changed !== undefined) writeOver(disk, temporary, changed);
    return "rename";
  });

async function moveCurrentTooEarly({ machine, nodes }: World): Promise<void> {
  const layout = nodes.find(({ nymvisor }) => nymvisor === machine.running)?.layout;
  if (layout === undefined) return;
  const { to } = JSON.parse(machine.observer.readFileSync(layout.wayBack, "utf8")) as { to: { name: string } };
  await withLock(layout.upgradeLock, "too early", () => switchCurrent(layout, buildLayout(layout, to.name)));
}

/** Of what tells whether a version proves itself, and of the way back from one that does not. */
export const wayBackMutations: readonly Mutation[] = [
  { name: "trial-forgotten-at-a-restart", breaks: ["recovers", "bad-bytes"], disk: noteReadAs(() => undefined) },
  {
    name: "failure-forgotten-at-a-restart",
    breaks: ["bad-bytes"],
    disk: noteReadAs((note) => ({
      progress: { ...note.progress, deaths: 0, quits: 0, failed: null },
      ...without(note),
    })),
  },
  {
    name: "proven-by-waiting",
    breaks: ["verdicts"],
    disk: noteReadAs((note) => ({
      progress: { ...note.progress, proven: formatDuration(3_600_000_000_000n) },
      ...without(note),
    })),
  },
  {
    name: "sick-taken-for-well",
    breaks: ["verdicts", "recovers"],
    services: (_, services) => ({
      ...services,
      probe(...values) {
        const probe = services.probe(...values);
        return {
          async look(signal) {
            await probe.look(signal);
            return { well: true, reasons: [] };
          },
        };
      },
    }),
  },
  {
    name: "half-a-home-exchanged",
    breaks: ["put-back"],
    disk: (_, __, disk) => ({
      renameSync(from, to) {
        const isSaved = /\/nymvisor\/(copies|restoring)\//.test(from);
        if (isSaved && /^\/simulated\/nodes\/[^/]+\/data$/.test(to))
          disk.rmSync(from, { force: true, recursive: true });
        else disk.renameSync(from, to);
      },
    }),
  },
  {
    name: "home-put-back-is-not-settled",
    breaks: ["put-back"],
    services: (_, services) => ({ ...services, settleCopy: async (copy) => copy }),
  },
  {
    name: "data-left-behind",
    breaks: ["never-on-newer"],
    disk: (world, process, disk) =>
      // Else it would stay, because nothing seems to be saved.
      world.script.settings.withoutData
        ? writtenAs<Noted>("probation", (note) => ({ ...note, saved: null }))(world, process, disk)
        : {},
  },
  {
    name: "current-moved-back-before-the-home",
    breaks: ["journal-first", "no-downgrade"],
    services: (world, services) => ({
      ...services,
      async settleCopy(...values) {
        await moveCurrentTooEarly(world);
        return services.settleCopy(...values);
      },
      async extractArchive(...values) {
        await moveCurrentTooEarly(world);
        return services.extractArchive(...values);
      },
    }),
  },
  {
    name: "way-back-not-in-the-outcomes",
    breaks: ["verdicts"],
    disk: writtenAs<Verdicts>("outcomes", ({ outcomes }) => ({
      outcomes: outcomes.map((one) => (one.state === "rolled-back" ? { ...one, state: "on-probation" } : one)),
    })),
  },
  {
    name: "passed-before-the-trial",
    breaks: ["verdicts"],
    disk: writtenAs<Verdicts>("outcomes", ({ outcomes }) => ({
      outcomes: outcomes.map((one) => (one.state === "left" ? { ...one, state: "passed" } : one)),
    })),
  },
  {
    name: "bad-bytes-known-by-name-only",
    breaks: ["bad-bytes"],
    disk: outcomesReadAs(({ outcomes }) => ({ outcomes: outcomes.map((one) => ({ ...one, sha256: null })) })),
  },
  {
    name: "trials-of-others-overlooked",
    breaks: ["one-proves-first"],
    disk: outcomesReadAs(({ outcomes }) => ({
      outcomes: outcomes.map((one) => (one.state === "on-probation" ? { ...one, state: "left" } : one)),
    })),
  },
  {
    name: "copy-dropped-before-the-verdict",
    breaks: ["kept"],
    services: (_, services) => ({
      ...services,
      async archiveInBackground(order, options) {
        const archived = await services.archiveInBackground(order, options);
        if ("copy" in order.source) await services.discardCopy(order.source.copy);
        return archived;
      },
    }),
  },
  {
    name: "what-was-put-aside-thrown-away",
    breaks: ["kept"],
    disk: (_, __, disk) => ({
      renameSync(from, to) {
        disk.renameSync(from, to);
        if (/\/rolled-back\/[^/]+\/home\/data$/.test(to)) disk.rmSync(to, { force: true, recursive: true });
      },
    }),
  },
];

function without(note: Noted): Omit<Noted, "progress"> {
  const { progress: _, ...rest } = note;
  return rest;
}
