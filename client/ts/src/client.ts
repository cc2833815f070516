import { Connection, type WebSocketConstructor, type WebSocketLike } from "./connection.js";
import { announce, get, hex, put, type Fetch } from "./document.js";
import { StreamerError } from "./error.js";
import { parse } from "./json.js";
import { notify } from "./notify.js";
import {
  MAX_MESSAGE, SUBPROTOCOL, SUBPROTOCOL_BEARER, isRetryable, isTerminal,
  type AcceptedFrame, type CompleteFrame, type ErrorFrame, type EventFrame, type Frame, type List, type Listed, type Message, type RequestFrame,
  type RequestsFrame, type SubscribedFrame, type UploadFrame,
} from "./protocol.js";
import { Run, type Follower, type StreamerRequest } from "./request.js";
import { backoff, systemClock, timing, type Clock, type Timing } from "./timing.js";
import { expiry, getToken, type TokenSource } from "./token.js";

/** What an action takes and gives. */
export interface ActionTypes {
  payload: any;
  result: any;
}

/** The actions of a stage by their names; this is one whose actions are not known. */
export type Actions = Record<string, ActionTypes>;

export interface ConnectOptions {
  /** A JWT, or a function that gets a fresh one before each connection. */
  token?: TokenSource;
  /** The class that makes WebSockets. Defaults to the global one, which Node has from 22 on; for Node 20 give that of the package ws. */
  WebSocket?: WebSocketConstructor;
  /**
   * Reads JSON, of which the result is taken. By default that is JSON.parse, and an error with the code UNSAFE_NUMBER for
   * a result with a number that it would alter: an integer beyond 2^53, or one like 1e400.
   */
  parse?: (json: string) => any;
  /** Carries payloads and results that are too large for a message. Defaults to the global one. */
  fetch?: typeof fetch;
  /** Fail everything that waits after so long without a connection. Default: never. */
  giveUpAfterMs?: number;
  /** How long things may take. */
  timing?: Partial<Timing>;
  /** Where time comes from; for tests. */
  clock?: Clock;
}

export interface SubmitOptions {
  /** Cancels the request: fetch's meaning. To stop following alone, detach. */
  signal?: AbortSignal;
  /** The same key, from the same user, for the same action, is the same request. 1 to 128 printable ASCII characters; a random one by default. */
  idempotencyKey?: string;
  /** How long the request may take, waiting included: 1 second to 13 days. Default 24 hours. */
  deadlineMs?: number;
  /**
   * The span that submits, as the header traceparent of W3C Trace Context: if the stage traces the request, its
   * trace goes on there.
   */
  traceparent?: string;
}

/** What submit takes behind an action's name: its payload, unless that may be undefined, comes first. */
export type SubmitArguments<Payload> = undefined extends Payload ? [payload?: Payload, options?: SubmitOptions] : [payload: Payload, options?: SubmitOptions];

/** live: messages go out. waiting: for the next attempt. closed: for good. */
export type ConnectionState = "connecting" | "live" | "waiting" | "closed";

/** A stage, however often the connection to it changes. */
export interface Streamer<A extends Record<keyof A, ActionTypes> = Actions> {
  readonly state: ConnectionState;
  /** Hears of each change of the state, with what went wrong if anything did. Returns what ends that. */
  onState(listener: (state: ConnectionState, problem?: unknown) => void): () => void;
  /**
   * Sends a request until it is accepted, or refused. It goes out under an idempotency key,
   * so an async action is not doubled; a sync one, which has no key, is asked again if its
   * answer was lost.
   */
  submit<N extends keyof A & string>(action: N, ...payloadAndOptions: SubmitArguments<A[N]["payload"]>): StreamerRequest<A[N]["result"]>;
  /** The result of a request that need not be followed, such as a sync action's answer. */
  call<N extends keyof A & string>(action: N, ...payloadAndOptions: SubmitArguments<A[N]["payload"]>): Promise<A[N]["result"]>;
  /**
   * Follows a request that this user submitted, here or elsewhere, whether it waits, runs or has ended.
   * attach<"resize">(id) has the type of that action's result.
   */
  attach<N extends keyof A & string = keyof A & string>(requestId: string): StreamerRequest<A[N]["result"]>;
  /** The request as it is stored, with a fresh link to its result if that is large. */
  get(requestId: string): Promise<RequestFrame>;
  /**
   * The requests of this user, newest first, each as it stands when its page is read. limit is how many are read at a
   * time. One that was just accepted may not be there for a moment.
   */
  list(options?: List): AsyncIterable<Listed>;
  /** One page of the same. Its next, where there is one, is the page of the options for the one that follows. */
  listPage(options?: List): Promise<RequestsFrame>;
  /** Asks to cancel a request, and resolves once the stage has taken note. */
  cancel(requestId: string): Promise<void>;
  /** Ends the connection. Accepted requests go on, and can be attached again. */
  close(): void;
}

