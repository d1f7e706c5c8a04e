import { dlopen, FFIType } from "bun:ffi";
import { readdirSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** What a process can ask the kernel to do with itself, and the runtime cannot. */
function open() {
  const { i32, i64, i64_fast, u64 } = FFIType;
  return dlopen("libc.so.6", {
    prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
    syscall: { args: [i64_fast, i64, i64, i64], returns: i64_fast },
  }).symbols;
}

/** PR_SET_PDEATHSIG of prctl(2), and the signal that nothing can catch. */
const PARENT_DEATH_SIGNAL = 1;
const SIGKILL = 9n;

/**
 * Has this process killed as soon as its parent is gone, whatever became of it.
 * @returns false if it is gone already: then nothing would come any more.
 */
export function dieWithParent(parent: number): boolean {
  open().prctl(PARENT_DEATH_SIGNAL, SIGKILL, 0n, 0n, 0n);
  return process.ppid === parent;
}

const LOWEST = 19;

/** ioprio_set(2): for one thread, the class "idle", which is served when nobody else wants the disk. */
const SYS_IOPRIO_SET = { x64: 251, arm64: 30 } as const;
const WHO_PROCESS = 1n;
const CLASS_IDLE = BigInt(3 << 13);

/**
 * Lets every other process go first, at the processor and at the disk. Both are properties of a thread on Linux, so each
 * of those that are there gets them; new ones inherit them. What the kernel does not grant is done without.
 */
export function yieldToOthers(): void {
  const { syscall } = open();
  const call = SYS_IOPRIO_SET[process.arch as keyof typeof SYS_IOPRIO_SET];
  for (const task of readdirSync("/proc/self/task")) {
    const thread = Number(task);
    quietly(() => setPriority(thread, LOWEST));
    if (call !== undefined) syscall(call, WHO_PROCESS, BigInt(thread), CLASS_IDLE);
  }
  // Where sessions are weighed against each other, niceness counts within one only: sched(7), "The autogroup feature".
  quietly(() => writeFileSync("/proc/self/autogroup", `${LOWEST}`));
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // A thread has ended meanwhile, or the kernel has no such thing.
  }
}
