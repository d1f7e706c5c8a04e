import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";

/** A file in a daemon's home. */
export const TRACES = "versions";

/** The line of it that tells that a version has run on the home. */
export const traceOf = (version: string): string => `${version} was here`;

/** A version that writes into a file that an older one would not understand, and dies at once if `$SAMPLE_DIES` is set. */
export const NEWER = "6.6.6";

/** In a daemon's home: what the older versions keep there, and what {@link NEWER} makes of it. */
export const STORE = { name: "store", older: "as the older ones write it\n", newer: "migrated\n" } as const;

/** Its own doing, at each start; the others note `foreign` if they are started on what it has made of a home. */
function beginning(version: string, note: (event: string) => string): string {
  const traces = `"$NYMVISOR_DAEMON_HOME/${TRACES}"`;
  if (version !== NEWER) {
    return `[ ! -e ${traces} ] || while read -r trace; do [ "$trace" != '${traceOf(NEWER)}' ] || ${note("foreign")}; done <${traces}`;
  }
  return `printf '${STORE.newer.trimEnd()}\\n' >"$NYMVISOR_DAEMON_HOME/${STORE.name}"
[ -z "$SAMPLE_DIES" ] || { echo '${traceOf(version)}' >>${traces}; exit 3; }`;
}

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
${beginning(version, note)}
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
