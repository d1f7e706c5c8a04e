import { platformSchema, type UpgradeInfo } from "../src/model/documents.ts";
import { compareVersions } from "../src/model/version.ts";
import { nameOf } from "./guard.ts";
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
    // Not one that a person has started beside the service, and that was asked to end.
    if (node.nymvisor === undefined || world.managed(node) !== node.nymvisor) return `no nymvisor runs ${home}`;
    if (story?.daemon === undefined || !isLiving(story.daemon)) return `no daemon runs on ${home}`;
    if (story.daemon.parent !== node.nymvisor) return `the daemon of ${home} is not its nymvisor's`;
    if (story.build !== current) return `${story.build} runs on ${home}, and current is ${current}`;
    if (observer.existsSync(journal)) return `${home} has a journal still`;
    const record = JSON.parse(observer.readFileSync(versionRecord, "utf8")) as { name: string };
    const [copy] = observer.existsSync(copies) ? observer.readdirSync(copies) : [];
    if (copy !== undefined) return `the copy ${copy} of ${home} is there still`;
    if (record.name !== current) return `the record of ${home} says ${record.name}, and current is ${current}`;
  }
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

/** Why an entry may stay in the plan for ever, or undefined if it should be performed. */
function whyPending(entry: UpgradeInfo, current: UpgradeInfo, { guard }: World): string | undefined {
  const known = guard.upgrades.of(entry.name);
  if (known.excused) return "a person has spoiled it";
  if (!known.stageable) return "there is no binary for it";
  const platform = platformSchema.safeParse(entry.platforms[PLATFORM]);
  if (platform.success && platform.data.url.includes("/broken/")) return "what is served is not what was announced";
  const order = compareVersions(entry.version, current.version);
  if (platform.success && order !== undefined && order < 0) return "it is lower than what runs";
  return undefined;
}

/** An upgrade that is not performed, and nobody is told why. */
function withoutReason({ guard, nodes, machine, upstream }: World): string | undefined {
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
