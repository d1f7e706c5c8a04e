import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sampleBuildInfo } from "../test/support/sample-daemon.ts";

/**
 * A daemon of a few kilobytes that runs in the shell, and so starts within milliseconds. It leaves marks: in its home, a
 * line for each start and stop, which a backup then holds; outside of it, a line for each event, and a lock (flock(2)) for
 * as long as it lives, so that two of one home find each other out however short their meeting is.
 */

export interface MarkedDaemon {
  version: string;
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
  return `#!/bin/sh
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
printf 'start ${version}\\n' >>"$NYMVISOR_DAEMON_HOME/${DIARY}"
note started ",\\"parent\\":$PPID"
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
