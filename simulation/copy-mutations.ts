import { basename } from "node:path";
import type { Services } from "../src/run/services.ts";
import type { Disk } from "../src/system/disk.ts";
import type { HomeCopy } from "../src/upgrade/copy/home-copy.ts";
import { leftCopies } from "../src/upgrade/pending-archives.ts";
import { kindOf } from "./files.ts";
import { beforeRename, type Mutation, syncsAreIgnored } from "./mutation.ts";
import type { SimulatedProcess } from "./processes.ts";
import type { World } from "./world.ts";

/** Copies that are finished in another way. */
const finishing =
  (finish: (world: World, copy: HomeCopy, stopped: Stopped) => ReturnType<HomeCopy["finish"]>) =>
  (world: World, services: Services): Services => ({
    ...services,
    async beginCopy(request) {
      const copy = await services.beginCopy(request);
      const altered: Pick<HomeCopy, "round" | "finish" | "discard"> = {
        round: () => copy.round(),
        finish: (stopped) => finish(world, copy, stopped),
        discard: () => copy.discard(),
      };
      return altered as unknown as HomeCopy;
    },
  });

type Stopped = Parameters<HomeCopy["finish"]>[0];

/** What is saved: all but nymvisor's own. */
const isInHome = (path: string) => /^\/simulated\/nodes\/[^/]+\/(?!nymvisor)/.test(path);

const isArchiver = ({ name }: SimulatedProcess) => name.startsWith("archiver");

/** Of what saves a home: its copy, the archive of that, and what becomes of both. */
export const copyMutations: readonly Mutation[] = [
  {
    name: "copy-removed-before-its-archive",
    breaks: ["backed-up"],
    services: (_, services) => ({
      ...services,
      async archiveInBackground(order, options) {
        const [archived] = await Promise.all([
          services.archiveInBackground(order, options),
          "copy" in order.source ? services.discardCopy(order.source.copy) : undefined,
        ]);
        return archived;
      },
    }),
  },
  {
    name: "archive-not-durable",
    breaks: ["backed-up"],
    disk: syncsAreIgnored((path, process) => isArchiver(process) && path.includes("/backups")),
  },
  {
    name: "archive-of-a-copy-that-is-not-settled",
    breaks: ["backed-up"],
    disk: (_, process, disk) => ({
      readFileSync: ((path: string, encoding?: "utf8") => {
        const bytes = disk.readFileSync(path);
        if (!isArchiver(process) || kindOf(path) !== "copy-note" || path.includes(".tmp-"))
          return encoding === undefined ? bytes : bytes.toString(encoding);
        return Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), changes: null }));
      }) as Disk["readFileSync"],
    }),
  },
  {
    name: "log-removed-before-the-tree-is-durable",
    breaks: ["backed-up"],
    disk: syncsAreIgnored((path, process) => isArchiver(process) && kindOf(path) === "copy"),
  },
  {
    name: "rounds-not-durable",
    breaks: ["backed-up"],
    disk: syncsAreIgnored((path, process) => !isArchiver(process) && /\/copies\/[^/]+\/home\//.test(path)),
  },
  {
    name: "finish-not-durable",
    breaks: ["backed-up"],
    disk: syncsAreIgnored((path) => kindOf(path) === "copy" && basename(path) === "changes"),
  },
  {
    name: "changed-files-not-copied-again",
    breaks: ["backed-up"],
    disk: (_, __, disk) => {
      const open = new Map<number, string>();
      const copied = new Map<string, unknown>();
      return {
        openSync(path, flags, mode) {
          const descriptor = disk.openSync(path, flags, mode);
          open.set(descriptor, path);
          return descriptor;
        },
        fstatSync: ((descriptor: number, options?: { bigint: true }) => {
          const stat = options === undefined ? disk.fstatSync(descriptor) : disk.fstatSync(descriptor, options);
          const path = open.get(descriptor) ?? "";
          if (isInHome(path) && options?.bigint) copied.set(path, stat);
          return stat;
        }) as Disk["fstatSync"],
        statSync: ((path: string, options?: { bigint: true; throwIfNoEntry: false }) => {
          const stat = disk.statSync(path, options as { bigint: true; throwIfNoEntry: false });
          return (options?.bigint && stat !== undefined && copied.get(path)) || stat;
        }) as Disk["statSync"],
      };
    },
  },
  {
    name: "silent-stores-overlooked",
    breaks: ["backed-up"],
    // Nothing makes the pages clean before they are read, and nobody asks what is mapped.
    disk: syncsAreIgnored(isInHome),
    services: finishing((_, copy) => copy.finish({ mapped: new Set() })),
  },
  {
    name: "copy-in-use-taken-for-a-left-one",
    breaks: ["backed-up", "recovers"],
    services: (world, services) =>
      finishing(async ({ machine, nodes }, copy, stopped) => {
        const layout = nodes.find(({ nymvisor }) => nymvisor === machine.running)?.layout;
        const left = layout === undefined ? [] : leftCopies(layout, []);
        const [finished] = await Promise.all([
          copy.finish(stopped),
          ...left.map((each) => services.discardCopy(each).catch(() => undefined)),
        ]);
        return finished;
      })(world, services),
  },
  {
    name: "archive-not-ordered",
    breaks: ["backed-up"],
    disk: beforeRename((_, __, path) => (kindOf(path) === "archive-order" ? "drop" : "rename")),
  },
  {
    name: "copies-not-removed",
    breaks: ["recovers"],
    services: (_, services) => ({ ...services, discardCopy: async () => {} }),
  },
];
