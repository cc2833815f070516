/** How long things may take, all in milliseconds. */
export interface Timing {
  /** How long a handshake may take. Default 15 s. */
  handshakeMs: number;
  /** How long an answer may take before the message is sent again; API Gateway gives up after 29 s. Default 35 s. */
  answerMs: number;
  /** Ping after so long without a message; API Gateway closes a connection that is idle for 10 minutes. Default 4 min. */
  pingMs: number;
  /** The same while something is waited for. Default 1 min. */
  busyPingMs: number;
  /** A ping that is not answered in this time ends the connection. Default 10 s. */
  pongMs: number;
  /** A connection that was silent for so long, because the machine slept, is not asked any more. Default 10 min. */
  idleMs: number;
  /** Open the next connection at this age, less a random tenth; API Gateway closes one at 2 h. Default 110 min. */
  lifeMs: number;
  /** How long before a token's expiry the next connection is opened, at most a fifth of what is left. Default 1 min. */
  tokenMarginMs: number;
  /** How long an old connection stays open beside its successor at most. Default 10 s. */
  handoverMs: number;
  /** Waits between attempts are random between 0 and the smaller of backoffMs doubled each time, and backoffMaxMs. Defaults 500 ms and 30 s. */
  backoffMs: number;
  backoffMaxMs: number;
}

const defaults: Timing = {
  handshakeMs: 15_000,
  answerMs: 35_000,
  pingMs: 240_000,
  busyPingMs: 60_000,
  pongMs: 10_000,
  idleMs: 600_000,
  lifeMs: 6_600_000,
  tokenMarginMs: 60_000,
  handoverMs: 10_000,
  backoffMs: 500,
  backoffMaxMs: 30_000,
};

/** What is given, and the defaults of what is not, or undefined. */
export function timing(given: Partial<Timing> = {}): Timing {
  return { ...defaults, ...Object.fromEntries(Object.entries(given).filter(([, ms]) => ms !== undefined)) };
}

/** Where time comes from; tests give one that runs faster, or jumps. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
  /** 0 to 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random(),
};

/** Full jitter: see "Exponential Backoff And Jitter", AWS Architecture Blog. */
export function backoff(clock: Clock, timing: Timing, failures: number): number {
  return clock.random() * Math.min(timing.backoffMaxMs, timing.backoffMs * 2 ** Math.min(failures, 30));
}
