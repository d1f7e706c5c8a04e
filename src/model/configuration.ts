import { describePlace, type FileSource } from "./config-source.ts";
import { NymvisorError, UsageError } from "./errors.ts";
import { objectionToDaemonName } from "./names.ts";
import { isWithin } from "./paths.ts";
import { type Configuration, configurationSchema, type Setting, settings } from "./settings.ts";
import { asTable, describeValue } from "./toml-value.ts";
import { unknownKeys } from "./unknown-keys.ts";

export interface Sources {
  /** Null: there is none yet, which is the case at `init` only. */
  file: FileSource | null;
  environment: Readonly<Record<string, string | undefined>>;
  /** Name of the flag without dashes to its text; `"true"` for one that takes no value. */
  flags: ReadonlyMap<string, string>;
  /** What relative paths in variables and flags are relative to. */
  workingDirectory: string;
  /** What the binary calls itself: the default of `[daemon] name`, and of `[nymvisor] id` with `-default` behind it. */
  daemonName?: string;
}

/** Where a value came from. */
export type Origin =
  | { from: "environment"; variable: string }
  | { from: "flag"; flag: string }
  | { from: "file"; path: string; line: number | undefined }
  | { from: "default" };

export interface Resolved {
  configuration: Configuration;
  /** By `table.key`. */
  origins: ReadonlyMap<string, Origin>;
}

interface Candidate {
  origin: Origin;
  /** The value in the file's form, or what is wrong with the text that it stood in. */
  raw: { value: unknown } | { problem: string };
}

/** A mistake of the person who typed the command is a usage error; one in a file or a variable is not. */
interface Problem {
  text: string;
  usage: boolean;
}

/** A foreign file would fill the screen. */
const MOST_PROBLEMS = 20;

/**
 * Puts the configuration together: environment over flags over file over defaults. Every value of every source must be
 * valid, also one that another source overrides, and all that is wrong is reported at once.
 * @throws {UsageError} if a flag is wrong, or `init` was not told the daemon's home.
 * @throws {NymvisorError} if only variables or the file are wrong or incomplete.
 */
export function resolveConfiguration(sources: Sources): Resolved {
  const { file } = sources;
  const problems: Problem[] = file === null ? [] : unknownKeys(file).map((text) => ({ text, usage: false }));
  const values: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, Origin>();
  for (const setting of settings) {
    const candidates = candidatesFor(setting, sources);
    problems.push(...candidates.flatMap((candidate) => problemsWith(setting, candidate)));
    const [chosen] = candidates;
    if (chosen === undefined) {
      problems.push(missing(setting, file));
    } else if ("value" in chosen.raw) {
      values[setting.table] = { ...values[setting.table], [setting.key]: chosen.raw.value };
      origins.set(nameOf(setting), chosen.origin);
    }
  }
  if (problems.length > 0) throw report(problems, file);
  const configuration = configurationSchema.parse(values);
  const entangled = entangledFolders(configuration, origins, file === null);
  if (entangled !== undefined) throw report([entangled], file);
  return { configuration, origins };
}

/** `config.toml:12`, `$DAEMON_HOME`, `--daemon-home`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.from) {
    case "environment":
      return `$${origin.variable}`;
    case "flag":
      return `--${origin.flag}`;
    case "file":
      return describePlace(origin.path, origin.line);
    case "default":
      return "the default";
  }
}

function nameOf({ table, key }: Setting): string {
  return `${table}.${key}`;
}

/** What the sources say of one setting, the one that wins first. */
function candidatesFor(setting: Setting, sources: Sources): Candidate[] {
  const { file, environment, flags, workingDirectory } = sources;
  const candidates: Candidate[] = [];
  const add = (origin: Origin, read: () => unknown) => {
    try {
      candidates.push({ origin, raw: { value: read() } });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      candidates.push({ origin, raw: { problem: error.message } });
    }
  };
  const { kind, table, key, env, flag } = setting;
  const variable = environment[env];
  if (variable) add({ from: "environment", variable: env }, () => kind.fromText(variable, workingDirectory));
  const text = flag === undefined ? undefined : flags.get(flag);
  if (flag !== undefined && text !== undefined)
    add({ from: "flag", flag }, () => kind.fromText(text, workingDirectory));
  const rows = file === null ? undefined : asTable(file.tables[table]);
  if (file !== null && rows !== undefined && Object.hasOwn(rows, key)) {
    const line = file.lineOf(table, key) ?? file.lineOf(table);
    add({ from: "file", path: file.path, line }, () => rows[key]);
  }
  const fallback = defaultOf(setting, sources);
  if (candidates.length === 0 && fallback !== undefined) add({ from: "default" }, () => fallback);
  return candidates;
}

