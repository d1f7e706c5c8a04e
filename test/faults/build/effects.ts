import { appendFileSync, existsSync } from "node:fs";
import { ARCHIVE_CHILD } from "../../../src/system/own-program.ts";
import { FAULT_MARK, FAULT_VARIABLE, type Fault, type FaultCode, RECORD_VARIABLE } from "./fault.ts";

/** Every effect passes through here, to be recorded and to go wrong. */

interface Act<T> {
  act: () => T;
  /** The first half of it, where it can be torn. */
  half?: () => void;
}

const record = process.env[RECORD_VARIABLE];
const fault = readFault();
const pattern = fault === undefined ? undefined : new RegExp(fault.effect);
let met = 0;

/** @returns what `act` returns. @throws the fault's error, or what `act` throws. */
export function effect<T>(kind: string, path: string, { act, half }: Act<T>): T {
  const action = meet(`${kind} ${normalise(path)}`);
  prevent(action, half);
  const result = act();
  if (action === "kill-after") die();
  return result;
}

/** As {@link effect}, for what settles later. */
export async function laterEffect<T>(kind: string, path: string, act: () => Promise<T>, half?: () => Promise<unknown>) {
  const action = meet(`${kind} ${normalise(path)}`);
  if (action !== undefined && action !== "kill-after") await half?.();
  prevent(action);
  const result = await act();
  if (action === "kill-after") die();
  return result;
}

function meet(name: string): Fault["action"] | undefined {
  if (record !== undefined) appendFileSync(record, `${name}\n`);
  if (fault === undefined || pattern?.test(name) !== true) return undefined;
  met += 1;
  if (fault.occurrence !== undefined && fault.occurrence !== met) return undefined;
  if (fault.while !== undefined && !existsSync(fault.while)) return undefined;
  if (record !== undefined) appendFileSync(record, `${FAULT_MARK}${name}\n`);
  return fault.action;
}

function prevent(action: Fault["action"] | undefined, half?: () => void): void {
  if (action === undefined || action === "kill-after") return;
  half?.();
  if (action === "kill-before") die();
  throw systemError(action);
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("a process goes on after SIGKILL");
}

function systemError(code: FaultCode): Error {
  return Object.assign(new Error(`${code}: a fault that was asked for`), { code });
}

/** The process that archives has effects of its own, beside those of the process that started it. */
const whose = process.argv.includes(ARCHIVE_CHILD) ? "archive:" : "";

/** The same in every run: without what names the run, a writer, or a moment. */
function normalise(path: string): string {
  const home = process.env.HOME;
  const isInHome = home !== undefined && `${path}/`.startsWith(`${home}/`);
  const inHome = isInHome ? `~${path.slice(home.length)}` : path;
  return `${whose}${inHome}`
    .replace(/\.tmp-\d+-\d+-\d+$/, ".tmp")
    .replace(/\d{4}-\d\d-\d\d-\d{9}/, "STAMP")
    .replace(/(\.stale)-\d+-\d+$/, "$1");
}

function readFault(): Fault | undefined {
  const text = process.env[FAULT_VARIABLE];
  return text === undefined ? undefined : JSON.parse(text);
}
