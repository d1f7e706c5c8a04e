import { type BigIntStats, closeSync, fstatSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import { reasonOf } from "../model/errors.ts";
import { journalLines } from "./journal-lines.ts";
import type { ChildEnvironment } from "./launch.ts";
import { shareLines, splitLines, type Tail } from "./tail.ts";
import { readTail, Tee } from "./tee.ts";

/**
 * The most recent lines that a daemon printed, up to 200, oldest first: each without its line feed and bounded to 4 KiB,
 * 256 KiB in all. Or why there are none to be had.
 */
export type LastLines = { lines: Buffer[] } | { reason: string };

/** The output of a daemon, which arrives where ours does, and whose last lines can be read. */
export interface KeptOutput {
  /** What the daemon is given. */
  stdout: number;
  stderr: number;
  /** To be called once the daemon has been started, or could not be. */
  handedOver(): void;
  lastLines(pid: number): Promise<LastLines>;
  /** The daemon has ended. Waits for its last words to arrive, but not for long. Never throws. */
  end(): Promise<void>;
}

const STDOUT = 1;
const STDERR = 2;

/** What a descriptor of ours leads to. Two that lead to the same are one output. */
interface Stream {
  descriptors: number[];
  identity: string;
  kind: "file" | "journal" | "pipe" | "terminal" | "other";
  size: number;
}

/** Where the end of an output is to be had. */
interface Source {
  read(pid: number): Tail | Promise<Tail>;
  /** The daemon has ended: what is there is all there ever was. Another daemon will print to the same place. */
  freeze(): void;
}

/**
 * Decides by what our own output is how the daemon's last lines are to be had. A file is read from where it ended when
 * the daemon began; the journal is asked; only a pipe, or a socket, needs somebody in between. A terminal is the daemon's
 * own: it writes in colours to it, and whoever looks at it has seen the lines. Never throws: what cannot be kept is
 * inherited all the same.
 */
export function keepOutput(environment: ChildEnvironment): KeptOutput {
  const began = Date.now();
  const streams = findStreams(environment.JOURNAL_STREAM);
  const sources: Source[] = [];
  const reasons: string[] = [];
  let tee: Tee | undefined;
  const attempt = (open: () => void) => {
    try {
      open();
    } catch (error) {
      reasons.push(reasonOf(error));
    }
  };

  for (const stream of streams.filter(({ kind }) => kind === "file")) attempt(() => sources.push(fileSource(stream)));
  if (streams.some(({ kind }) => kind === "journal")) {
    // It keeps daemons apart by itself.
    sources.push({ read: (pid) => journalLines(pid, began, environment), freeze() {} });
  }
  const pipes = streams.filter(({ kind }) => kind === "pipe");
  if (pipes.length > 0) {
    attempt(() => {
      const opened = new Tee(
        pipes.map(({ descriptors }) => descriptors[0] ?? STDOUT),
        environment,
      );
      sources.push(
        freezable(
          () => opened.tail(),
          () => opened.close(),
        ),
      );
      tee = opened;
    });
  }
  for (const { kind } of streams) {
    if (kind === "terminal") reasons.push("its output goes to a terminal");
    if (kind === "other") reasons.push("its output goes to no file, pipe or journal");
  }

  const givenFor = (descriptor: number): number => {
    const stream = pipes.find(({ descriptors }) => descriptors.includes(descriptor));
    return tee?.inputFor(stream?.descriptors[0] ?? descriptor) ?? descriptor;
  };
  const [stdout, stderr] = [givenFor(STDOUT), givenFor(STDERR)];
  const collect = async (pid: number): Promise<LastLines> => {
    const outputs: Buffer[][] = [];
    const objections = [...reasons];
    for (const source of sources) {
      try {
        outputs.push(splitLines(await source.read(pid)));
      } catch (error) {
        objections.push(reasonOf(error));
      }
    }
    if (outputs.length === 0) return { reason: objections.join("; ") };
    return { lines: shareLines(outputs) };
  };

  return {
    stdout,
    stderr,
    handedOver: () => tee?.handedOver(),
    lastLines: collect,
    async end() {
      await tee?.drained();
      for (const source of sources) source.freeze();
    },
  };
}

function freezable(read: () => Tail, close: () => void): Source {
  let look = read;
  return {
    read: () => look(),
    freeze() {
      look = asItIs(read);
      close();
    },
  };
}

/** What a look gives now, be it an error. */
function asItIs<T>(look: () => T): () => T {
  try {
    const seen = look();
    return () => seen;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function findStreams(journal: string | undefined): Stream[] {
  const streams: Stream[] = [];
  for (const descriptor of [STDOUT, STDERR]) {
    const stat = statOf(descriptor);
    const identity = stat === undefined ? `closed ${descriptor}` : `${stat.dev}:${stat.ino}`;
    const same = streams.find((stream) => stream.identity === identity);
    if (same !== undefined) same.descriptors.push(descriptor);
    else {
      const kind = stat === undefined ? "other" : kindOf(stat, descriptor, identity === journal);
      streams.push({ descriptors: [descriptor], identity, kind, size: Number(stat?.size ?? 0n) });
    }
  }
  return streams;
}

function statOf(descriptor: number): BigIntStats | undefined {
  try {
    return fstatSync(descriptor, { bigint: true });
  } catch {
    // A closed descriptor leads nowhere.
    return undefined;
  }
}

function kindOf(stat: BigIntStats, descriptor: number, isJournal: boolean): Stream["kind"] {
  if (isJournal) return "journal";
  if (stat.isFile()) return "file";
  if (stat.isFIFO() || stat.isSocket()) return "pipe";
  return isatty(descriptor) ? "terminal" : "other";
}

/** Opened by its descriptor: the file may have been given another name since, or none. @throws if it may not be read. */
function fileSource({ descriptors: [descriptor], size: start }: Stream): Source {
  const file = openSync(`/proc/self/fd/${descriptor}`, "r");
  return freezable(
    () => {
      const { size } = fstatSync(file);
      // It may have been emptied meanwhile, as logrotate's copytruncate does.
      return readTail(file, size < start ? 0 : start, size);
    },
    () => closeSync(file),
  );
}
