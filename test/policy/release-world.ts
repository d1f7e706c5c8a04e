import { expect } from "bun:test";
import fc from "fast-check";
import type { BuildInfo } from "../../src/model/build-info.ts";
import type { Instant } from "../../src/model/instant.ts";
import type { Release, RunningBuild } from "../../src/model/releases.ts";
import { parseWindow } from "../../src/model/window.ts";
import { decideReleases, type Known, type ReleasePolicy } from "../../src/policy/decide-releases.ts";
import { findRunning } from "../../src/policy/find-running.ts";
import { compareReleaseVersions } from "../../src/policy/release-order.ts";
import { fractionOf } from "../../src/policy/spread.ts";
import { isOpen, nextOpen } from "../../src/policy/window.ts";
import { build, bytes, HOUR, START } from "./train.ts";

/**
 * A train of releases to which things happen, and a node that does what is decided, at the moment that it is decided
 * for. What is expected of it is told from the releases' true builds and dates, not from the decision's reasons.
 */

interface WorldRelease {
  name: string;
  publishedAt: Instant;
  prerelease: boolean;
  /** Null: its binary is not there yet. */
  upload: { bytes: string; createdAt: Instant; changedAt: Instant | null } | null;
  checksum: boolean;
  details: boolean;
}

export type Happening =
  | { what: "publish"; bump: number; asset: boolean; checksum: boolean; details: boolean; prerelease: boolean }
  | { what: "upload" | "checksum" | "change" | "promote" | "withdraw" | "skip" | "pin"; which: number }
  | { what: "unpin" | "break" | "mend" }
  | { what: "policy"; age: number; spread: number; windows: readonly string[]; prereleases: boolean; enforce: boolean };

const flag = fc.boolean();
const often = fc.integer({ min: 0, max: 9 }).map((n) => n > 1);
export const publication = fc.record({
  what: fc.constant("publish" as const),
  bump: fc.nat(5),
  asset: often,
  checksum: often,
  details: often,
  prerelease: often.map((usual) => !usual),
});
const aimed = fc.record({
  what: fc.constantFrom("upload", "upload", "checksum", "checksum", "change", "promote", "withdraw", "skip", "pin"),
  which: fc.nat(7),
});
const plain = fc.record({ what: fc.constantFrom("unpin", "unpin", "unpin", "break", "mend", "mend", "mend") });
const policy = fc.record({
  what: fc.constant("policy" as const),
  age: fc.constantFrom(0, 1, 24, 24, 72),
  spread: fc.constantFrom(0, 1, 5, 30),
  windows: fc.constantFrom<readonly string[]>(
    [],
    [],
    ["22:00-02:00"],
    ["Sat 01:30-03:30 Europe/Berlin"],
    ["02:00-03:00 America/New_York", "Mon-Fri 12:00-12:30"],
    ["Mon-Fri 00:00-24:00"],
  ),
  prereleases: flag,
  enforce: often,
});

/** What happens, and how many minutes after the one before. */
export const happenings: fc.Arbitrary<[number, Happening][]> = fc.array(
  fc.tuple(
    fc.oneof(fc.nat(90), fc.nat(3000)),
    fc.oneof(
      { weight: 6, arbitrary: publication },
      { weight: 4, arbitrary: aimed },
      { weight: 2, arbitrary: plain },
      { weight: 1, arbitrary: policy },
    ),
  ),
  { minLength: 2, maxLength: 40, size: "max" },
);

export class World {
  now: Instant = START;
  readonly performed: { name: string; version: string; at: Instant }[] = [];
  private readonly releases: WorldRelease[] = [];
  /** What binaries really are. */
  private readonly truth = new Map<string, BuildInfo>();
  private readonly builds = new Map<string, BuildInfo>();
  private readonly history = new Map<string, string | null>();
  private policy: ReleasePolicy;
  private running: RunningBuild;
  private version = [1, 0, 0];
  private made = 0;
  /** A node that is broken decides, and performs nothing. */
  private broken = false;
  /** Since when a release, by name and bytes, could have been taken without a break, and by when it or a newer one must be. */
  private readonly deadlines = new Map<string, Instant | null>();

  constructor(seed: string) {
    this.policy = {
      minimumAge: 24n * HOUR,
      spread: HOUR,
      windows: [],
      prereleases: false,
      enforceChecksum: true,
      skipped: new Set(),
      pin: null,
      fraction: (name) => fractionOf(seed, name),
    };
    const first = this.publish({
      what: "publish",
      bump: 0,
      asset: true,
      checksum: true,
      details: true,
      prerelease: false,
    });
    const sha256 = first.upload?.bytes ?? "";
    const own = this.truth.get(sha256) ?? build("1.0.0");
    this.running = { name: first.name, sha256, build: own, publishedAt: first.publishedAt };
    this.history.set(first.name, sha256);
  }