/** Stands for a result that could not be read. */
class Unreadable {
  constructor(readonly reason: unknown) {}
}

/** How often a message is sent that is refused as one that may be sent again. */
const maxRefusals = 5;
/** How often a document is transferred before that fails. */
const maxTransfers = 4;
/** How many requests' frames are kept before an answer has named the request. */
const maxEarly = 256;
/** Waits after an error of API Gateway's own are as after so many failures. */
const gatewayFailures = 3;
/** How long after its last follower a request is unsubscribed, in milliseconds: another may come at once. */
const unsubscribeAfter = 1000;

/** A message that waits for its answer, over any number of connections. */
interface Ask {
  message: Message & { id: string };
  text: string;
  /** What it begins, or subscribes to. */
  run: Run | undefined;
  /** The request that a terminal frame answers it for. */
  requestId: string | undefined;
  /** Where it was sent last, if that is worth waiting for. */
  on: Connection | undefined;
  sent: boolean;
  /** Cancel what it begins. */
  abandoned: boolean;
  /** Send it however often it is refused as one that may be sent again. */
  stubborn: boolean;
  timer: unknown;
  refusals: number;
  /** A connection was closed over it as too big. */
  tooBig: boolean;
  resolve(frame: Frame): void;
  reject(reason: unknown): void;
}

/**
 * Connects to a stage: at once, and again whenever the connection ends. The url is the
 * stage's output WebSocketUrl.
 */
export function connect<A extends Record<keyof A, ActionTypes> = Actions>(url: string | URL, options: ConnectOptions = {}): Streamer<A> {
  return new Client(url, options);
}

class Client implements Streamer, Follower {
  readonly #url: string;
  readonly #options: ConnectOptions;
  readonly #WebSocket: WebSocketConstructor;
  readonly #clock: Clock;
  readonly #timing: Timing;
  readonly #parse: (json: string) => any;
  readonly #fetch: Fetch;
  /** What the ids of this client's messages begin with: a ref may be another client's. */
  readonly #name = random().slice(0, 8);

  #sent = 0;
  #asks = new Map<string, Ask>();
  #runs = new Map<string, Set<Run>>();
  /** The newest frames of requests that no answer has named yet. */
  #early = new Map<string, EventFrame>();

  #handshake: Connection | undefined;
  #current: Connection | undefined;
  /** The one before, until nobody waits for an answer on it. */
  #previous: Connection | undefined;
  #dialing = false;
  #failures = 0;
  /** Since when there is no connection. */
  #down: number;
  #waiting: unknown;
  #rotation: unknown;

  #end: unknown;
  #state: ConnectionState = "connecting";
  #timers = new Set<unknown>();
  #listeners = new Set<(state: ConnectionState, problem?: unknown) => void>();

