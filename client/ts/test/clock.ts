import type { Clock } from "@pay-theory/streamer";

/** The system's clock, until it jumps: as for a machine that slept. */
export class JumpingClock implements Clock {
  #ahead = 0;
  #timers = new Set<{ due: number; run: () => void; timer: NodeJS.Timeout }>();

  /** How many timers have not run. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return Date.now() + this.#ahead;
  }

  setTimeout(run: () => void, ms: number): unknown {
    const entry = { due: this.now() + ms, run: () => (this.#timers.delete(entry), run()), timer: undefined! as NodeJS.Timeout };
    entry.timer = setTimeout(entry.run, ms);
    this.#timers.add(entry);
    return entry;
  }

  clearTimeout(entry: any): void {
    if (!entry) return;
    clearTimeout(entry.timer);
    this.#timers.delete(entry);
  }

  random(): number {
    return Math.random();
  }

  /** Lets so many milliseconds pass at once. */
  jump(ms: number): void {
    this.#ahead += ms;
    for (const entry of this.#timers) {
      clearTimeout(entry.timer);
      entry.timer = setTimeout(entry.run, Math.max(0, entry.due - this.now()));
    }
  }
}