  /** Time passes, and the node does what is to be done in it. */
  pass(duration: bigint): void {
    const end = this.now + duration;
    for (let turn = 0; ; turn += 1) {
      if (turn > 2000) throw new Error("the decision is made again and again");
      const { due, next } = this.act();
      const moments = [due, next].filter((moment) => moment !== null && moment > this.now) as Instant[];
      const [wake = end] = [...moments, end].toSorted((left, right) => Number(left - right));
      this.expectSame(wake);
      if (wake >= end) break;
      this.now = wake;
    }
    this.now = end;
    this.act();
  }

  happen(happening: Happening): void {
    const { releases } = this;
    switch (happening.what) {
      case "publish":
        this.publish(happening);
        break;
      case "break":
      case "mend":
        this.broken = happening.what === "break";
        this.deadlines.clear();
        break;
      case "policy":
        this.deadlines.clear();
        this.policy = {
          ...this.policy,
          minimumAge: BigInt(happening.age) * HOUR,
          spread: BigInt(happening.spread) * HOUR,
          windows: happening.windows.map(parseWindow),
          prereleases: happening.prereleases,
          enforceChecksum: happening.enforce,
        };
        break;
      case "unpin":
        this.deadlines.clear();
        this.policy = { ...this.policy, pin: null };
        break;
      default: {
        const release = releases.at(-1 - (happening.which % Math.max(1, releases.length)));
        if (release !== undefined) this.happenTo(release, happening.what);
      }
    }
  }

  /** Everything works again, and nobody wants anything special. */
  settle(): void {
    this.happen({ what: "mend" });
    this.happen({ what: "unpin" });
  }

  runningName(): string {
    return this.running.name;
  }

  /** Else what runs may be found to be another release of its version, until more is known of others. */
  isFoundByBytes(): boolean {
    const runs = findRunning(this.list().toReversed(), { running: this.running, builds: this.builds });
    return "by" in runs && runs.by === "bytes";
  }

  /** Those that may be taken now but for their age, by what their binaries really are, newest first. */
  allowed(): { name: string; version: string }[] {
    const runs = findRunning(this.list().toReversed(), { running: this.running, builds: this.truth });
    if ("unknown" in runs) return [];
    const { enforceChecksum, prereleases, skipped, pin } = this.policy;
    return this.releases
      .flatMap(({ name, publishedAt, upload, checksum, details, prerelease }) => {
        if (upload === null || (!checksum && (enforceChecksum || !details)) || (prerelease && !prereleases)) return [];
        if (skipped.has(name) || this.history.has(name) || publishedAt <= runs.publishedAt) return [];
        const version = this.truth.get(upload.bytes)?.build_version ?? "";
        const order = compareReleaseVersions(version, this.running.build.build_version) ?? -1;
        if (order < 0 || (pin !== null && pin !== name && pin !== version)) return [];
        return [{ name, version }];
      })
      .toReversed();
  }

  private publish({ bump, asset, checksum, details, prerelease }: Extract<Happening, { what: "publish" }>) {
    this.made += 1;
    // The same version again, a patch level, a higher one, or by mistake a lower one.
    const [major = 1, minor = 0, patch = 0] = this.version;
    if (bump === 1) this.version = [major, minor, patch + 1];
    if (bump === 2 || bump === 3) this.version = [major, minor + 1, 0];
    const [low, suffix] = [bump === 4 && minor > 0, bump === 5 ? `-${this.made}` : ""];
    const version = low ? `${major}.${minor - 1}.0` : `${this.version.join(".")}${suffix}`;
    const release: WorldRelease = {
      name: `release ${String(this.made).padStart(3, "0")}`,
      publishedAt: this.now,
      prerelease,
      upload: asset ? { bytes: this.compile(version), createdAt: this.now, changedAt: null } : null,
      checksum,
      details,
    };
    this.releases.push(release);
    return release;
  }

  private happenTo(release: WorldRelease, what: string): void {
    const { upload, name } = release;
    if (what === "checksum") release.checksum = true;
    if (what === "promote") release.prerelease = !release.prerelease;
    if (what === "withdraw") this.releases.splice(this.releases.indexOf(release), 1);
    if (what === "upload" && upload === null) {
      release.upload = { bytes: this.compile(this.version.join(".")), createdAt: this.now, changedAt: null };
    }
    if (what === "change" && upload !== null) {
      const version = this.truth.get(upload.bytes)?.build_version ?? "";
      release.upload = { ...upload, bytes: this.compile(version), changedAt: this.now };
    }
    if (what === "skip") this.policy = { ...this.policy, skipped: new Set([...this.policy.skipped, name]) };
    if (what === "pin") this.policy = { ...this.policy, pin: name };
    if (what === "skip" || what === "pin") this.deadlines.clear();
  }

