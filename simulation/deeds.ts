import { constants } from "node:fs";
import { reasonOf } from "../src/model/errors.ts";
import { formatInstant } from "../src/model/instant.ts";
import { buildLayout } from "../src/model/paths.ts";
import { compareVersions } from "../src/model/version.ts";
import { queueBinary } from "../src/run/add-upgrade.ts";
import { forgiveFailures } from "../src/run/retry-failed.ts";
import { chooseWayBack } from "../src/run/rollback/choose.ts";
import { orderWayBack } from "../src/run/rollback/order.ts";
import { makeFolderDurably } from "../src/system/durable.ts";
import { tryLock, withLock } from "../src/system/lock.ts";
import { requireOperator, writeOperator } from "../src/upgrade/operator.ts";
import { requirePlan, requireUpgradeInfo, writePlan, writeUpgradeInfo } from "../src/upgrade/shared-documents.ts";
import { ProcessDied } from "./disk.ts";
import { nameOf } from "./guard.ts";
import type { Node } from "./node.ts";
import { isLiving, type SimulatedProcess } from "./processes.ts";
import { encodeProgram, sha256 } from "./program.ts";
import type { Action, Aim } from "./script.ts";
import { putFile } from "./set-up.ts";
import { Upstream } from "./upstream.ts";
import type { World } from "./world.ts";

const SECOND = 1_000_000;
/** Nanoseconds: more than the clock can have been set back in all, and than the latest due time. */
const ALL_FALLS_DUE = 60n * 24n * 3_600_000_000_000n;
const SPOILED = "spoiled";
const GARBAGE = '{"current": {"name": "gen';

type ActionOf<K extends Action["kind"]> = Extract<Action, { kind: K }>;

/** What the world does to its nodes. */
export class Deeds {
  #calmSince = 0;

  constructor(private readonly world: World) {}

