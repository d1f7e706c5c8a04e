import type { Plan } from "../src/model/documents.ts";
import { buildLayout } from "../src/model/paths.ts";
import type { Disk } from "../src/system/disk.ts";
import { withLock } from "../src/system/lock.ts";
import { switchCurrent } from "../src/upgrade/current.ts";
import type { Journal } from "../src/upgrade/journal.ts";
import { requirePlan, writePlan } from "../src/upgrade/shared-documents.ts";
import { copyMutations } from "./copy-mutations.ts";
import { systemError } from "./disk.ts";
import { isDocument, kindOf } from "./files.ts";
import { beforeRename, isJson, locksAreIgnored, type Mutation, syncsAreIgnored, writeOver } from "./mutation.ts";
import { wayBackMutations } from "./way-back-mutations.ts";

export const mutations: readonly Mutation[] = [
  {
    name: "no-fsync-before-rename",
    breaks: ["whole-documents", "whole-current", "backed-up"],
    disk: (_, __, disk) => ({
      fsyncSync(descriptor) {
        if (disk.fstatSync(descriptor).isDirectory()) disk.fsyncSync(descriptor);
      },
    }),
  },
  {
    name: "no-fsync-of-folder",
    breaks: ["never-lost", "backed-up", "whole-current", "recovers", "journal-first"],
    disk: (_, __, disk) => ({
      fsyncSync(descriptor) {
        if (!disk.fstatSync(descriptor).isDirectory()) disk.fsyncSync(descriptor);
      },
    }),
  },
  {
    name: "upgrade-lock-ignored",
    breaks: ["locked-writes", "never-lost"],
    disk: locksAreIgnored((path) => kindOf(path) === "upgrade-lock"),
  },
  {
    name: "turn-ignored",
    // Two that upgrade at once write over each other's journal, and with it what became of their versions.
    breaks: ["one-at-a-time"],
    overlooks: ["verdicts"],
    disk: locksAreIgnored((path) => kindOf(path) === "turn-lock"),
  },
  {
    name: "instance-lock-ignored",
    breaks: ["one-daemon"],
    disk: locksAreIgnored((path) => !/\/(upgrade|turn)\.lock$/.test(path)),
  },
  {
    name: "lock-released-early",
    breaks: ["locked-writes", "never-lost"],
    disk: (_, __, disk) => {
      const open = new Map<number, string>();
      return {
        openSync(path, flags, mode) {
          const descriptor = disk.openSync(path, flags, mode);
          open.set(descriptor, path);
          return descriptor;
        },
        tryExclusiveLock(descriptor) {
          const path = open.get(descriptor) ?? "";
          const taken = disk.tryExclusiveLock(descriptor);
          if (taken && kindOf(path) === "upgrade-lock") disk.unlinkSync(path);
          // What the code compares afterwards must be there.
          if (taken && kindOf(path) === "upgrade-lock") disk.closeSync(disk.openSync(path, 0o102, 0o644));
          return taken;
        },
        // It takes the new file for the one that it has locked.
        fstatSync: ((descriptor: number, options?: { bigint: true }) => {
          const path = open.get(descriptor) ?? "";
          if (kindOf(path) === "upgrade-lock" && disk.existsSync(path)) return disk.statSync(path);
          return options === undefined ? disk.fstatSync(descriptor) : disk.fstatSync(descriptor, options);
        }) as Disk["fstatSync"],
      };
    },
  },
  {
    name: "switch-before-backup",
    breaks: ["backed-up", "journal-first"],
    services: ({ nodes }, services) => ({
      ...services,
      async backUp(request) {
        const layout = nodes.find((node) => node.layout.home === request.home)?.layout;
        if (layout !== undefined) {
          await withLock(layout.upgradeLock, "too early", () =>
            switchCurrent(layout, buildLayout(layout, request.name)),
          );
        }
        return services.backUp(request);
      },
    }),
  },
  {
    name: "no-backup",
    breaks: ["backed-up"],
    services: (_, services) => ({
      ...services,
      backUp: async ({ backups }) => ({
        path: backups,
        bytes: 0,
        files: 0,
        sourceBytes: 0,
        leftOut: [],
        disturbed: [],
      }),
    }),
  },
  {
    name: "no-look-at-the-room",
    breaks: ["ready-before-stop"],
    services: (_, services) => ({
      ...services,
      checkBackupRoom: async () => ({
        files: 1,
        sourceBytes: 1,
        archiveBytes: 1,
        needed: 1,
        available: 2,
        forCopy: { needed: 1, available: 0 },
      }),
    }),
  },
  {
    name: "journal-written-late",
    breaks: ["journal-first"],
    disk: beforeRename((disk, temporary, path) => {
      if (kindOf(path) !== "journal") return "rename";
      const { state } = JSON.parse(disk.readFileSync(temporary, "utf8")) as Journal;
      return state === "switching" ? "drop" : "rename";
    }),
  },
  {
    name: "journal-not-durable",
    breaks: ["journal-first"],
    disk: syncsAreIgnored((path) => kindOf(path) === "journal"),
  },
  {
    name: "journal-ahead-of-what-is-done",
    breaks: ["backed-up"],
    disk: beforeRename((disk, temporary, path) => {
      if (kindOf(path) !== "journal") return "rename";
      const journal = JSON.parse(disk.readFileSync(temporary, "utf8")) as Journal;
      // What its node is brought forward to is done for whoever finds it: nobody saves the home any more.
      const isAhead = journal.kind === "forward" && journal.state !== "switching";
      if (isAhead) writeOver(disk, temporary, { ...journal, state: "recording" });
      return "rename";
    }),
  },
  {
    name: "journal-not-removed",
    breaks: ["recovers", "one-daemon", "never-lost"],
    disk: (_, __, disk) => ({
      unlinkSync(path) {
        if (kindOf(path) !== "journal") disk.unlinkSync(path);
      },
    }),
  },
  {
    name: "current-replaced-in-two-steps",
    breaks: ["whole-current"],
    disk: (_, __, disk) => ({
      renameSync(from, to) {
        if (kindOf(to) === "current" && disk.lstatSync(to, { throwIfNoEntry: false }) !== undefined)
          disk.unlinkSync(to);
        disk.renameSync(from, to);
      },
    }),
  },
  {
    name: "documents-written-in-place",
    breaks: ["whole-documents", "recovers"],
    disk: (_, __, disk) => ({
      renameSync(from, to) {
        if (!isDocument(kindOf(to)) || !disk.existsSync(to)) return disk.renameSync(from, to);
        writeOver(disk, to, JSON.parse(disk.readFileSync(from, "utf8")));
        disk.unlinkSync(from);
      },
    }),
  },
  {
    name: "lock-outlives-its-holder",
    breaks: ["recovers"],
    disk: ({ memory }, process, disk) => {
      const open = new Map<number, string>();
      return {
        openSync(path, flags, mode) {
          const descriptor = disk.openSync(path, flags, mode);
          open.set(descriptor, path);
          return descriptor;
        },
        tryExclusiveLock(descriptor) {
          const path = open.get(descriptor) ?? "";
          if (kindOf(path) !== "run-lock") return disk.tryExclusiveLock(descriptor);
          if (memory.has(path) && memory.get(path) !== process) return false;
          memory.set(path, process);
          return true;
        },
        unlinkSync(path) {
          disk.unlinkSync(path);
          if (kindOf(path) === "run-lock") memory.delete(path);
        },
      };
    },
  },
  {
    name: "plan-read-before-the-lock",
    breaks: ["locked-writes"],
    disk: ({ memory }, process, disk) => ({
      readFileSync: ((path: string, encoding?: "utf8") => {
        if (kindOf(path) !== "plan" || path.includes(".tmp-"))
          return encoding === undefined ? disk.readFileSync(path) : disk.readFileSync(path, encoding);
        const remembered = memory.get(process);
        const bytes = remembered instanceof Uint8Array ? Buffer.from(remembered) : disk.readFileSync(path);
        memory.set(process, bytes);
        return encoding === undefined ? bytes : bytes.toString(encoding);
      }) as Disk["readFileSync"],
    }),
  },
  {
    name: "name-taken-as-a-path",
    breaks: ["own-paths"],
    disk: (_, __, disk) => ({
      mkdirSync(path, options) {
        disk.mkdirSync(path, options);
        if (/\/upgrades\/[^/]+$/.test(path)) disk.mkdirSync(`${path.replace(/\/upgrades\//, "/")}-elsewhere`, options);
      },
    }),
  },
  {
    name: "notes-given-to-the-daemon",
    breaks: ["own-paths"],
    spawn: (request) => ({ ...request, environment: { ...request.environment, NOTES: "from upstream" } }),
  },
  {
    name: "backups-open-to-others",
    breaks: ["private-backups"],
    disk: (_, __, disk) => {
      const open = new Map<number, string>();
      return {
        openSync(path, flags, mode) {
          const descriptor = disk.openSync(path, flags, mode);
          open.set(descriptor, path);
          return descriptor;
        },
        fchmodSync(descriptor, mode) {
          disk.fchmodSync(descriptor, kindOf(open.get(descriptor) ?? "") === "backup" ? 0o644 : mode);
        },
      };
    },
  },
  {
    name: "reasons-not-told",
    breaks: ["never-lost"],
    disk: beforeRename((_, __, path) => (kindOf(path) === "status" ? "drop" : "rename")),
  },
  {
    name: "every-entry-taken-for-a-persons",
    breaks: ["no-downgrade"],
    disk: ({ nodes }, _, disk) => ({
      readFileSync: ((path: string, encoding?: "utf8") => {
        const bytes = disk.readFileSync(path);
        // Whoever holds the lock is about to write, and would leave what is really a person's alone.
        const locked = disk.existsSync(nodes[0]?.layout.upgradeLock ?? "");
        const announced = kindOf(path) === "announcement" && path.includes("/upgrades/") && !path.includes(".tmp-");
        if (locked || !announced || !isJson(bytes)) return encoding === undefined ? bytes : bytes.toString(encoding);
        const info = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
        const changed = JSON.stringify({ ...info, notes: "changed by a person", beingQueued: false });
        return encoding === undefined ? Buffer.from(changed) : changed;
      }) as Disk["readFileSync"],
    }),
  },
  {
    name: "stop-not-passed-on",
    breaks: ["stops"],
    child: (world, child) => ({
      ...child,
      signal: (name) => {
        if (world.restarting) child.signal(name);
      },
      killGroup: () => {
        if (world.restarting) child.killGroup();
      },
    }),
  },
  {
    name: "mistake-in-a-timer",
    breaks: ["no-mistakes"],
    services: (_, services) => ({
      ...services,
      releaseMemory() {
        throw new TypeError("undefined is not a function");
      },
    }),
  },
  {
    name: "orphans-not-looked-for",
    breaks: ["one-daemon"],
    blind: true,
    disk: (_, __, disk) => ({
      readFileSync: ((path: string, encoding?: "utf8") => {
        if (kindOf(path) === "daemon-note" && !path.includes(".tmp-")) throw systemError("ENOENT", "open", path);
        return encoding === undefined ? disk.readFileSync(path) : disk.readFileSync(path, encoding);
      }) as Disk["readFileSync"],
    }),
  },
  {
    name: "entry-dropped-before-the-switch",
    breaks: ["never-lost"],
    services: ({ nodes }, services) => ({
      ...services,
      async backUp(request) {
        const layout = nodes.find((node) => node.layout.home === request.home)?.layout;
        if (layout !== undefined) {
          await withLock(layout.upgradeLock, "too early", () => {
            const plan = requirePlan(layout);
            writePlan(layout, { ...plan, queuedUp: plan.queuedUp.filter(({ name }) => name !== request.name) });
          });
        }
        return services.backUp(request);
      },
    }),
  },
  {
    name: "announcement-forgets-the-plan",
    breaks: ["never-lost"],
    disk: beforeRename((disk, temporary, path) => {
      if (kindOf(path) !== "plan" || path.includes(".tmp-")) return "rename";
      const plan = JSON.parse(disk.readFileSync(temporary, "utf8")) as Plan;
      if (plan.queuedUp.length > 1) writeOver(disk, temporary, { ...plan, queuedUp: plan.queuedUp.slice(-1) });
      return "rename";
    }),
  },
  {
    name: "history-written-twice",
    breaks: ["never-lost"],
    disk: beforeRename((disk, temporary, path) => {
      if (kindOf(path) !== "history") return "rename";
      const { history } = JSON.parse(disk.readFileSync(temporary, "utf8")) as { history: unknown[] };
      writeOver(disk, temporary, { history: [...history, history.at(-1)] });
      return "rename";
    }),
  },
  {
    name: "history-not-written",
    breaks: ["never-lost", "recovers"],
    disk: beforeRename((_, __, path) => (kindOf(path) === "history" ? "drop" : "rename")),
  },
  {
    name: "checksum-not-checked",
    breaks: ["verified-first"],
    services: ({ upstream }, services) => {
      upstream.checks = false;
      return services;
    },
  },
  {
    name: "binary-not-looked-at-again",
    breaks: ["whole-current", "ready-before-stop", "recovers"],
    disk: ({ memory }, _, disk) => ({
      // A note is believed, whatever lies there by now.
      statSync: ((path: string, options?: { bigint?: true; throwIfNoEntry?: false }) => {
        const stat = disk.statSync(path, options as { bigint: true });
        if (kindOf(path) !== "binary" || !options?.bigint || !path.includes("/upgrades/")) return stat;
        const noted = memory.get(path);
        return noted === undefined ? stat : Object.assign(Object.create(stat as object), noted);
      }) as Disk["statSync"],
      renameSync(from, to) {
        disk.renameSync(from, to);
        if (kindOf(to) !== "staged-note") return;
        const binary = to.replace("staged.json", "bin/nym-node");
        const { ino, size, mtimeNs, ctimeNs } = disk.statSync(binary, { bigint: true });
        memory.set(binary, { ino, size, mtimeNs, ctimeNs });
        memory.set(`${binary} bytes`, disk.readFileSync(binary));
      },
      openSync(path, flags, mode) {
        const descriptor = disk.openSync(path, flags, mode);
        memory.set(descriptor, path);
        return descriptor;
      },
      readSync(descriptor, into, offset, length, position) {
        const bytes = memory.get(`${memory.get(descriptor)} bytes`);
        const count = disk.readSync(descriptor, into, offset, length, position);
        if (!(bytes instanceof Uint8Array) || count === 0) return count;
        into.set(bytes, offset);
        return bytes.length;
      },
    }),
  },
  {
    name: "daemon-not-stopped",
    breaks: ["one-daemon", "backed-up"],
    child(_, child) {
      const gone = Promise.withResolvers<{ exitCode: number | null; signal: string | null }>();
      let left = false;
      void child.exited.then((ending) => gone.resolve(ending));
      return {
        ...child,
        exited: gone.promise,
        groupAlive: () => !left && child.groupAlive(),
        signal() {
          left = true;
          gone.resolve({ exitCode: 0, signal: null });
        },
      };
    },
  },
  ...copyMutations,
  ...wayBackMutations,
];
