import { describe, expect, test } from "bun:test";
import { drawnProgress, loggedProgress, type ProgressEvent, renderBar } from "../../src/system/progress.ts";

const MIB = 1024 * 1024;

function event(done: number, total: number | null = 100, name = "1.1.0"): ProgressEvent {
  return { type: "progress", task: "download", name, done, total };
}

describe("a bar", () => {
  test("shows its part, in numbers and as a picture", () => {
    expect(renderBar(event(30 * MIB, 100 * MIB), 100)).toBe(
      "download 1.1.0  [#########---------------------]   30 %  30.0 MiB of 100.0 MiB",
    );
    expect(renderBar(event(100 * MIB, 100 * MIB), 100)).toContain(`[${"#".repeat(30)}]  100 %`);
    expect(renderBar(event(3 * MIB, null), 100)).toBe("download 1.1.0  3.0 MiB");
  });

  test.each([200, 80, 60, 50, 40, 20, 10, 2, 1])("never fills a line of %d columns", (columns) => {
    for (const name of ["1.1.0", "日本".repeat(40), "x\n\u001b[2J".repeat(30)]) {
      for (const total of [100, null]) {
        const bar = renderBar(event(30, total, name), columns);
        expect(Bun.stringWidth(bar)).toBeLessThan(Math.max(2, columns));
        expect(bar).not.toMatch(/\p{Cc}/u);
      }
    }
  });
});

describe("on a terminal", () => {
  function screen() {
    let shown = "";
    const clock = { now: 0 };
    const progress = drawnProgress({
      draw: (text) => {
        shown += text;
      },
      columns: () => 60,
      now: () => clock.now,
    });
    const take = () => {
      const taken = shown;
      shown = "";
      return taken;
    };
    return { progress, clock, take };
  }

  test("it is redrawn in place, at most ten times a second", () => {
    const { progress, clock, take } = screen();
    progress.show(event(1));
    expect(take()).toBe(renderBar(event(1), 60));
    for (let done = 2; done < 50; done += 1) progress.show(event(done));
    expect(take()).toBe("");
    clock.now = 100;
    progress.show(event(50));
    expect(take()).toBe(`\r\u001b[K${renderBar(event(50), 60)}`);
  });

  test("what is done is shown at once and stays, and is not told twice", () => {
    const { progress, take } = screen();
    progress.show(event(1));
    take();
    progress.show(event(100));
    expect(take()).toBe(`\r\u001b[K${renderBar(event(100), 60)}\n`);
    progress.show(event(100));
    progress.clear();
    expect(take()).toBe("");
    progress.show(event(1));
    progress.show(event(100));
    expect(take()).toEndWith("100 B of 100 B\n");
  });

  test("it makes room for a line, and comes back with the next news", () => {
    const { progress, take } = screen();
    progress.clear();
    expect(take()).toBe("");
    progress.show(event(1));
    take();
    progress.clear();
    expect(take()).toBe("\r\u001b[K");
    progress.show(event(2));
    expect(take()).toBe(renderBar(event(2), 60));
  });
});

describe("in a log", () => {
  function logged(events: readonly ProgressEvent[]): number[] {
    const lines: number[] = [];
    const progress = loggedProgress(({ done }) => void lines.push(done));
    for (const each of events) progress.show(each);
    return lines;
  }

  test("there is one line for each ten percents", () => {
    const all = Array.from({ length: 1001 }, (_, done) => event(done, 1000));
    expect(logged(all)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  });

  test("steps that were jumped over are not made up for, and what is done is told once", () => {
    expect(logged([event(0), event(35), event(36), event(100), event(100)])).toEqual([35, 100]);
  });

  test("what goes on in the middle says so", () => {
    expect(logged([event(45), event(46)])).toEqual([45]);
  });

  test("what begins anew is told anew", () => {
    expect(logged([event(50), event(0), event(50)])).toEqual([50, 50]);
  });

  test("of an unknown whole there is one line for each 50 MiB", () => {
    const all = Array.from({ length: 121 }, (_, done) => event(done * MIB, null));
    expect(logged(all)).toEqual([50 * MIB, 100 * MIB]);
  });

  test("two at once are counted apart", () => {
    expect(logged([event(10), event(20, 100, "1.2.0"), event(11), event(21, 100, "1.2.0")])).toEqual([10, 20]);
  });
});