  carryOut(action: Action): void {
    const { world } = this;
    if (world.calm && action.kind !== "announce" && action.kind !== "add") return;
    switch (action.kind) {
      case "announce": {
        const { release } = action;
        world.upstream.announce(release);
        const known = world.guard.upgrades.of(release.name);
        known.digests.add(Upstream.digestOf(release.program));
        known.health = release.program.health;
        break;
      }
      case "add":
        this.#add(action);
        break;
      case "edit":
        this.#edit(action);
        break;
      case "set-clock":
        world.machine.wallShift += BigInt(action.hours) * 3_600_000_000_000n;
        break;
      case "power":
        this.#strike(action.aim, null, () => {
          if (world.powered) world.losePower();
        });
        break;
      case "kill":
        this.#strike(action.aim, action.node, (process) => world.kill(process));
        break;
      case "terminate":
        this.#strike(action.aim, action.node, (process) => world.machine.signal(process, "SIGTERM"));
        break;
      case "reload":
        this.#strike(null, action.node, (process) => world.machine.signal(process, "SIGHUP"));
        break;
      case "pause":
        this.#strike(action.aim, action.node, (process) => this.#pause(process, action.seconds));
        break;
      case "second-run":
        world.start(this.#node(action.node), false);
        break;
      case "errors": {
        const { code, chance, on, seconds } = action;
        world.faults.beginErrors({ code, chance, on, until: world.machine.now + seconds * SECOND });
        break;
      }
      case "network":
        world.upstream.mode = action.mode;
        world.machine.schedule(null, action.seconds * SECOND, "the network is back", () => {
          world.upstream.mode = "answers";
        });
        break;
      case "no-room":
        this.#fillDisk(action);
        break;
      case "daemon-ends": {
        const daemon = world.guard.homes.get(this.#node(action.node).layout.home)?.daemon;
        if (daemon !== undefined) world.machine.end(daemon, action.exitCode, action.signal);
        break;
      }
      case "rival":
        world.guard.upgrades.of(action.name).stageable = false;
        world.faults.arm(action.aim, null, () => this.#intrude(action.name));
        break;
      case "tamper":
        this.#tamper(action.which);
        break;
      case "lose-info":
        this.#loseInfo(action.garbled);
        break;
      case "roll-back":
        this.#rollBack(action);
        break;
      case "retry":
        this.#retry(this.#node(action.node));
        break;
      case "hold":
        this.#hold(true);
        world.machine.schedule(null, action.seconds * SECOND, "a person comes back", () => this.#hold(false));
        break;
      case "resume":
        this.#hold(false);
        break;
    }
  }

  /** A command that a person types. */
  #type(name: string, act: (process: SimulatedProcess) => Promise<unknown>): void {
    const { machine, powered } = this.world;
    if (!powered) return;
    const process = machine.spawn({ role: "subject", name });
    machine.schedule(process, 1000, "begins", () => {
      void act(process)
        .then(() => machine.end(process, 0, null))
        .catch((error: unknown) => {
          if (!isLiving(process) || error instanceof ProcessDied) return;
          machine.trace.note(process.name, `fails: ${reasonOf(error)}`);
          machine.end(process, 1, null);
        });
    });
  }

  #rollBack({ node, to, data }: ActionOf<"roll-back">): void {
    const { machine, guard } = this.world;
    const { layout } = this.#node(node);
    const names = ["genesis", ...guard.upgrades.known.keys()];
    this.#type("rollback", async (process) => {
      const wanted = to === null ? undefined : (names[to % names.length] as string);
      const way = chooseWayBack(layout, { to: wanted, data });
      machine.trace.note(process.name, `orders ${layout.home} back to ${way.to.name}`);
      const interrupted = new AbortController();
      machine.schedule(process, process.random.int(SECOND / 10, 3 * SECOND), "is interrupted", () =>
        interrupted.abort(),
      );
      const log = { emit: () => {} };
      await orderWayBack({ layout, log }, way, interrupted.signal);
    });
  }

  #retry({ layout }: Node): void {
    const { machine, guard } = this.world;
    const failed = guard.trials.all.findLast(({ state, forgiven }) => state === "rolled-back" && !forgiven);
    if (failed === undefined) return;
    const { name } = failed;
    this.#type("upgrade", (process) =>
      withLock(layout.upgradeLock, "upgrade", () => {
        const info = requireUpgradeInfo(buildLayout(layout, name));
        const plan = requirePlan(layout);
        if (info === undefined || plan.current.name === name) return;
        // It would have to be typed otherwise.
        if ((compareVersions(info.version, plan.current.version) ?? 0) < 0) return;
        forgiveFailures(layout, name, []);
        guard.upgrades.again.add(name);
        const kept = { ...info, upgradeTime: machine.wall() };
        const others = plan.queuedUp.filter((entry) => entry.name !== name);
        writePlan(layout, { ...plan, queuedUp: [...others, kept] });
        guard.upgrades.wentBackFrom(name);
        guard.upgrades.of(name).byPerson = true;
        machine.trace.note(process.name, `wants ${name} tried again`);
      }),
    );
  }

  #hold(held: boolean): void {
    const { machine } = this.world;
    const { layout } = this.#node(0);
    this.#type(held ? "hold" : "resume", () =>
      withLock(layout.upgradeLock, "hold", () => {
        const hold = held ? { since: machine.wall(), until: null } : null;
        writeOperator(layout, { ...requireOperator(layout), hold });
      }),
    );
  }

  /** For a copy, or for an archive either. */
  #fillDisk({ seconds, forArchives }: ActionOf<"no-room">): void {
    const { backups, machine, script } = this.world;
    backups.roomyForCopy = false;
    if (forArchives) backups.roomy = false;
    machine.schedule(null, seconds * SECOND, "there is room again", () => {
      backups.roomy = true;
      backups.roomyForCopy = script.roomForCopies;
    });
  }

  #node(index: number): Node {
    const { nodes } = this.world;
    return nodes[index % nodes.length] as Node;
  }

  /** @param node whose nymvisor is struck; null: whoever it is. */
  #strike(aim: Aim | null, node: number | null, strike: (process: SimulatedProcess) => void): void {
    const { world } = this;
    const struck = node === null ? undefined : this.#node(node);
    if (aim !== null) {
      const prefixes = ["add-upgrade[", `nymvisor${struck?.index}[`, `archiver${struck?.index}[`];
      const isVictim = ({ name }: SimulatedProcess) => prefixes.some((prefix) => name.startsWith(prefix));
      const concerns = struck === undefined ? null : isVictim;
      world.faults.arm(aim, concerns, strike);
      return;
    }
    const process = world.managed(struck ?? this.#node(0));
    if (process !== undefined) strike(process);
    else if (node === null) strike({} as SimulatedProcess);
  }

  #pause(process: SimulatedProcess, seconds: number): void {
    const { machine } = this.world;
    machine.signal(process, "SIGSTOP");
    machine.schedule(null, seconds * SECOND, `SIGCONT for ${process.name}`, () => machine.signal(process, "SIGCONT"));
  }

  /** `nymvisor add-upgrade`, as a process of its own. */
  #add({ name, node, program, dueIn }: ActionOf<"add">): void {
    const { machine, guard, powered } = this.world;
    if (!powered) return;
    const person = machine.spawn({ role: "bystander", name: "operator" });
    const binary = `/simulated/operator/${name}`;
    putFile(person.ownDisk, binary, encodeProgram(program));
    machine.end(person, 0, null);
    const upgrade = guard.upgrades.of(name);
    upgrade.digests.add(Upstream.digestOf(program));
    upgrade.health = program.health;
    const process = machine.spawn({ role: "subject", name: "add-upgrade" });
    const { layout } = this.#node(node);
    const request = {
      daemonBinary: binary,
      name,
      force: false,
      addBinary: false,
      due:
        dueIn === 0 ? ({ kind: "now" } as const) : ({ kind: "after", delay: BigInt(dueIn) * 1_000_000_000n } as const),
      publishDate: null,
      output: "text",
    } as const;
    machine.schedule(process, 1000, "begins", () => {
      void queueBinary(layout, binary, request, { PATH: "/usr/bin:/bin" })
        .then(() => {
          machine.requireLiving(process);
          upgrade.queued = true;
          machine.trace.note(process.name, `has queued ${name}`);
          machine.end(process, 0, null);
        })
        .catch((error: unknown) => {
          if (!isLiving(process) || error instanceof ProcessDied) return;
          machine.trace.note(process.name, `fails: ${reasonOf(error)}`);
          machine.end(process, 1, null);
        });
    });
  }

  /** A person with an editor: reads, changes, writes, and knows of no lock. */
  #edit({ edit, which, seconds, inPlace }: ActionOf<"edit">): void {
    const { world } = this;
    const { machine, guard, powered } = world;
    const { plan: path } = this.#node(0).layout;
    if (!powered || !machine.observer.existsSync(path)) return;
    const before = machine.observer.readFileSync(path, "utf8");
    const plan = guard.upgrades.readPlan();
    if (plan === undefined) return;
    const queue = plan.queuedUp as unknown as { name: string; upgradeTime: string }[];
    const entry = queue[which % Math.max(1, queue.length)];
    if (edit === "garbage") {
      this.#write(path, GARBAGE, inPlace);
      machine.schedule(null, seconds * SECOND, "the editor saves again", () => {
        const there = machine.observer.existsSync(path) && machine.observer.readFileSync(path, "utf8") === GARBAGE;
        if (there && world.powered) this.#write(path, before, inPlace);
      });
      return;
    }
    if (edit === "withdraw" && entry !== undefined) queue.splice(queue.indexOf(entry), 1);
    if (edit === "retime" && entry !== undefined) {
      // An entry that reads otherwise than what was announced is a person's own.
      guard.upgrades.of(entry.name).byPerson = true;
      entry.upgradeTime = formatInstant(machine.wall() + BigInt(Math.round((seconds - 1) * 60)) * 1_000_000_000n);
    }
    this.#write(path, JSON.stringify(plan), inPlace);
  }

  #write(path: string, text: string, inPlace: boolean): void {
    const { machine, guard } = this.world;
    const editor = machine.spawn({ role: "bystander", name: "editor" });
    const target = inPlace ? path : `${path}.new`;
    const file = editor.ownDisk.openSync(target, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o644);
    editor.ownDisk.writeSync(file, text);
    editor.ownDisk.closeSync(file);
    if (!inPlace) editor.ownDisk.renameSync(target, path);
    machine.trace.note(editor.name, `writes ${path}: ${text.length} bytes`);
    machine.end(editor, 0, null);
    guard.documents.touched(path);
    guard.upgrades.personWrote();
    this.world.planTouched();
  }

  /** Another writer, who comes in the very middle of somebody's work: with the lock if it is to be had, else not at all. */
  #intrude(name: string): void {
    const { machine, guard } = this.world;
    const { layout } = this.#node(0);
    const rival = machine.spawn({ role: "subject", name: "rival" });
    machine.as(rival, () => {
      try {
        const { lock } = tryLock(layout.upgradeLock, "another writer");
        if (lock === null) return;
        const plan = requirePlan(layout);
        const info = {
          manual: false,
          name,
          notes: "",
          publishDate: null,
          version: "1.0.1",
          platforms: {},
          upgradeTime: machine.wall(),
          binaryDetails: null,
        };
        const build = buildLayout(layout, name);
        makeFolderDurably(build.folder);
        writeUpgradeInfo(build, info);
        writePlan(layout, { ...plan, queuedUp: [...plan.queuedUp, info] });
        guard.upgrades.of(name).queued = true;
        lock.release();
      } catch (error) {
        machine.trace.note(rival.name, `fails: ${reasonOf(error)}`);
      }
    });
    machine.end(rival, 0, null);
  }

  /** Somebody spoils a binary that waits for its upgrade. */
  #tamper(which: number): void {
    const { machine, guard, powered } = this.world;
    const { layout } = this.#node(0);
    const queue = guard.upgrades.readPlan()?.queuedUp ?? [];
    const name = queue[which % Math.max(1, queue.length)]?.name;
    if (!powered || name === undefined || name === nameOf(machine.observer.readlinkSync(layout.current))) return;
    const { binary } = buildLayout(layout, name);
    if (!machine.observer.existsSync(binary)) return;
    const vandal = machine.spawn({ role: "bystander", name: "vandal" });
    const file = vandal.ownDisk.openSync(binary, constants.O_WRONLY | constants.O_TRUNC);
    vandal.ownDisk.writeSync(file, SPOILED);
    vandal.ownDisk.closeSync(file);
    machine.end(vandal, 0, null);
    machine.trace.note(vandal.name, `spoils ${binary}`);
    guard.upgrades.of(name).excused = true;
    guard.broughtByPerson(sha256(new TextEncoder().encode(SPOILED)));
  }

  /** The information of the build that runs is removed, or becomes something else. */
  #loseInfo(garbled: boolean): void {
    const { machine, guard, powered } = this.world;
    const { layout } = this.#node(0);
    if (!powered) return;
    const { info } = buildLayout(layout, nameOf(machine.observer.readlinkSync(layout.current)));
    if (!machine.observer.existsSync(info)) return;
    const vandal = machine.spawn({ role: "bystander", name: "vandal" });
    if (garbled) {
      const file = vandal.ownDisk.openSync(info, constants.O_WRONLY | constants.O_TRUNC);
      vandal.ownDisk.writeSync(file, GARBAGE);
      vandal.ownDisk.closeSync(file);
    } else {
      vandal.ownDisk.unlinkSync(info);
    }
    machine.end(vandal, 0, null);
    machine.trace.note(vandal.name, `${garbled ? "garbles" : "removes"} ${info}`);
    guard.documents.touched(info);
  }

  /** From now on nothing goes wrong any more, and all that was announced falls due. */
  calmDown(): void {
    const { world } = this;
    const { machine } = world;
    world.calm = true;
    this.#calmSince = world.tally.steps;
    world.faults.cease();
    world.upstream.mode = "answers";
    world.backups.roomy = true;
    world.backups.roomyForCopy = world.script.roomForCopies;
    machine.wallShift += ALL_FALLS_DUE;
    this.#hold(false);
    for (const process of [...machine.processes.values()]) {
      machine.signal(process, "SIGCONT");
      const beside =
        process.name.startsWith("nymvisor") && !world.nodes.some((node) => world.managed(node) === process);
      if (beside) machine.signal(process, "SIGTERM");
    }
  }

  stepsSinceCalm(): number {
    return this.world.tally.steps - this.#calmSince;
  }
}
