import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sampleBuildInfo } from "../test/support/sample-daemon.ts";

/**
 * A daemon of a few kilobytes that runs in the shell, and so starts within milliseconds. It leaves marks: in its home, a
 * line for each start and stop, which a backup then holds; outside of it, a line for each event, and a lock (flock(2)) for
 * as long as it lives, so that two of one home find each other out however short their meeting is.
 */

/** How a version proves itself: "dies" as soon as it has started, "dies-later" after a while, "sick" lives and says so. */
export type Fate = "well" | "dies" | "dies-later" | "sick";

export interface MarkedDaemon {
  version: string;
  /** "well" unless it says otherwise. */
  fate?: Fate;
  /** Seconds after which one dies that dies later. */
  lifetime?: number;
  /** Seconds between SIGINT and its end. */
  stopDelay?: number;
  /** Goes on after SIGINT, so that it has to be killed. */
  ignoresInterrupt?: boolean;
  /** Must never be executed: its checksum is another than the announced one. Notes it if it is. */
  forbidden?: boolean;
  /** Comes behind the program and makes it longer. */
  padding?: string;
}

export const DAEMON = "nym-node";

/** Variables that tell a daemon where to leave its marks; the home itself it gets from nymvisor. */
export const MARKS = {
  /** Its events, a JSON line each. */
  events: "CHAOS_EVENTS",
  /** Locked while it lives. */
  life: "CHAOS_LIFE",
  /** A pipe in which nothing ever comes: what it waits on. */
  silence: "CHAOS_SILENCE",
} as const;

/** Behind the name of the file that is locked: what the daemon that has started last says of itself. */
const HEALTH = ".health";

/** For `[health] command`: whether the daemon says that it is well. */
export const HEALTH_COMMAND = `read -r says <"$${MARKS.life}${HEALTH}"; [ "$says" = well ] || { echo "it says: $says"; exit 1; }`;

/** In the home: `start 1.2.0` and `stop 1.2.0`, in the order in which it happened. */
export const DIARY = "diary";

export type DaemonEvent = { pid: number; version: string /** Milliseconds since 1970. */; at: number } & (
  | { event: "started"; parent: number }
  /** Another daemon of the same home lives. */
  | { event: "not-alone" }
  | { event: "interrupted"; count: number }
  | { event: "exiting" }
  | { event: "forbidden" }
);

export function daemonProgram(daemon: MarkedDaemon): string {
  const { version, stopDelay = 0, ignoresInterrupt = false, forbidden = false, padding = "" } = daemon;
  const { fate = "well", lifetime = 0.1 } = daemon;
  // Only that shell waits for a while without a child, which would outlive it.
  return `#!${fate === "dies-later" ? "/bin/bash" : "/bin/sh"}
# ${DAEMON} ${version}
note() {
  printf '{"event":"%s","pid":%s,"version":"${version}","at":%s%s}\\n' \\
    "$1" "$$" "$(date +%s%3N 9>&-)" "$2" >>"$${MARKS.events}"
}
${forbidden ? "note forbidden ''" : ""}
case " $* " in *" build-info "*)
cat <<'ANSWER'
${JSON.stringify(sampleBuildInfo({ name: DAEMON, version }))}
ANSWER
exit 0
esac
interrupts=0
interrupted() {
  interrupts=$((interrupts + 1))
  note interrupted ",\\"count\\":$interrupts"
  ${ignoresInterrupt ? "return" : stopDelay > 0 ? `sleep ${stopDelay} 9>&-` : ":"}
  printf 'stop ${version}\\n' >>"$NYMVISOR_DAEMON_HOME/${DIARY}"
  note exiting ''
  exit 0
}
trap interrupted INT
exec 9>>"$${MARKS.life}" 8<>"$${MARKS.silence}"
flock --nonblock 9 8>&- || note not-alone ''
echo ${fate === "sick" ? "sick" : "well"} >"$${MARKS.life}${HEALTH}"
printf 'start ${version}\\n' >>"$NYMVISOR_DAEMON_HOME/${DIARY}"
note started ",\\"parent\\":$PPID"
${fate === "dies" ? "exit 3" : ""}
${fate === "dies-later" ? `read -r -t ${lifetime} -u 8 _; exit 4` : ""}
while :; do read -r _ <&8; done
exit
# ${padding}
`;
}

export function writeProgram(path: string, program: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, program, { mode: 0o755 });
}

export function sha256(content: string | Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(content).digest("hex");
}
