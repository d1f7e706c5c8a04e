import type { SimulatedProcess } from "./processes.ts";

/** Something that is to happen at a moment. */
export interface Appointment {
  /** Microseconds of the monotonic clock. */
  at: number;
  /** Decides between those of one moment. */
  tie: number;
  /** Whose code it runs; null: the world's own. A dead process keeps no appointment, a stopped one is late. */
  owner: SimulatedProcess | null;
  what: string;
  act: () => void;
  cancelled: boolean;
}

/** What is to happen, the earliest first: a binary heap. */
export class AppointmentQueue {
  readonly #heap: Appointment[] = [];

  add(appointment: Appointment): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(appointment);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Appointment;
      if (!isBefore(appointment, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = appointment;
  }

  /** The next one, which is no longer in the queue then; cancelled ones are passed over. */
  take(): Appointment | undefined {
    for (let next = this.#takeFirst(); next !== undefined; next = this.#takeFirst()) {
      if (!next.cancelled) return next;
    }
    return undefined;
  }

  #takeFirst(): Appointment | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Appointment, heap[child] as Appointment)) child += 1;
      const below = heap[child] as Appointment;
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(left: Appointment, right: Appointment): boolean {
  return left.at < right.at || (left.at === right.at && left.tie < right.tie);
}