function defaultOf(setting: Setting, { daemonName, environment }: Sources): unknown {
  if (setting.default !== undefined || daemonName === undefined) return setting.default;
  switch (nameOf(setting)) {
    case "daemon.name":
      return daemonName;
    case "nymvisor.id":
      return `${typedName(environment.DAEMON_NAME) ?? daemonName}-default`;
    default:
      return undefined;
  }
}

/** A name that cannot be used is reported once, where it stands, and not again as a part of the id. */
function typedName(text: string | undefined): string | undefined {
  return text && objectionToDaemonName(text) === undefined ? text : undefined;
}

function problemsWith(setting: Setting, { origin, raw }: Candidate): Problem[] {
  const problem = "problem" in raw ? raw.problem : objectionTo(setting, raw.value);
  if (problem === undefined) return [];
  const what = origin.from === "file" || origin.from === "default" ? `[${setting.table}] ${setting.key}: ` : "";
  return [{ text: `${describeOrigin(origin)}: ${what}${problem}`, usage: origin.from === "flag" }];
}

/** Why `value`, in the file's form, cannot be what `setting` is set to. */
function objectionTo({ kind }: Setting, value: unknown): string | undefined {
  const parsed = kind.schema.safeParse(value);
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  if (issue?.code !== "invalid_type") return issue?.message ?? "it cannot be used";
  const expected = issue.expected === "boolean" ? "true or false, without quotes" : `a ${issue.expected} in quotes`;
  return `${describeValue(value)} stands where ${expected} is expected`;
}

function missing({ table, key, kind, env, flag }: Setting, file: FileSource | null): Problem {
  if (file !== null) {
    return { text: `${file.path}: [${table}] ${key} is missing; add it there, or set $${env}`, usage: false };
  }
  const typed = flag === undefined ? "" : `give --${flag} ${kind.hint}, or `;
  return { text: `[${table}] ${key} is missing: ${typed}set $${env}`, usage: true };
}

/**
 * A home within its own backup folder would be written into by its backups. The other way round a backup leaves its own
 * folder out, so an instance that is like that goes on; a new one is not begun like that, but for `<home>/nymvisor`.
 */
function entangledFolders(
  { daemon }: Configuration,
  origins: Resolved["origins"],
  isNew: boolean,
): Problem | undefined {
  const { home, backup_data_directory: backups } = daemon;
  if (backups === null) return undefined;
  const origin = origins.get("daemon.backup_data_directory") ?? { from: "default" };
  const refuse = (why: string) => ({
    text: `${describeOrigin(origin)}: ${why}; choose a folder apart from the home, or leave it out for ${home}/nymvisor/backups`,
    usage: origin.from === "flag",
  });
  if (isWithin(home, backups)) return refuse(`the daemon's home ${home} lies in its backup folder ${backups}`);
  if (isNew && isWithin(backups, home) && !isWithin(backups, `${home}/nymvisor`)) {
    return refuse(`the backup folder ${backups} lies in the daemon's home ${home}, which is what is backed up`);
  }
  return undefined;
}

function report(problems: readonly Problem[], file: FileSource | null): NymvisorError {
  const shown = problems.slice(0, MOST_PROBLEMS).map(({ text }) => text);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  const failure = {
    what:
      problems.length === 1
        ? "the configuration cannot be used"
        : `${problems.length} things are wrong with the configuration`,
    why: shown.join("\n"),
  };
  if (problems.some(({ usage }) => usage))
    return new UsageError({ ...failure, next: "nymvisor init --help shows every flag" });
  return new NymvisorError({
    ...failure,
    next:
      file === null ? "correct what is named above" : "correct what is named above, and check it with: nymvisor config",
  });
}
