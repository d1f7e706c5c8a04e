/**
 * Something under way that is given up for one of several reasons: its caller wants it no longer, a limit has passed, or
 * it is done with. The first reason stays. No timer and no listener is left behind after {@link GiveUp.now}.
 */
export class GiveUp {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly onCaller: () => void;

  constructor(private readonly caller: AbortSignal) {
    this.onCaller = () => this.now(caller.reason);
    if (caller.aborted) this.onCaller();
    else caller.addEventListener("abort", this.onCaller, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Gives up with that error unless {@link GiveUp.inTime} is called within so many milliseconds. */
  after(milliseconds: number, reason: () => Error): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(reason()), milliseconds);
  }

  inTime(): void {
    clearTimeout(this.timer);
  }

  now(reason: unknown): void {
    clearTimeout(this.timer);
    this.caller.removeEventListener("abort", this.onCaller);
    this.controller.abort(reason);
  }
}
