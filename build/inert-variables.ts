import { closeSync, openSync, writeSync } from "node:fs";
import { NymvisorError } from "../src/model/errors.ts";
import { readExactly, readSections, type Section } from "./elf.ts";
import type { Target } from "./targets.ts";

/*
 * Bun reads its own environment variables in a compiled executable as well: BUN_OPTIONS=--preload=x.ts runs x.ts in it,
 * BUN_BE_BUN=1 turns it into Bun, BUN_CONFIG_VERBOSE_FETCH=curl prints every request with its token, and no flag of
 * `bun build` turns this off (1.4.5). So the names are made unreadable in the finished file: the first byte of each
 * becomes 0x01, with which no variable's name begins that a shell, systemd or a person could set by accident.
 * Only the runtime's own sections are touched. The bundle lies in a section of its own (`.bun`), where nymvisor's
 * sources name some of these variables with good reason.
 */

const READ_ONLY_DATA = ".rodata";
const CODE = ".text";
const UNREADABLE = 0x01;

/** The names that the runtime hands to getenv(3), seen with a shim around it: every BUN_… of that form. */
const C_STRINGS = /(?<=\0)(?:BUN_[A-Z]\w*|NODE_TLS_REJECT_UNAUTHORIZED)(?=\0)/g;

/**
 * C strings that were seen to bend a compiled executable, or are known to. Each must be there exactly once, or else this
 * Bun reads its variables in another way than the one this file knows.
 */
const NEEDED_C_STRINGS = [
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  "BUN_INSPECT",
  "BUN_INSPECT_PRELOAD",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_FEATURE_FLAG_NO_ORPHANS",
  "BUN_BYTECODE_ORDER_OUT",
  "BUN_BYTECODE_DIGEST_OUT",
  "BUN_CONFIG_VERBOSE_FETCH",
  "NODE_TLS_REJECT_UNAUTHORIZED",
] as const;

/**
 * Names that the runtime looks up in its own copy of the environment. Rust packs them without a separator between other
 * strings, so they are listed: a pattern would hit words that are no variable's name. NODE_TLS_REJECT_UNAUTHORIZED=0
 * would switch off what the safety of a download stands on; NODE_EXTRA_CA_CERTS and SSL_CERT_FILE, which add an
 * authority, keep their meaning.
 */
const PACKED = [
  "BUN_CONFIG_VERBOSE_FETCH",
  "BUN_CONFIG_MAX_HTTP_REQUESTS",
  "BUN_DISABLE_TRANSPILER",
  "BUN_FEATURE_FLAG_FORCE_WAITER_THREAD",
  "BUN_FEATURE_FLAG_SYNTHETIC_MEMORY_LIMIT",
  "BUN_SHOW_BUN_STACKFRAMES",
  "NODE_TLS_REJECT_UNAUTHORIZED",
] as const;

/**
 * BUN_JSC_<option> has no string to change: the prefix is compared byte by byte in code, and the `B` of the first
 * comparison is changed. The instructions are those of this Bun's build, one row a machine.
 */
const PREFIX = "BUN_JSC_";
const COMPARISON: Readonly<
  Record<Target["name"], { at: (index: number) => number; instruction: (index: number, byte: number) => number[] }>
> = {
  // cmpb $byte, index(%r14); jne
  x64: {
    at: (index) => (index === 0 ? 0 : 6 + 7 * (index - 1)),
    instruction: (index, byte) => (index === 0 ? [0x41, 0x80, 0x3e, byte] : [0x41, 0x80, 0x7e, index, byte]),
  },
  // ldrb w10, [x9, #index]; cmp w10, #byte; b.ne
  arm64: {
    at: (index) => 12 * index,
    instruction: (_, byte) => {
      const word = (0x7100015f | (byte << 10)) >>> 0;
      return [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];
    },
  },
};

/**
 * Makes Bun's own environment variables mean nothing to a compiled executable, in place.
 * @returns how many places were changed.
 * @throws NymvisorError when the runtime does not look as expected; the file is then unchanged.
 */
export function makeVariablesInert(path: string, target: Target): number {
  const fd = openSync(path, "r+");
  try {
    const sections = readSections(fd);
    const data = sectionNamed(sections, READ_ONLY_DATA);
    const code = sectionNamed(sections, CODE);
    const names = findNames(readExactly(fd, data.offset, data.size));
    const comparison = findComparison(readExactly(fd, code.offset, code.size), target);
    for (const offset of names) writeSync(fd, Uint8Array.of(UNREADABLE), 0, 1, data.offset + offset);
    const instruction = Uint8Array.from(COMPARISON[target.name].instruction(0, UNREADABLE));
    writeSync(fd, instruction, 0, instruction.length, code.offset + comparison);
    return names.length + 1;
  } finally {
    closeSync(fd);
  }
}

function sectionNamed(sections: Map<string, Section>, name: string): Section {
  const section = sections.get(name);
  if (section === undefined) throw unexpected(`it has no section ${name}`);
  return section;
}

/** Where each name begins in the read-only data. */
export function findNames(data: Buffer): number[] {
  const text = data.toString("latin1");
  const places = new Set<number>();
  for (const { index } of text.matchAll(C_STRINGS)) places.add(index);
  for (const name of NEEDED_C_STRINGS) {
    const times = occurrences(text, `\0${name}\0`).length;
    if (times !== 1) throw unexpected(`it has ${name} as a C string ${times} times, not once`);
  }
  for (const name of PACKED) {
    const found = occurrences(text, name);
    const asCString = NEEDED_C_STRINGS.some((other) => other === name) ? 1 : 0;
    if (found.length <= asCString) throw unexpected(`it does not have ${name} among its packed strings`);
    for (const index of found) places.add(index);
  }
  return [...places];
}

function occurrences(text: string, word: string): number[] {
  const found: number[] = [];
  for (let index = text.indexOf(word); index !== -1; index = text.indexOf(word, index + 1)) found.push(index);
  return found;
}

/** Where the comparison of a variable with `BUN_JSC_` begins in the code. */
export function findComparison(code: Buffer, target: Target): number {
  const { at, instruction } = COMPARISON[target.name];
  const expected = Array.from(PREFIX, (letter, index) => Buffer.from(instruction(index, letter.charCodeAt(0))));
  const [first, ...rest] = expected as [Buffer, ...Buffer[]];
  const found: number[] = [];
  for (let offset = code.indexOf(first); offset !== -1; offset = code.indexOf(first, offset + 1)) {
    const whole = rest.every((bytes, index) => {
      const start = offset + at(index + 1);
      return code.subarray(start, start + bytes.length).equals(bytes);
    });
    if (whole) found.push(offset);
  }
  const [only, ...more] = found;
  if (only === undefined || more.length > 0) {
    throw unexpected(`it compares a variable's name with ${PREFIX} in ${found.length} places, not in one`);
  }
  return only;
}

function unexpected(why: string): NymvisorError {
  return new NymvisorError({
    what: `Bun ${Bun.version}'s runtime is not the one that build/inert-variables.ts knows`,
    why,
    next: "find out how this Bun reads its environment variables, and adapt that file and test/build/inert-variables.test.ts",
  });
}
