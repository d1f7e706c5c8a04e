import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { encodeDocument, planSchema } from "../../src/model/documents.ts";
import { readDocument, requireUsable, writeDocument } from "../../src/system/documents.ts";
import { failureOf } from "../support/failure.ts";
import { AS_NOBODY, isRoot, runProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let path: string;

beforeEach(() => {
  home = temporaryHome();
  path = home.at("upgrade-plan.json");
});
afterEach(() => home[Symbol.dispose]());

const plan = { current: upgradeInfo({ version: "1.0.0" }), queuedUp: [upgradeInfo()] };

function reason(contents: string | Uint8Array): string {
  writeFileSync(path, contents);
  const found = readDocument(planSchema, path);
  if (found.state !== "unusable") throw new Error(`it is ${found.state}`);
  expect(readFileSync(path).equals(Buffer.from(contents as string))).toBe(true);
  return found.reason;
}

describe("a document", () => {
  test("is read as it was written", () => {
    writeDocument(planSchema, path, plan);
    expect(readDocument(planSchema, path)).toEqual({ state: "found", value: plan });
    expect(readFileSync(path, "utf8")).toBe(encodeDocument(planSchema, plan));
  });

  test("is read through a link", () => {
    writeDocument(planSchema, home.at("elsewhere"), plan);
    symlinkSync("elsewhere", path);
    expect(readDocument(planSchema, path)).toEqual({ state: "found", value: plan });
  });

  test("is written with the mode that is asked for", () => {
    writeDocument(planSchema, path, plan, { mode: 0o600 });
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
  });

  test("is missing where there is nothing, no folder, or a link that leads nowhere", () => {
    symlinkSync("nowhere", home.at("link"));
    writeFileSync(home.at("file"), "");
    for (const nothing of [path, home.at("missing/plan.json"), home.at("link"), home.at("file/plan.json")]) {
      expect(readDocument(planSchema, nothing)).toEqual({ state: "missing" });
    }
  });

  test.each([
    ["nothing", "", "it is empty"],
    ["zeros, as after a loss of power", "\0".repeat(500), "it is not JSON"],
    ["half of itself", encodeDocument(planSchema, plan).slice(0, 200), "it is not JSON"],
    ["more than itself", `${encodeDocument(planSchema, plan)}}`, "it is not JSON"],
    ["bytes that are no text", Uint8Array.of(0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d), "it is not JSON"],
    ["something else", '{"history": []}', "current: "],
    ["a list", "[]", "it: "],
    ["a word", "null", "it: "],
    [
      "a wrong time",
      encodeDocument(planSchema, plan).replaceAll("2026-11-21T12:00:00Z", "noon"),
      "current.upgradeTime: ",
    ],
  ])("that holds %s is unusable, says why, and stays as it is", (_, contents, expected) => {
    expect(reason(contents)).toStartWith(expected);
  });

  test("that is far too long is not read into memory as JSON", () => {
    writeFileSync(path, "");
    truncateSync(path, 65 * 1024 * 1024);
    expect(readDocument(planSchema, path)).toEqual({
      state: "unusable",
      reason: "it is larger than any such document",
    });
  });

  test("may not be a folder", () => {
    mkdirSync(path);
    expect(readDocument(planSchema, path)).toEqual({ state: "unusable", reason: "it is a folder" });
  });

  test.skipIf(!isRoot)("that may not be read is an error, and not a missing document", async () => {
    for (const folder of [join(home.path, ".."), home.path]) chmodSync(folder, 0o755);
    writeDocument(planSchema, path, plan, { mode: 0o600 });
    const code = `import { readDocument } from "#/system/documents.ts";
      import { planSchema } from "#/model/documents.ts";
      ${AS_NOBODY}
      try { console.log(readDocument(planSchema, ${JSON.stringify(path)}).state); } catch ({ what, why }) { console.log(what, "|", why); }`;
    expect(await runProgram(code)).toBe(`${path} cannot be read | permission is denied (EACCES)\n`);
  });

  test("leaves no other file behind when it cannot be encoded", () => {
    writeDocument(planSchema, path, plan);
    const wrong = { ...plan, current: { ...plan.current, upgradeTime: "now" as unknown as bigint } };
    expect(() => writeDocument(planSchema, path, wrong)).toThrow();
    expect(readdirSync(home.path)).toEqual(["upgrade-plan.json"]);
    expect(readDocument(planSchema, path)).toEqual({ state: "found", value: plan });
  });
});

describe("what is required", () => {
  test("is there, or is missing", () => {
    expect(requireUsable({ state: "found", value: 7 }, path, "look")).toBe(7);
    expect(requireUsable({ state: "missing" }, path, "look")).toBeUndefined();
  });

  test("is an error where it cannot be used", () => {
    expect(
      failureOf(() => requireUsable({ state: "unusable", reason: "it is empty" }, path, "look at it")),
    ).toMatchObject({
      what: `${path} is not what nymvisor wrote there`,
      why: "it is empty",
      next: "look at it",
    });
  });
});