  private compile(version: string): string {
    const sha256 = bytes(`${version} ${this.truth.size}`);
    this.truth.set(sha256, build(version, { commit_sha: sha256.slice(0, 40) }));
    return sha256;
  }

  private list(): Release[] {
    return this.releases.map(({ name, publishedAt, prerelease, upload, checksum, details }) => ({
      name,
      publishedAt,
      prerelease,
      page: null,
      binary:
        upload === null
          ? { missing: "its binary is not uploaded yet" }
          : { ...upload, url: "", size: 1, sha256: checksum ? upload.bytes : { missing: "there is no checksum" } },
      details: upload === null || !details ? null : (this.truth.get(upload.bytes) ?? null),
      objection: null,
    }));
  }

  private known(): Known {
    return { running: this.running, performed: this.history, refused: new Map(), builds: this.builds };
  }

  private decide(at: Instant) {
    return decideReleases(this.list(), this.known(), this.policy, at);
  }

  /** Asks what is to be asked and performs what is due. */
  private act(): { due: Instant | null; next: Instant | null } {
    let decision = this.decide(this.now);
    for (let asked = 0; decision.identify !== null && asked < 100; asked += 1) {
      const { upload } = this.trueRelease(decision.identify.name);
      this.expectOfAge(decision.identify.name);
      this.builds.set(upload.bytes, this.truth.get(upload.bytes) ?? build("0.0.0"));
      decision = this.decide(this.now);
    }
    expect(decision.identify).toBe(null);
    expect(decision.verdicts.map(({ name }) => name)).toEqual(this.releases.map(({ name }) => name).toReversed());
    const { chosen } = decision;
    if (chosen !== null) {
      expect(isOpen(this.policy.windows, chosen.due)).toBe(true);
      expect(chosen.due).toBeGreaterThanOrEqual(chosen.askFrom);
    }
    this.watchDeadlines();
    // Whoever performs looks at the windows again: the moment may have passed while the node was broken.
    if (this.broken || chosen === null || chosen.due > this.now || !isOpen(this.policy.windows, this.now)) {
      this.expectDeadlinesKept();
      return { due: chosen?.due ?? null, next: decision.next };
    }
    this.perform(chosen.release.name, chosen.version);
    return this.act();
  }

  private perform(name: string, version: string): void {
    const { upload, publishedAt, checksum } = this.trueRelease(name);
    this.expectOfAge(name);
    expect(checksum || !this.policy.enforceChecksum).toBe(true);
    expect(this.history.has(name)).toBe(false);
    const own = this.truth.get(upload.bytes) ?? build("0.0.0");
    expect(own.build_version).toBe(version);
    expect(compareReleaseVersions(version, this.running.build.build_version)).toBeGreaterThanOrEqual(0);
    expect(publishedAt).toBeGreaterThan(this.running.publishedAt ?? 0n);
    expect(this.policy.skipped.has(name)).toBe(false);
    this.running = { name, sha256: upload.bytes, build: own, publishedAt };
    this.history.set(name, checksum ? upload.bytes : null);
    this.performed.push({ name, version, at: this.now });
  }

  private trueRelease(name: string) {
    const release = this.releases.find((one) => one.name === name);
    if (release === undefined || release.upload === null) throw new Error(`${name} has no binary`);
    return { ...release, upload: release.upload };
  }

  private ageEnd({ publishedAt, upload }: WorldRelease): Instant {
    const moments = [publishedAt, upload?.createdAt ?? publishedAt, upload?.changedAt ?? publishedAt];
    const [latest = publishedAt] = moments.toSorted((left, right) => Number(right - left));
    return latest + this.policy.minimumAge;
  }

  private expectOfAge(name: string): void {
    expect(this.now).toBeGreaterThanOrEqual(this.ageEnd(this.trueRelease(name)));
  }

  /** Whoever waits until then has missed nothing. */
  private expectSame(wake: Instant): void {
    const decision = this.decide(this.now);
    for (const moment of [this.now + (wake - this.now) / 2n, wake - 1n]) {
      if (moment > this.now) expect(this.decide(moment)).toEqual(decision);
    }
  }

  private watchDeadlines(): void {
    const ready = new Set<string>();
    for (const { name } of this.allowed()) {
      const release = this.trueRelease(name);
      if (this.broken || this.ageEnd(release) > this.now) continue;
      const key = `${name} ${release.upload.bytes}`;
      ready.add(key);
      if (this.deadlines.has(key)) continue;
      const { windows, spread } = this.policy;
      this.deadlines.set(key, windows.length === 0 ? this.now + spread : (nextOpen(windows, this.now)?.end ?? null));
    }
    for (const key of this.deadlines.keys()) if (!ready.has(key)) this.deadlines.delete(key);
  }

  private expectDeadlinesKept(): void {
    for (const deadline of this.deadlines.values())
      if (deadline !== null) expect(this.now).toBeLessThanOrEqual(deadline);
  }
}
