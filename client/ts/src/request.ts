import { notify } from "./notify.js";
import {
  isTerminal,
  type AcceptedFrame, type EventFrame, type ProgressFrame, type ResponseFrame, type Status, type SubscribedFrame, type TerminalFrame,
} from "./protocol.js";

/** A request's newest state. */
export interface Update {
  /** Where the request stands: SUBMITTING until the stage has accepted it. */
  readonly status: "SUBMITTING" | Status;
  /** 0 to 100. It never falls within an attempt; the next one may start below. */
  readonly percentage: number;
  /** What the handler says it is doing. It is the handler's text: show it as text, not as HTML. */
  readonly message: string;
  /** Counts the tries, from 1; 0 until the first has said something. */
  readonly attempt: number;
  /** When the next attempt may start, in Unix milliseconds; only while RETRYING. */
  readonly nextAt?: number;
  /** Why the last attempt failed; only while RETRYING, or FAILED. */
  readonly code?: string;
  /** When the stage made the frame that this came with, in Unix milliseconds by its clock. */
  readonly at?: number;
}

/**
 * A request that is followed, over any number of connections.
 *
 * Iterating yields the newest state at once and after each change; the last has a terminal
 * status. A slow reader skips states, and nothing is kept for it. That a request failed is
 * no error of the iteration: result() says why it did.
 */
export interface StreamerRequest<Result = unknown> extends AsyncIterable<Update> {
  /** The request's id, once the stage has accepted it: all that it takes to attach from elsewhere. */
  readonly id: Promise<string>;
  /** The same, as far as it is known. */
  readonly requestId: string | undefined;
  /** The newest state. Each is a new object, and none is ever changed. */
  readonly update: Update;
  /** Hears of every state that is taken, each once. Returns what ends that. */
  onUpdate(listener: (update: Update) => void): () => void;
  /** The result. Rejects with a StreamerError if the request failed, was cancelled or refused. */
  result(): Promise<Result>;
  /**
   * Asks the stage to cancel, and resolves once it has taken note. A request that runs ends
   * when its handler gives way. Cancelling what has ended changes nothing.
   */
  cancel(): Promise<void>;
  /** Stops following. The request goes on, and its id can be attached again. */
  detach(): void;
}

/** What a run needs of its client. */
export interface Follower {
  result(run: Run): Promise<unknown>;
  cancel(run: Run): Promise<void>;
  detach(run: Run): void;
}

export type End = TerminalFrame | ResponseFrame;

const endings = { complete: "COMPLETED", response: "COMPLETED", failed: "FAILED", cancelled: "CANCELLED" } as const;

export class Run implements StreamerRequest<any> {
  readonly id: Promise<string>;
  requestId: string | undefined;
  update: Update = { status: "SUBMITTING", percentage: 0, message: "", attempt: 0 };
  /** The frame that ended the request. */
  end: End | undefined;
  /** Why no end will come, if none will. */
  failure: { reason: unknown } | undefined;
  /** Runs when the request is over, either way. */
  over = (): void => {};

  #accepted = false;
  #seq = -1;
  #version = 0;
  #listeners = new Set<(update: Update) => void>();
  #name!: (id: string) => void;
  #refuse!: (reason: unknown) => void;
  #news!: Promise<void>;
  #tell!: () => void;
  #result: Promise<unknown> | undefined;

  constructor(private readonly follower: Follower) {
    this.id = new Promise((resolve, reject) => {
      this.#name = resolve;
      this.#refuse = reject;
    });
    this.id.catch(() => {}); // nobody may be asking
    this.#renew();
  }

  /** The request is accepted, once, whatever brought the news. */
  accept(requestId: string, frame?: AcceptedFrame | SubscribedFrame): void {
    if (this.#accepted || this.failure) return;
    this.#accepted = true;
    this.requestId = requestId;
    this.#name(requestId);
    if (!frame || isTerminal(frame.status)) this.#take(0, { status: "PENDING" });
    else if (frame.type === "accepted") this.#take(0, { status: frame.status, at: frame.ts });
    else this.#take(frame.seq, { ...progress(frame), status: frame.status });
  }

  /** Brings the request on, unless the frame is older than what is known. */
  apply(frame: EventFrame | SubscribedFrame | ResponseFrame): void {
    switch (frame.type) {
      case "subscribed":
        if (isTerminal(frame.status)) return; // the terminal frame says more, and comes too
        return this.#take(frame.seq, { ...progress(frame), status: frame.status });
      case "progress":
        return this.#take(frame.seq, { ...progress(frame), status: "PROCESSING" });
      case "retrying":
        return this.#take(frame.seq, { status: "RETRYING", attempt: frame.attempt, nextAt: frame.next_at, code: frame.code, at: frame.ts });
    }
    if (this.end || this.failure) return;
    this.end = frame;
    this.requestId = frame.request_id;
    this.#name(frame.request_id);
    this.#seq = -1; // a terminal frame is the last word, whatever its number
    this.#take(frame.type === "response" ? 0 : frame.seq, {
      status: endings[frame.type],
      at: frame.ts,
      ...("attempt" in frame && { attempt: frame.attempt }),
      ...(endings[frame.type] === "COMPLETED" && { percentage: 100 }),
      ...(frame.type === "failed" && { code: frame.code }),
    });
    this.over();
  }

  /** Ends the following without an end. */
  fail(reason: unknown): void {
    if (this.end || this.failure) return;
    this.failure = { reason };
    this.#refuse(reason);
    this.#tell();
    this.over();
  }

  onUpdate(listener: (update: Update) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  result(): Promise<any> {
    return (this.#result ??= this.#settled()
      .then(() => this.follower.result(this))
      .catch((reason) => {
        this.#result = undefined; // a transfer that failed may be tried again
        throw reason;
      }));
  }

  cancel(): Promise<void> {
    return this.follower.cancel(this);
  }

  detach(): void {
    this.follower.detach(this);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Update, void> {
    for (let seen = 0; ; ) {
      while (this.#version === seen) {
        if (this.failure) throw this.failure.reason;
        await this.#news;
      }
      seen = this.#version;
      const last = this.end;
      yield this.update;
      if (last) return;
    }
  }

  async #settled(): Promise<void> {
    while (!this.end) {
      if (this.failure) throw this.failure.reason;
      await this.#news;
    }
  }

  #take(seq: number, change: Partial<Update> & Pick<Update, "status">): void {
    if (seq <= this.#seq || this.failure) return;
    this.#seq = seq;
    const { percentage, message, attempt } = this.update;
    this.update = { percentage, message, attempt, ...change };
    this.#version++;
    this.#tell();
    notify(this.#listeners, this.update);
  }

  #renew(): void {
    this.#news = new Promise((resolve) => {
      this.#tell = () => {
        this.#renew();
        resolve();
      };
    });
  }
}

function progress({ percentage, message, attempt, ts }: ProgressFrame | SubscribedFrame) {
  return { percentage, message, attempt, at: ts };
}
