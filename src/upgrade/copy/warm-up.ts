import { closeSync, fstatSync } from "node:fs";
import { freemem } from "node:os";
import { isCached } from "../../system/file-calls.ts";
import { type BytePath, encodePath } from "../archive/byte-path.ts";
import { pathFilter } from "../archive/path-patterns.ts";
import { walkHome } from "../archive/walk.ts";
import { GENTLE_PIECE, Pace } from "../pace.ts";
import type { CopyRequest } from "./home-copy.ts";
import { readWhole } from "./read-chunks.ts";
import { openSource } from "./reading.ts";

/** Smaller files are read in no time from anywhere, and there may be very many. */
const SMALLEST = 64 << 10;

/** How much of a home is read, at most: more is hardly ever changed at a stop. */
const MOST_BYTES = 512 << 20;
/** And of the memory that the machine has to spare, so that nothing of the daemon's own has to go for it. */
const SHARE_OF_MEMORY = 4;

/** How many files are remembered until the newest among them are sorted out. */
const MOST_FILES = 4096;

export type WarmUpRequest = Pick<CopyRequest, "home" | "excluded" | "exclude" | "rebuildable" | "signal"> & {
  /** Executables that run from now on. */
  programs: readonly string[];
  /** How much of the home is read; by default {@link MOST_BYTES}, and no more than the machine has to spare. */
  mostBytes?: number;
};

/**
 * Has the kernel hold in memory what is going to be read while the node is down: the files of the home that changed last,
 * since those are the likeliest to change again, and the new program. What was read minutes before, when the copy began,
 * may be gone from memory by now, and would be waited for with the node down (measured with a home of 4 GiB, on a kernel that
 * gives up what was not used for 30 s: 350 ms instead of 60 for the same changes). As {@link HomeCopy.round} it leaves the
 * machine to the daemon for half of the time.
 *
 * Nothing depends on it, so what cannot be read is passed over: the one who needs it tells of it.
 */
export async function warmUp(request: WarmUpRequest): Promise<void> {
  const { signal, programs } = request;
  const pace = new Pace();
  const into = Buffer.allocUnsafeSlow(GENTLE_PIECE);
  const mostBytes = request.mostBytes ?? Math.min(MOST_BYTES, freemem() / SHARE_OF_MEMORY);
  const files = await newestOf({ ...request, mostBytes }, pace);
  for (const path of [...files, ...programs.map(encodePath)]) {
    signal?.throwIfAborted();
    await readThrough(path, into, pace).catch(() => {});
  }
}

async function readThrough(path: BytePath, into: Buffer, pace: Pace): Promise<void> {
  const file = openSource(path);
  if (file === undefined) return;
  try {
    const { size } = fstatSync(file);
    for (let position = 0; position < size; position += into.length) {
      // Also where it is there already: what was used just now is given up last.
      const isThere = isCached(file, position, Math.min(into.length, size - position)) === true;
      const count = await readWhole({ path, file }, into, position, into.length);
      await (isThere ? pace.breathe() : pace.moved(count));
    }
  } finally {
    closeSync(file);
  }
}

interface Candidate {
  path: BytePath;
  bytes: number;
  changed: bigint;
}

/** The files that changed last, the latest one last: what is read last stays longest. */
async function newestOf(request: WarmUpRequest & { mostBytes: number }, pace: Pace): Promise<BytePath[]> {
  const { home, excluded, exclude, rebuildable, mostBytes: most } = request;
  const isRebuildable = pathFilter(rebuildable);
  let candidates: Candidate[] = [];
  for (const found of walkHome(home, excluded, { leaveOut: pathFilter(exclude) })) {
    await pace.breathe();
    if (found.gone || found.kind !== "file" || isRebuildable(found.name)) continue;
    const { byteCount, mtimeNs } = found.stat;
    if (byteCount < SMALLEST) continue;
    candidates.push({ path: found.path, bytes: byteCount, changed: mtimeNs });
    if (candidates.length >= MOST_FILES) candidates = newestWithin(candidates, most).slice(0, MOST_FILES / 2);
  }
  return newestWithin(candidates, most)
    .map(({ path }) => path)
    .reverse();
}

/** The latest first, as many as have that many bytes together; a file that does not fit is passed over for smaller ones. */
function newestWithin(candidates: readonly Candidate[], most: number): Candidate[] {
  let left = most;
  return candidates
    .toSorted((a, b) => Number(b.changed - a.changed))
    .filter(({ bytes }) => {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    });
}
