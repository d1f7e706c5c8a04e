import type { UpgradeInfo } from "../model/documents.ts";
import { NymvisorError, UsageError } from "../model/errors.ts";
import { formatInstant, type Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import { buildLayout } from "../model/paths.ts";
import type { OrderReport } from "../model/render-order.ts";
import { describeHold, typed } from "../model/render-wishes.ts";
import type { UpgradeRequest } from "../model/requests.ts";
import { buildOf, bytesOf } from "../policy/find-running.ts";
import { checksumsOf } from "../policy/operator-wishes.ts";
import { ageOf } from "../policy/release-times.ts";
import { isStepBack, objectionToOrder } from "../policy/upgrade-target.ts";
import { systemClock } from "../system/clock.ts";
import type { Environment } from "../system/environment.ts";
import { withLock } from "../system/lock.ts";
import { readCurrent } from "../upgrade/current.ts";
import { knownChecksums } from "../upgrade/known-checksums.ts";
import { namesIn, requireOperator, withOrder, writeOperator } from "../upgrade/operator.ts";
import { queueEntry } from "../upgrade/queue-entry.ts";
import { requirePlan, writePlan, writeUpgradeInfo } from "../upgrade/shared-documents.ts";
import { findRun } from "./find-run.ts";
import { findNamed, findNewest, type Target } from "./find-target.ts";
import { missingBinary } from "./judge-announced.ts";
import { holdsInForce } from "./plan-view.ts";
import { openReleaseDesk, type ReleaseDesk } from "./release-desk.ts";
import { forgiveFailures, refuseFailed, strayedFrom } from "./retry-failed.ts";

/**
 * `nymvisor upgrade`: queues a release at the time that a person wants, whatever age, window, spread, skip, pin or
 * prerelease say. Where only its binary tells its version, that is downloaded and asked first. Durable when it returns; a
 * nymvisor that runs sees it at once.
 * @throws {NymvisorError} if upgrades are held then, the release is not known or older without leave, or nothing vouches
 *   for its binary; or if these bytes did not prove themselves before, and it is not to be tried again.
 */
export async function upgrade(request: UpgradeRequest, environment: Environment): Promise<OrderReport> {
  const { release, retry } = request;
  const desk = await openReleaseDesk(environment, retry);
  try {
    refusePast(request.due);
    refuseHeld(desk, request.due);
    const order =
      retry && strayedFrom(desk, release)
        ? prepareFollowing(desk)
        : await prepare(desk, release === null ? await findNewest(desk) : await findNamed(desk, release), request);
    if (order.kind === "nothing") return order;
    return await withLock(desk.layout.upgradeLock, "upgrade", () => place(desk, order, request));
  } finally {
    desk.close();
  }
}

/** All that is known before the lock is taken. */
interface Prepared {
  kind: "order";
  name: string;
  version: string;
  stepBack: boolean;
  runs: string | null;
  overridden: string | null;
  /** Of what was announced. */
  checksums: string[];
  /** Puts it into the plan, under the lock. */
  queue(due: Instant): void;
}

async function prepare(
  desk: ReleaseDesk,
  target: Target,
  request: UpgradeRequest,
): Promise<Prepared | Extract<OrderReport, { kind: "nothing" }>> {
  if (target.kind === "nothing") return target;
  const prepared =
    target.kind === "listed" ? await prepareListed(desk, target, request.allowDowngrade) : prepareEntry(desk, target);
  if (prepared.kind === "order" && prepared.stepBack && !request.allowDowngrade) {
    throw isOlder(prepared.name, printable(prepared.version), desk.build.build_version);
  }
  return prepared;
}

function isOlder(name: string, what: string, running: string): NymvisorError {
  return new NymvisorError({
    what: `${printable(name)} (${what}) comes before what runs, ${running}`,
    why: "a node may not be able to read what a newer one has written",
    next: `if that is what you want: nymvisor upgrade ${typed(name)} --allow-downgrade`,
  });
}

async function prepareListed(
  desk: ReleaseDesk,
  { release, verdict, judgement, runs }: Extract<Target, { kind: "listed" }>,
  allowDowngrade: boolean,
): Promise<Prepared | Extract<OrderReport, { kind: "nothing" }>> {
  const { name } = release;
  if (verdict.state === "running" || verdict.state === "same-bytes" || name === desk.name) {
    return { kind: "nothing", why: `${printable(name)}: ${verdict.why}` };
  }
  const bytes = bytesOf(release);
  refuseFailed(desk, name, bytes === null ? [] : [bytes]);
  const policy = desk.policy();
  const objection = objectionToOrder(release, verdict, judgement.known, policy);
  if (objection !== null) throw cannot(name, objection);
  const running = desk.build.build_version;
  const known = buildOf(release, judgement.known.builds);
  // Its date alone may say that it is older: then nothing is downloaded in vain.
  if (
    known === null &&
    !allowDowngrade &&
    isStepBack({ version: running, publishedAt: release.publishedAt }, runs, running)
  ) {
    throw isOlder(release.name, `published ${formatInstant(release.publishedAt)}`, running);
  }
  const version = (known ?? (await askBinary(desk, release))).build_version;
  const age = ageOf(release, policy);
  const due = verdict.at ?? age.end;
  return {
    kind: "order",
    name,
    version,
    stepBack: isStepBack({ version, publishedAt: release.publishedAt }, runs, running),
    runs: runs?.release?.name ?? null,
    overridden: overridden(verdict, age.end),
    checksums: bytes === null ? [] : [bytes],
    queue: (at) => void desk.github.order({ release, version, due, askFrom: age.end }, at),
  };
}

async function askBinary(desk: ReleaseDesk, release: Extract<Target, { kind: "listed" }>["release"]) {
  if (desk.configuration.daemon.allow_binaries_download) return desk.github.askBinary(release);
  throw new NymvisorError({
    what: `the version of ${printable(release.name)} is not known`,
    why: "only its binary tells it, and downloads are switched off (allow_binaries_download)",
    next: `bring it yourself: nymvisor add-upgrade --upgrade-name ${typed(release.name)} --now <DAEMON_BINARY>`,
  });
}

/** What stands between the release and its performance, in a person's words; null: nothing. */
function overridden({ state, why }: { state: string; why: string }, ofAge: Instant): string | null {
  if (["skipped", "pinned-away", "prerelease"].includes(state)) return why;
  return systemClock.wall() < ofAge ? `it would be old enough at ${formatInstant(ofAge)}` : null;
}

function prepareEntry(
  desk: ReleaseDesk,
  target: Extract<Target, { kind: "announced" | "planned" | "kept" }>,
): Prepared | Extract<OrderReport, { kind: "nothing" }> {
  const { layout, configuration, build, name: running } = desk;
  const info = target.kind === "planned" ? target.entry : target.info;
  const { name, version } = info;
  if (name === running) return { kind: "nothing", why: `${printable(name)} is what runs` };
  refuseFailed(desk, name, knownChecksums(layout, info));
  if (target.kind === "announced" && ["refused", "same-bytes"].includes(target.candidate.state)) {
    throw cannot(name, target.candidate.why);
  }
  const missing = missingBinary(desk, info);
  if (missing !== null) throw cannot(name, missing.why);
  return {
    kind: "order",
    name,
    version,
    stepBack: isStepBack({ version, publishedAt: null }, null, build.build_version),
    runs: null,
    overridden: null,
    checksums: checksumsOf(info),
    queue(due) {
      const plan = requirePlan(layout);
      const queued = plan.queuedUp.find((entry) => entry.name === name);
      if (queued === undefined && target.kind === "kept") {
        const kept: UpgradeInfo = { ...info, upgradeTime: due };
        writeUpgradeInfo(buildLayout(layout, name), kept);
        writePlan(layout, { ...plan, queuedUp: [...plan.queuedUp, kept] });
      } else if (queued === undefined) {
        // Never the same time, or the source would take it for its own.
        const upgradeTime = info.upgradeTime === due ? due + 1n : info.upgradeTime;
        queueEntry(
          layout,
          { ...info, upgradeTime: due },
          { source: "nym", by: configuration.nymvisor.id, upgradeTime },
        );
      } else {
        const moved: UpgradeInfo = { ...queued, upgradeTime: due };
        writePlan(layout, { ...plan, queuedUp: plan.queuedUp.map((entry) => (entry === queued ? moved : entry)) });
      }
    },
  };
}

/** This home follows the others to what they run already: nothing enters the plan. */
function prepareFollowing({ layout, name, build }: ReleaseDesk): Prepared {
  const { current } = requirePlan(layout);
  const version = current.name === name ? current.version : build.build_version;
  const checksums = checksumsOf(current);
  return { kind: "order", name, version, stepBack: false, runs: null, overridden: null, checksums, queue() {} };
}

function cannot(name: string, why: string): NymvisorError {
  return new NymvisorError({
    what: `${printable(name)} cannot be performed`,
    why,
    next: `nymvisor check; or with a binary of your own: nymvisor add-upgrade --upgrade-name NAME --now <DAEMON_BINARY>`,
  });
}

/** Under the lock. */
function place(desk: ReleaseDesk, prepared: Prepared, { due: at, retry }: UpgradeRequest): OrderReport {
  const { layout } = desk;
  const { name, version, stepBack, checksums, runs } = prepared;
  const now = systemClock.wall();
  const due = at ?? now;
  refuseHeld(desk, at);
  if (readCurrent(layout) === name && name !== desk.name) {
    return { kind: "nothing", why: `${printable(name)} runs by now` };
  }
  if (retry) forgiveFailures(layout, name, checksums);
  const order = { name, since: now, despiteHold: false, downgrade: stepBack, checksums };
  const operator = withOrder(requireOperator(layout), order, namesIn(requirePlan(layout)));
  writeOperator(layout, stepBack ? { ...operator, pin: { release: name, since: now } } : operator);
  prepared.queue(due);
  const { overridden } = prepared;
  return { kind: "queued", now, name, version, due, run: findRun(layout), stepBack, runs, overridden };
}

function refusePast(due: Instant | null): void {
  const now = systemClock.wall();
  if (due === null || due > now) return;
  throw new UsageError({
    what: `an upgrade cannot be performed at ${formatInstant(due)}`,
    why: `that has passed: it is ${formatInstant(now)}`,
    next: "leave out --at to upgrade at once",
  });
}

/** @throws {NymvisorError} if upgrades are held at that time, or now. */
function refuseHeld({ layout, configuration }: ReleaseDesk, due: Instant | null): void {
  const [hold] = holdsInForce(requireOperator(layout), configuration.policy.hold, due ?? systemClock.wall());
  if (hold === undefined) return;
  throw new NymvisorError({
    what: "upgrades are held, so none is performed",
    why: `they are held ${describeHold(hold)}`,
    next:
      hold.by === "command"
        ? "nymvisor resume"
        : "change the setting [policy] hold and start nymvisor again (nymvisor resume ends only what nymvisor hold began)",
  });
}
