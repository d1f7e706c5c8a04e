import { expect, test } from "bun:test";
import { type Appointment, AppointmentQueue } from "../../simulation/queue.ts";
import { Random } from "../../simulation/random.ts";

function appointment(at: number, tie: number): Appointment {
  return { at, tie, owner: null, what: "", act: () => {}, cancelled: false };
}

test("appointments come in the order of their moments, and of their ties within one", () => {
  const random = new Random("queue");
  const all = Array.from({ length: 500 }, () => appointment(random.int(0, 40), random.int(0, 1000)));
  const queue = new AppointmentQueue();
  for (const one of all) queue.add(one);
  const taken = all.map(() => queue.take());
  const moments = (some: readonly (Appointment | undefined)[]) => some.map((one) => [one?.at, one?.tie]);
  expect(moments(taken)).toEqual(moments(all.toSorted((a, b) => a.at - b.at || a.tie - b.tie)));
  expect(queue.take()).toBeUndefined();
});

test("one that was cancelled is passed over", () => {
  const queue = new AppointmentQueue();
  const [first, second] = [appointment(1, 0), appointment(2, 0)];
  queue.add(first);
  queue.add(second);
  first.cancelled = true;
  expect(queue.take()).toBe(second);
});
