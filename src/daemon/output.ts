import { closeSync, fstatSync, openSync } from "node:fs";
import { NymvisorError, reasonOf } from "../model/errors.ts";
import { systemClock } from "../system/clock.ts";
import { journalLines } from "./journal-lines.ts";
import type { ChildEnvironment } from "./launch.ts";
import { findStreams, STDERR, STDOUT, type Stream } from "./streams.ts";
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
  const began = systemClock.wall();
  const given = { [STDOUT]: STDOUT, [STDERR]: STDERR };
  const tees: Tee[] = [];
  const open = ({ kind, descriptors, size }: Stream): Source => {
    const [descriptor] = descriptors;
    switch (kind) {
      case "file":
        return fileSource(descriptor, size);
      case "journal":
        // It keeps daemons apart by itself, and both outputs of one together.
        return { read: (pid) => journalLines(pid, began, environment), freeze() {} };
      case "pipe": {
        const tee = new Tee(descriptor, environment);
        tees.push(tee);
        for (const one of descriptors) given[one] = tee.input;
        return freezable(
          () => tee.tail(),
          () => tee.close(),
        );
      }
      case "terminal":
        throw new NymvisorError({ what: "its output goes to a terminal" });
      case "other":
        throw new NymvisorError({ what: "its output goes to no file, pipe or journal" });
    }
  };
  const sources = findStreams(environment.JOURNAL_STREAM).map((stream) => openOrReason(() => open(stream)));
  return {
    stdout: given[STDOUT],
    stderr: given[STDERR],
    handedOver() {
      for (const tee of tees) tee.handedOver();
    },
    lastLines: (pid) => collect(sources, pid),
    async end() {
      await Promise.all(tees.map((tee) => tee.drained()));
      for (const source of sources) source.freeze();
    },
  };
}

/** A source that cannot be opened is one that says why at each look. */
function openOrReason(open: () => Source): Source {
  try {
    return open();
  } catch (error) {
    return { read: () => Promise.reject(error), freeze() {} };
  }
}

async function collect(sources: readonly Source[], pid: number): Promise<LastLines> {
  const outputs: Buffer[][] = [];
  const reasons = new Set<string>();
  for (const source of sources) {
    try {
      outputs.push(splitLines(await source.read(pid)));
    } catch (error) {
      reasons.add(reasonOf(error));
    }
  }
  // The one that says nothing does not speak for the one that cannot be read.
  if (reasons.size > 0 && outputs.every((lines) => lines.length === 0)) return { reason: [...reasons].join("; ") };
  return { lines: shareLines(outputs) };
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

/** Opened by its descriptor: the file may have been given another name since, or none. @throws if it may not be read. */
function fileSource(descriptor: number, start: number): Source {
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
