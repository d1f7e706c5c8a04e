import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";

/** A file in a daemon's home. */
export const TRACES = "versions";

/** The line of it that tells that a version has run on the home. */
export const traceOf = (version: string): string => `${version} was here`;

/**
 * The script of a daemon that costs next to nothing: it answers build-info, and otherwise notes in `$SAMPLE_EVENTS` that
 * it started (and `two`, if another one of its home still runs), leaves its {@link traceOf} in its home, and becomes a
 * sleep, which one SIGINT ends.
 */
export function tinyDaemon(version: string): string {
  const note = (event: string) =>
    `printf '{"event":"${event}","pid":%s,"version":"${version}","at":%s}\\n' "$$" 0 >>"$SAMPLE_EVENTS"`;
  return `#!/bin/sh
case " $* " in *" build-info "*) printf '%s\\n' '${JSON.stringify(sampleBuildInfo({ version }))}'; exit 0;; esac
[ ! -e "$SAMPLE_EVENTS.pids.\${NYMVISOR_DAEMON_HOME##*/}" ] || while read -r pid; do
  stat=
  [ ! -r "/proc/$pid/stat" ] || read -r stat <"/proc/$pid/stat" 2>/dev/null
  case "$stat" in *"(sleep) Z "*|*"(sleep) X "*) ;; "$pid (sleep) "*) ${note("two")};; esac
done <"$SAMPLE_EVENTS.pids.\${NYMVISOR_DAEMON_HOME##*/}"
echo "$$" >>"$SAMPLE_EVENTS.pids.\${NYMVISOR_DAEMON_HOME##*/}"
${note("started")}
echo '${traceOf(version)}' >>"$NYMVISOR_DAEMON_HOME/${TRACES}"
exec sleep 600
`;
}

/** @returns the path. */
export function writeTinyDaemon(path: string, version: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, tinyDaemon(version));
  chmodSync(path, 0o755);
  return path;
}
