import { platformSchema, type UpgradeInfo } from "../src/model/documents.ts";
import { type Operator, operatorSchema } from "../src/model/operator.ts";
import type { Outcome as Verdict } from "../src/model/outcomes.ts";
import { compareVersions } from "../src/model/version.ts";
import { nameOf } from "./guard.ts";
import { isSickForGood } from "./health.ts";
import type { Violation } from "./invariants.ts";
import { isLiving } from "./processes.ts";
import { PLATFORM } from "./upstream.ts";
import type { World } from "./world.ts";

/** What is not yet as it should be in a world where nothing goes wrong any more; undefined: all is well. */
export function unsettled(world: World): Violation | undefined {
  const late = unfinished(world);
  if (late !== undefined) return { invariant: "recovers", what: late };
  const unexplained = withoutReason(world);
  return unexplained === undefined ? undefined : { invariant: "never-lost", what: unexplained };
}

function unfinished(world: World): string | undefined {
  const { guard, machine, nodes } = world;
  const { observer } = machine;
  const layout = nodes[0]?.layout;
  if (layout === undefined) return undefined;
  const current = nameOf(observer.readlinkSync(layout.current));
  const plan = guard.upgrades.readPlan();
  if (plan === undefined) return "the plan cannot be read";
  if (plan.current.name !== current) return `the plan says ${plan.current.name} runs, and current is ${current}`;
  for (const node of nodes) {
    const { home, journal, versionRecord, copies } = node.layout;
    const story = guard.homes.get(home);
    if (story?.build === undefined) return `nothing was ever started on ${home}`;
    if (!mayBeDown(world, home, story.build)) {
      const { daemon } = story;
      // Not one that a person has started beside the service, and that was asked to end.
      if (node.nymvisor === undefined || world.managed(node) !== node.nymvisor) return `no nymvisor runs ${home}`;
      if (daemon === undefined || !isLiving(daemon)) return `no daemon runs on ${home}`;
      if (daemon.parent !== node.nymvisor) return `the daemon of ${home} is not its nymvisor's`;
    }
    if (story.build !== current && !mayStayBehind(world, home, current)) {
      return `${story.build} runs on ${home}, and current is ${current}`;
    }
    if (observer.existsSync(journal)) return `${home} has a journal still`;
    if (observer.existsSync(node.layout.probation)) return `there is no verdict for ${home} yet`;
    const stray = guard.waysBack.unsettled(node.layout);
    if (stray !== undefined) return stray;
    const sick = unwellWithoutNeed(world, home, story.build);
    if (sick !== undefined) return sick;
    const record = JSON.parse(observer.readFileSync(versionRecord, "utf8")) as { name: string };
    const [copy] = observer.existsSync(copies) ? observer.readdirSync(copies) : [];
    if (copy !== undefined) return `the copy ${copy} of ${home} is there still`;
    if (record.name !== story.build) return `the record of ${home} says ${record.name}, and ${story.build} runs`;
  }
  const undecided = guard.trials.all.find(({ state }) => state === "on-probation");
  if (undecided !== undefined) return `${undecided.name} is on probation still on ${undecided.home}`;
  const ordered = operatorOf(world)?.goBack ?? [];
  if (ordered.length > 0) return "a way back is ordered still";
  for (const entry of plan.queuedUp) {
    const reason = whyPending(entry, plan.current, world);
    if (reason === undefined) return `${entry.name} is due and not performed`;
  }
  const history = guard.upgrades.readHistory()?.history.map(({ info }) => info.name) ?? [];
  for (const { name, switched } of guard.upgrades.known.values()) {
    if (switched !== undefined && !history.includes(name))
      return `${name} was performed, and the history does not say so`;
  }
  guard.checkBackups();
  return undefined;
}

/** What people have said; nothing where nobody has. */
function operatorOf({ machine: { observer }, nodes }: World): Operator | undefined {
  const path = nodes[0]?.layout.operator ?? "";
  return observer.existsSync(path) ? operatorSchema.parse(JSON.parse(observer.readFileSync(path, "utf8"))) : undefined;
}

/** A nymvisor that does not start its daemon again ends with one that cannot do its work, and whoever starts it sees the same. */
function endsAgainAndAgain(world: World): boolean {
  const { script, nodes, guard } = world;
  if (script.settings.restarts) return false;
  return nodes.some(({ layout: { home } }) => mayBeDown(world, home, guard.homes.get(home)?.build ?? ""));
}

