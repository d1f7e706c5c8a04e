import { describe, expect, test } from "bun:test";
import { describeHold, type HoldLine, renderHold, renderResume } from "../../src/model/render-wishes.ts";

const own: HoldLine = { until: null, by: "command", why: "two versions in a row were put back" };
const flat = (text: string) => text.replace(/\s+/g, " ").trim();

describe("a hold that nymvisor itself has set", () => {
  test("tells why, and how to end it", () => {
    expect(describeHold(own)).toBe("until it is lifted, because two versions in a row were put back (nymvisor resume)");
    expect(describeHold({ ...own, why: null })).toBe("until it is lifted, by nymvisor hold (nymvisor resume)");
  });

  test("is told of again by who types hold as well", () => {
    expect(flat(renderHold(null, own, "/data"))).toContain("They are because two versions in a row were put back.");
    expect(flat(renderHold(0n, own, "/data"))).toContain("It was held until it is lifted, because two versions");
  });

  test("is ended like any other, and its reason said once more", () => {
    const text = renderResume(own, []);
    expect(flat(text)).toContain("The hold is ended. It held because two versions in a row were put back.");
    expect(text).toEndWith("To undo: nymvisor hold\n");
    expect(renderResume({ ...own, why: null }, [])).not.toContain("because");
  });
});
