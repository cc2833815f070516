import type { Clock, Timing } from "./timing.js";

/** What this package uses of a WebSocket: the browsers' own, Node's (22 and later), or the package ws. */
export interface WebSocketLike {
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(data: string): void;
  close(code?: number): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface ConnectionEvents {
  opened(): void;
  message(data: string): void;
  /** Once, whichever side ended it; code as in a close frame, 1006 if there was none. */
  ended(code: number): void;
  /** Whether anything is waited for. */
  busy(): boolean;
}

/** One WebSocket from its handshake to its end, and whether anyone is still there. */
export class Connection {
  open = false;
  #ended = false;
  #heard: number;
  #timer: unknown;
  #pinging = false;

  constructor(
    private readonly socket: WebSocketLike,
    private readonly clock: Clock,
    private readonly timing: Timing,
    private readonly events: ConnectionEvents,
  ) {
    this.#heard = clock.now();
    this.#after(timing.handshakeMs, () => this.close());
    socket.onopen = () => {
      this.open = true;
      this.#hear();
      this.#watch();
      events.opened();
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      this.#hear();
      if (typeof data === "string") events.message(data);
    };
    socket.onclose = ({ code }: { code: number }) => this.#end(code);
    socket.onerror = () => {
      if (!this.open) this.#end(1006); // undici 6, which Node 22 has, lets no close follow here
    };
  }

  send(text: string): void {
    try {
      this.socket.send(text);
    } catch {
      this.close(); // it is closing, and has not said so yet
    }
  }

  /** Ends the connection without waiting for the other side, which may be gone. */
  close(): void {
    this.#end(1006);
    try {
      this.socket.close(1000);
    } catch {
      // it was not open yet, or is closed
    }
  }

  /** Asks whether anyone is there, and ends the connection if nobody answers in time. */
  check(ms: number = this.timing.pongMs): void {
    if (!this.open || this.#pinging) return;
    this.#pinging = true;
    this.send('{"action":"streamer.ping"}');
    this.#after(ms, () => this.close());
  }

  #hear(): void {
    this.#heard = this.clock.now();
    if (this.#pinging) {
      this.#pinging = false;
      this.#watch();
    }
  }

  #watch(): void {
    const { pingMs, busyPingMs, idleMs } = this.timing;
    const silent = this.clock.now() - this.#heard;
    if (silent >= idleMs) return this.close(); // the machine slept
    if (silent >= (this.events.busy() ? busyPingMs : pingMs)) return this.check();
    this.#after(busyPingMs - (silent % busyPingMs), () => this.#watch());
  }

  #after(ms: number, run: () => void): void {
    if (this.#ended) return;
    this.clock.clearTimeout(this.#timer);
    this.#timer = this.clock.setTimeout(run, ms);
  }

  #end(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.open = false;
    this.clock.clearTimeout(this.#timer);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.events.ended(code);
  }
}