/**
 * It keeps dying, and there is no way back from it, or it died only once it had passed; or it refuses what a newer one has
 * left to it: nymvisor starts it again and again.
 */
function mayBeDown(world: World, home: string, build: string): boolean {
  const { homes, trials, upgrades } = world.guard;
  const isMortal = isSickForGood(upgrades.of(build).health);
  return isMortal || homes.get(home)?.isMixed === true || failedAndStays(trials.lastOf(home, build));
}

/** It was put back from there, the bytes have failed, or upgrades are held. */
function mayStayBehind(world: World, home: string, current: string): boolean {
  const { trials, upgrades } = world.guard;
  if ((operatorOf(world)?.hold ?? null) !== null) return true;
  const own = trials.lastOf(home, current);
  if (own?.state === "rolled-back" && !own.forgiven) return true;
  return [...upgrades.of(current).digests].some((digest) => trials.isBad(digest));
}

function failedAndStays(verdict: Verdict | undefined): boolean {
  return verdict?.state === "failed" && verdict.why?.includes("it stays") === true;
}

/** A version that cannot do its work stays only where nymvisor knows of no other, or where it did its work at first. */
function unwellWithoutNeed(world: World, home: string, build: string): string | undefined {
  const { script, guard } = world;
  const health = guard.upgrades.of(build).health;
  const verdict = guard.trials.lastOf(home, build);
  if (!isSickForGood(health) || verdict === undefined) return undefined;
  if (verdict.state === "failed" && !failedAndStays(verdict)) return `${build} has failed on ${home}, and stays`;
  const { automatic, backups, withoutData } = script.settings;
  if (verdict.state !== "failed" || !automatic || (!backups && !withoutData)) return undefined;
  return world.guard.mayLackWayBack(home) ? undefined : `${build} stays on ${home}, though it has failed`;
}

/** Why an entry may stay in the plan for ever, or undefined if it should be performed. */
function whyPending(entry: UpgradeInfo, current: UpgradeInfo, world: World): string | undefined {
  const known = world.guard.upgrades.of(entry.name);
  const operator = operatorOf(world);
  if (known.excused) return "a person has spoiled it";
  if ((operator?.hold ?? null) !== null) return "upgrades are held";
  if (endsAgainAndAgain(world)) return "nobody runs for long enough";
  if ((operator?.pin ?? null) !== null) return "a person has pinned another";
  if ([...known.digests].some((digest) => world.guard.trials.isBad(digest))) return "its bytes have failed";
  if (!known.stageable) return "there is no binary for it";
  const platform = platformSchema.safeParse(entry.platforms[PLATFORM]);
  if (platform.success && platform.data.url.includes("/broken/")) return "what is served is not what was announced";
  const order = compareVersions(entry.version, current.version);
  if (platform.success && order !== undefined && order < 0) return "it is lower than what runs";
  return undefined;
}

/** An upgrade that is not performed, and nobody is told why. */
function withoutReason(world: World): string | undefined {
  const { guard, nodes, machine, upstream } = world;
  const operator = operatorOf(world);
  if (operator !== undefined && (operator.hold !== null || operator.pin !== null)) return undefined;
  if (endsAgainAndAgain(world)) return undefined;
  const { observer } = machine;
  const plan = guard.upgrades.readPlan();
  if (plan === undefined) return "the plan cannot be read";
  const { announced } = upstream;
  const done = guard.upgrades.readHistory()?.history.map(({ info }) => info.name) ?? [];
  for (const { home, upgradeStatus } of nodes.map(({ layout }) => layout)) {
    if (!observer.existsSync(upgradeStatus)) return `there is no status of ${home}`;
    const status = JSON.parse(observer.readFileSync(upgradeStatus, "utf8")) as {
      upgrades: Record<string, { reason: string | null }>;
      refused: Record<string, string>;
    };
    for (const { name } of plan.queuedUp) {
      if (status.upgrades[name]?.reason == null) return `${home} does not say why ${name} is not performed`;
    }
    if (announced === undefined || guard.upgrades.of(announced.name).excused) continue;
    const { name, version } = announced;
    const known = [...plan.queuedUp.map((entry) => entry.name), ...done].includes(name);
    const nothingNew = version === plan.current.version;
    if (!known && !nothingNew && status.refused[name] === undefined)
      return `${home} does not say what is wrong with ${name}`;
  }
  return undefined;
}