  constructor(url: string | URL, options: ConnectOptions) {
    this.#url = new URL(url).href;
    this.#options = options;
    this.#WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket!;
    if (!this.#WebSocket) throw new TypeError("there is no global WebSocket here: connect(url, { WebSocket }), for instance with that of the package ws");
    this.#clock = options.clock ?? systemClock;
    this.#timing = timing(options.timing);
    this.#parse = options.parse ?? parse;
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
    this.#down = this.#clock.now();
    this.#listen("addEventListener");
    this.#dial();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  onState(listener: (state: ConnectionState, problem?: unknown) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  submit(action: string, payload?: unknown, { signal, idempotencyKey, deadlineMs, traceparent }: SubmitOptions = {}): Run {
    const message: Message & { id: string } = { action, id: this.#nextId(), payload, idempotency_key: idempotencyKey || random() };
    // The stage takes a zero, and the null that JSON makes of NaN and Infinity, for none; 1 it refuses.
    if (deadlineMs !== undefined) message.deadline_ms = Number.isFinite(deadlineMs) ? deadlineMs || 1 : 1;
    if (traceparent !== undefined) message.traceparent = traceparent;
    const text = JSON.stringify(message); // what cannot be written throws here
    const run = new Run(this);
    if (signal) {
      const abort = () => this.#abandon(run, message.id, signal.reason);
      if (signal.aborted) {
        run.fail(signal.reason);
        return run;
      }
      signal.addEventListener("abort", abort, { once: true });
      run.over = () => signal.removeEventListener("abort", abort);
    }
    this.#begin(run, message, text, signal).catch((reason) => run.fail(reason));
    return run;
  }

  call(action: string, payload?: unknown, options?: SubmitOptions): Promise<any> {
    return this.submit(action, payload, options).result();
  }

  attach(requestId: string): Run {
    const run = new Run(this);
    run.requestId = requestId;
    this.#follow(run);
    void this.#subscribe(run);
    return run;
  }

  async get(requestId: string): Promise<RequestFrame> {
    const frame = expect("request", await this.#ask({ action: "streamer.get", request_id: requestId }));
    if (frame.result instanceof Unreadable) throw frame.result.reason;
    return frame;
  }

  async *list(options: List = {}): AsyncGenerator<Listed, void> {
    for (let page = options.page; ; ) {
      const { requests, next } = await this.listPage({ ...options, ...(page && { page }) });
      yield* requests;
      if (!next) return;
      page = next;
    }
  }

  async listPage(options: List = {}): Promise<RequestsFrame> {
    return expect("requests", await this.#ask({ action: "streamer.list", payload: options }));
  }

  async cancel(target: string | Run): Promise<void> {
    if (typeof target !== "string") {
      const run = target;
      target = run.requestId ?? (await run.id);
      if (run.end) return; // that named it, perhaps: a sync action has nothing else
    }
    await this.#ask({ action: "streamer.cancel", request_id: target });
  }

  close(): void {
    this.#finish(new StreamerError("CLOSED", "the client was closed", { retryable: true }));
  }

  // What runs ask for.

  async result(run: Run): Promise<unknown> {
    const { end, requestId } = run;
    switch (end!.type) {
      case "failed":
        throw new StreamerError(end!.code, end!.message, { retryable: isRetryable(end!.code), requestId: requestId! });
      case "cancelled":
        throw new StreamerError("CANCELLED", "the request was cancelled", { requestId: requestId! });
    }
    let { result, result_ref: ref } = end as CompleteFrame; // a sync action's has no ref
    if (ref) {
      const document = await this.#transfer("fetch the result", async (tries) => {
        if (tries > 0) ({ result, result_ref: ref } = await this.get(requestId!)); // by a fresh link
        return ref && get(ref, this.#fetch);
      });
      if (document !== undefined) return this.#parse(document);
    }
    if (result instanceof Unreadable) throw result.reason;
    return result;
  }

  detach(run: Run): void {
    const { requestId } = run;
    run.fail(new StreamerError("DETACHED", "the request is not followed any more"));
    if (!requestId || !this.#unfollow(run)) return;
    this.#after(unsubscribeAfter, () => {
      if (this.#runs.has(requestId) || !this.#current) return;
      // Who follows it again meanwhile: the stage may have taken this message last.
      const again = () => this.#runs.get(requestId)?.forEach((run) => void this.#subscribe(run, true));
      this.#ask({ action: "streamer.unsubscribe", request_id: requestId }).then(again, again);
    });
  }

  // Messages and their answers.

  async #begin(run: Run, message: Message & { id: string }, text: string, signal: AbortSignal | undefined): Promise<void> {
    if (encode(text).length > MAX_MESSAGE && message.payload !== undefined) {
      const document = encode(JSON.stringify(message.payload));
      delete message.payload;
      message.payload_ref = await this.#upload(document);
    }
    if (signal?.aborted) return; // while it was uploaded; one that is detached goes on
    const frame = await this.#ask(message, run);
    if (frame.type === "response") run.apply(frame);
  }

  async #upload(document: Uint8Array<ArrayBuffer>): Promise<string> {
    const payload = await announce(document);
    return this.#transfer("upload the payload", async () => {
      const to: UploadFrame = expect("upload", await this.#ask({ action: "streamer.upload", payload }));
      await put(to, document, this.#fetch);
      return to.payload_ref;
    });
  }

  async #transfer<T>(what: string, transfer: (tries: number) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await transfer(tries);
      } catch (cause) {
        if (cause instanceof StreamerError) throw cause;
        if (tries + 1 >= maxTransfers) throw new StreamerError("UNREACHABLE", `${what}: ${cause instanceof Error ? cause.message : cause}`, { retryable: true, cause });
      }
      await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, backoff(this.#clock, this.#timing, tries)));
    }
  }

  /** Sends a message until something answers it. A refusal rejects with a StreamerError. */
  #ask(message: Message, run?: Run, stubborn = false): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(this.#end);
      const named = { ...message, id: message.id ?? this.#nextId() };
      const text = JSON.stringify(named);
      const size = encode(text).length;
      if (size > MAX_MESSAGE) return reject(new StreamerError("MESSAGE_TOO_LARGE", `the message has ${size} bytes, the limit is ${MAX_MESSAGE}`));
      const ask: Ask = {
        message: named, text, run, requestId: message.request_id,
        on: undefined, sent: false, abandoned: false, stubborn, timer: undefined, refusals: 0, tooBig: false, resolve, reject,
      };
      this.#asks.set(named.id, ask);
      this.#send(ask);
    });
  }

  #send(ask: Ask): void {
    this.#stop(ask.timer);
    ask.on = this.#current;
    if (!ask.on) return; // the next connection begins with it
    ask.sent = true;
    ask.timer = this.#after(this.#timing.answerMs, () => this.#send(ask));
    ask.on.send(ask.text);
  }

  /** Sends a message again, after a while. */
  #postpone(ask: Ask, failures: number, atLeast = 0): void {
    this.#stop(ask.timer);
    ask.timer = this.#after(atLeast + backoff(this.#clock, this.#timing, failures), () => this.#send(ask));
  }

  #settle(ask: Ask, settle: () => void): void {
    this.#stop(ask.timer);
    this.#asks.delete(ask.message.id);
    if (![...this.#asks.values()].some((other) => other.run)) this.#early.clear();
    settle();
    this.#relieve();
  }

  #take(data: string): void {
    let frame: Frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // an empty message is what API Gateway makes of an answer without a body
    }
    if (!isStale(frame)) this.#failures = 0;
    const carries = frame as { result?: unknown } | null;
    if (carries?.result !== undefined) carries.result = this.#read(data);
    switch (frame?.type) {
      case "progress":
      case "retrying":
      case "complete":
      case "failed":
      case "cancelled":
        return this.#event(frame);
      case "pong":
        return;
      case "error":
      case "accepted":
      case "subscribed":
      case "response":
      case "request":
      case "requests":
      case "upload":
      case "unsubscribed":
        break;
      default: {
        // API Gateway's own errors do not say which message they answer: it is clear if only one waits.
        const problem = frame as { message?: string; connectionId?: string } | null;
        const [only, ...others] = this.#asks.values();
        if (!only?.on || others.length > 0 || !problem?.connectionId) return;
        const final = problem.message !== "Too Many Requests" && ++only.refusals >= maxRefusals && !only.stubborn;
        if (!final) return this.#postpone(only, gatewayFailures);
        return this.#settle(only, () => only.reject(new StreamerError("UNAVAILABLE", `API Gateway says: ${problem.message}`, { retryable: true })));
      }
    }
    const ask = this.#asks.get(frame.id ?? "");
    if (!ask) return;
    if (frame.type === "error") return this.#refused(ask, frame);
    if (ask.run && (frame.type === "accepted" || frame.type === "subscribed")) {
      this.#accept(ask, frame.request_id, frame);
      if (frame.type === "subscribed") ask.run.apply(frame);
      if (isTerminal(frame.status) && this.#runs.has(frame.request_id)) return; // the terminal frame answers, and comes too
    }
    this.#settle(ask, () => ask.resolve(frame));
  }

  /** The result in a frame, as it is to be read. That it cannot be is for whoever asks for it. */
  #read(data: string): unknown {
    try {
      return this.#parse(data).result;
    } catch (reason) {
      return new Unreadable(reason);
    }
  }

  #event(frame: EventFrame): void {
    const begun = this.#asks.get(frame.ref ?? "");
    if (begun?.run) { // it overtook what says that the request is accepted
      this.#accept(begun, frame.request_id);
      this.#settle(begun, () => begun.resolve(frame));
    }
    const runs = this.#runs.get(frame.request_id);
    if (runs) {
      this.#advance(frame);
    } else if ((this.#early.get(frame.request_id)?.seq ?? -1) < frame.seq && this.#early.size < maxEarly && [...this.#asks.values()].some((ask) => ask.run)) {
      this.#early.set(frame.request_id, frame);
    }
    if (!ends(frame)) return;
    for (const ask of this.#asks.values()) {
      if (ask.requestId === frame.request_id && (ask.run || ask.message.action === "streamer.cancel")) this.#settle(ask, () => ask.resolve(frame));
    }
  }

  /** A message of a run's was understood: the run has its request. */
  #accept(ask: Ask, requestId: string, frame?: AcceptedFrame | SubscribedFrame): void {
    const run = ask.run!;
    ask.requestId = requestId;
    if (ask.abandoned) this.cancel(requestId).catch(() => {}); // it has ended, or nobody will know
    if (run.failure) return;
    run.requestId = requestId;
    this.#follow(run);
    run.accept(requestId, frame);
    const early = this.#early.get(requestId);
    this.#early.delete(requestId);
    if (early) this.#advance(early);
    if (ask.on !== this.#current) this.#watch(run); // else it is watched where nobody will listen for long
  }

  #advance(frame: EventFrame): void {
    for (const run of this.#runs.get(frame.request_id) ?? []) {
      run.accept(frame.request_id);
      run.apply(frame);
      if (ends(frame)) this.#unfollow(run);
    }
  }

  #refused(ask: Ask, frame: ErrorFrame): void {
    const { code, message, retryable, details } = frame;
    const renew = isStale(frame);
    if ((retryable || renew) && (++ask.refusals < maxRefusals || ask.stubborn)) {
      if (!renew || ask.on !== this.#current) return this.#postpone(ask, ask.refusals, retryAfter(details, this.#timing.backoffMaxMs));
      this.#stop(ask.timer);
      ask.on = undefined; // the next connection begins with it
      return this.#renew();
    }
    this.#settle(ask, () => ask.reject(new StreamerError(code, message, { retryable, details })));
  }

  // Requests.

  #follow(run: Run): void {
    const runs = this.#runs.get(run.requestId!) ?? new Set();
    this.#runs.set(run.requestId!, runs.add(run));
  }

  /** Reports whether nobody else follows the request. */
  #unfollow(run: Run): boolean {
    const runs = this.#runs.get(run.requestId!);
    runs?.delete(run);
    return !runs || (runs.size === 0 && this.#runs.delete(run.requestId!));
  }

  /** Has the current connection watch a run's request, unless a message is about to. */
  #watch(run: Run): void {
    if (!this.#current || [...this.#asks.values()].some((ask) => ask.run === run && ask.on === this.#current)) return;
    void this.#subscribe(run, true);
  }

  async #subscribe(run: Run, again = false): Promise<void> {
    try {
      await this.#ask({ action: "streamer.subscribe", request_id: run.requestId! }, run, again);
    } catch (reason) {
      run.fail(reason);
      this.#unfollow(run);
    }
  }

  /** Cancels a request for whoever does not wait for it any more. */
  #abandon(run: Run, messageId: string, reason: unknown): void {
    run.fail(reason);
    const ask = this.#asks.get(messageId);
    if (run.requestId) {
      this.#unfollow(run);
      this.cancel(run.requestId).catch(() => {}); // it has ended, or nobody will know
    } else if (ask?.sent) {
      ask.abandoned = true;
    } else if (ask) {
      this.#settle(ask, () => ask.reject(reason));
    }
  }

  // The connection.

  #dial(): void {
    if (this.#end || this.#dialing) return;
    this.#dialing = true;
    this.#stop(this.#waiting);
    this.#stop(this.#rotation);
    this.#waiting = undefined;
    this.#show();
    getToken(this.#options.token).then(
      (token) => this.#open(token),
      (problem) => this.#failed(problem, problem instanceof StreamerError && !problem.retryable),
    );
  }

  #open(token: string): void {
    if (this.#end) return;
    let socket: WebSocketLike;
    try {
      socket = new this.#WebSocket(this.#url, token ? [SUBPROTOCOL, SUBPROTOCOL_BEARER + token] : [SUBPROTOCOL]);
    } catch (problem) {
      return this.#failed(problem, true);
    }
    const connection: Connection = new Connection(socket, this.#clock, this.#timing, {
      opened: () => this.#adopt(connection, expiry(token)),
      message: (data) => this.#take(data),
      busy: () => this.#asks.size > 0 || this.#runs.size > 0,
      ended: (code) => {
        if (connection === this.#handshake) {
          this.#handshake = undefined;
          const stale = typeof this.#options.token === "string" && expiry(token) < this.#clock.now();
          this.#failed(stale ? staleToken() : noConnection(), stale);
        } else {
          this.#lost(connection, code);
        }
      },
    });
    this.#handshake = connection;
  }

  #adopt(connection: Connection, expires: number): void {
    this.#previous?.close();
    this.#previous = this.#current;
    this.#current = connection;
    this.#handshake = undefined;
    this.#dialing = false;
    this.#show();
    for (const ask of this.#asks.values()) {
      if (!ask.on?.open) this.#send(ask);
    }
    for (const run of [...this.#runs.values()].flatMap((runs) => [...runs])) this.#watch(run);
    const previous = this.#previous;
    if (previous) this.#after(this.#timing.handoverMs, () => previous.close());
    this.#relieve();

    this.#rotation = this.#after(this.#life(expires), () => this.#dial());
  }

  /** How long until the next connection is opened, before this one is closed or its token runs out. */
  #life(expires: number): number {
    const { lifeMs, tokenMarginMs, backoffMs } = this.#timing;
    const life = lifeMs * (1 - this.#clock.random() / 10);
    const left = expires - this.#clock.now();
    if (typeof this.#options.token !== "function" || left <= 0) return life; // no other would come, or one clock is wrong
    return Math.min(life, Math.max(left - Math.min(tokenMarginMs, left / 5), backoffMs));
  }

  /** Closes the connection before this one once nobody waits for an answer on either. */
  #relieve(): void {
    const previous = this.#previous;
    if (!previous || [...this.#asks.values()].some((ask) => ask.on === previous || ask.message.action === "streamer.subscribe")) return;
    this.#previous = undefined;
    previous.close();
  }

  /** Has another connection in place of one whose token has run out: at once, unless the last one had it, too. */
  #renew(): void {
    if (this.#dialing || this.#waiting) return;
    if (this.#failures > 0) return this.#retry();
    this.#failures++;
    this.#dial();
  }

  /** A handshake failed. */
  #failed(problem: unknown, forGood: boolean): void {
    if (this.#end) return;
    this.#dialing = false;
    if (forGood || this.#left() <= 0) return this.#finish(disconnected(problem, !forGood));
    this.#retry(problem);
  }

  #retry(problem?: unknown): void {
    const wait = Math.min(backoff(this.#clock, this.#timing, this.#failures++), this.#left());
    this.#waiting = this.#after(wait, () => this.#dial());
    this.#show(problem);
  }

  /** How long the client goes on without a connection. */
  #left(): number {
    const { giveUpAfterMs = Infinity } = this.#options;
    return this.#current ? Infinity : this.#down + giveUpAfterMs - this.#clock.now();
  }

  /** An open connection ended. What waits for an answer on it is sent again. */
  #lost(connection: Connection, code: number): void {
    if (this.#end) return;
    if (connection === this.#previous) this.#previous = undefined;
    if (connection === this.#current) {
      this.#current = undefined;
      this.#down = this.#clock.now();
      if (this.#dialing || this.#waiting) this.#show();
      else this.#retry(new StreamerError("DISCONNECTED", `the connection ended with code ${code}`, { retryable: true }));
    }
    for (const ask of this.#asks.values()) {
      if (ask.on !== connection) continue;
      if (code === 1009 && ask.tooBig) {
        this.#settle(ask, () => ask.reject(new StreamerError("MESSAGE_TOO_LARGE", `${ask.message.action}: the connection is closed over its ${ask.text.length} bytes`)));
        continue;
      }
      ask.tooBig ||= code === 1009;
      this.#send(ask);
    }
  }

  /** The network is back, or somebody looks at the page again. */
  #wake = (): void => {
    if ((globalThis as any).document?.visibilityState === "hidden") return;
    if (this.#waiting) this.#dial();
    else this.#current?.check();
  };

  #listen(method: "addEventListener" | "removeEventListener"): void {
    const place = globalThis as any;
    place[method]?.("online", this.#wake);
    place.document?.[method]?.("visibilitychange", this.#wake);
  }

  #finish(reason: unknown): void {
    if (this.#end) return;
    this.#end = reason;
    this.#listen("removeEventListener");
    for (const timer of this.#timers) this.#stop(timer);
    for (const connection of [this.#handshake, this.#previous, this.#current]) connection?.close();
    for (const ask of this.#asks.values()) ask.reject(reason);
    for (const runs of this.#runs.values()) for (const run of runs) run.fail(reason);
    this.#asks.clear();
    this.#runs.clear();
    this.#show(reason);
  }

  #show(problem?: unknown): void {
    const state = this.#end ? "closed" : this.#current ? "live" : this.#dialing ? "connecting" : "waiting";
    if (state === this.#state) return;
    this.#state = state;
    notify(this.#listeners, state, problem);
  }

  /** Runs something later, unless the client is closed before. */
  #after(ms: number, run: () => void): unknown {
    if (this.#end) return undefined; // a listener has closed it in the midst of what was to go on
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #stop(timer: unknown): void {
    this.#clock.clearTimeout(timer);
    this.#timers.delete(timer);
  }

  #nextId(): string {
    return `${this.#name}-${++this.#sent}`;
  }
}

/** The token has run out on the connection that this came on. */
function isStale(frame: Frame | null): boolean {
  return frame?.type === "error" && frame.code === "UNAUTHENTICATED";
}

function ends(frame: EventFrame): boolean {
  return frame.type !== "progress" && frame.type !== "retrying";
}

/** How long a refusal asks to wait at least, within reason. */
function retryAfter(details: Record<string, unknown> | undefined, most: number): number {
  const ms = Number(details?.["retry_after_ms"]);
  return ms > 0 ? Math.min(ms, most) : 0;
}

function staleToken(): StreamerError {
  return new StreamerError("UNAUTHENTICATED", "the token has run out: give a function that gets a fresh one");
}

/** What ends a client, whatever was thrown. */
function disconnected(cause: unknown, retryable: boolean): StreamerError {
  if (cause instanceof StreamerError) return cause;
  return new StreamerError("DISCONNECTED", `no connection: ${cause instanceof Error ? cause.message : cause}`, { retryable, cause });
}

/** Browsers do not say more. */
function noConnection(): StreamerError {
  return new StreamerError("DISCONNECTED", "no connection: the network is down, the token is refused, or the address is wrong", { retryable: true });
}

function expect<T extends Frame["type"]>(type: T, frame: Frame): Extract<Frame, { type: T }> {
  if (frame.type !== type) throw new StreamerError("INTERNAL", `the stage answered with a frame of type ${frame.type}`);
  return frame as Extract<Frame, { type: T }>;
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** 128 random bits as text. */
function random(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}
