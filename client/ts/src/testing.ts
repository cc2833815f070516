import { connect, type Actions, type ActionTypes, type ConnectOptions, type Streamer } from "./client.js";
import type { WebSocketConstructor, WebSocketLike } from "./connection.js";
import { announce } from "./document.js";
import { StreamerError } from "./error.js";
import {
  DEFAULT_LIST, MAX_INLINE, isTerminal,
  type Announcement, type CompleteFrame, type EventFrame, type Frame, type List, type Listed, type Message, type RequestFrame, type Status, type TerminalFrame,
} from "./protocol.js";

// A stage in memory, for the tests of those who use this package: the real client talks to
// it over sockets that are made up, and meets what a script has in store for it.

/** One thing that happens to a request. A function of your own is one, too: the script waits for it. */
export type Step = (play: Play) => unknown;

/** What a mocked stage does: a function answers a sync action, a list of steps is played for an async one. */
export type Script = ((payload: any) => unknown) | Step[];

export interface MockStage {
  /** A client that is connected to this stage. Back-off is short. */
  connect<A extends Record<keyof A, ActionTypes> = Actions>(options?: ConnectOptions): Streamer<A>;
  /** For a client that somebody else connects: connect(url, { WebSocket, fetch }). */
  readonly WebSocket: WebSocketConstructor;
  /** Takes the payloads that are too large for a message; whatever else is asked for, it fetches. */
  readonly fetch: typeof fetch;
  /** Every message that came, pings left out. A payload that was uploaded is in place of its payload_ref. */
  readonly messages: readonly Message[];
  /** How many connections were opened. */
  readonly connections: number;
  /** Ends every connection, as a network does that fails. */
  cut(): void;
}

/** The handler says how far it is. */
export const progress = (percentage: number, message = ""): Step => (play) =>
  play.send({ type: "progress", percentage, message, attempt: play.attempt }, { status: "PROCESSING", percentage, message });

/** The attempt fails, and another begins. */
export const retrying = (code = "UNAVAILABLE"): Step => (play) => {
  play.send({ type: "retrying", attempt: play.attempt, next_at: Date.now(), code }, { status: "RETRYING" });
  play.attempt++;
};

/** The request ends with a result, by a link if it is large. */
export const complete = (result: unknown = null): Step => async (play) => {
  const stored = await store(result);
  play.end({ type: "complete", ...stored, attempt: play.attempt }, { status: "COMPLETED", ...stored });
};

async function store(result: unknown): Promise<Pick<CompleteFrame, "result" | "result_ref">> {
  const document = new TextEncoder().encode(JSON.stringify(result));
  if (document.length <= MAX_INLINE) return { result };
  const { size, sha256 } = await announce(document);
  const url = `data:application/json,${encodeURIComponent(JSON.stringify(result))}`;
  return { result: null, result_ref: { url, size, sha256, expires_at: Date.now() + 900_000 } };
}

/** The request fails for good. */
export const fail = (code: string, message = ""): Step => (play) =>
  play.end({ type: "failed", code, message, attempt: play.attempt }, { status: "FAILED", code, error: message });

/** Somebody else cancels the request. */
export const cancelled = (): Step => (play) => play.end({ type: "cancelled" }, { status: "CANCELLED" });

/** The connection is cut. These steps happen before the client is back. */
export const cut = (...meanwhile: Step[]): Step => async (play) => {
  play.stage.cut();
  for (const step of meanwhile) await step(play);
  await play.watched();
};

/** Every frame of these steps comes twice. */
export const duplicated = (...steps: Step[]): Step => (play) => play.through(steps, (frames) => frames.flatMap((frame) => [frame, frame]));

/** The frames of these steps come in the wrong order. */
export const reordered = (...steps: Step[]): Step => (play) => play.through(steps, (frames) => frames.reverse());

/** Time passes, in milliseconds. */
export const wait = (ms: number): Step => () => new Promise((resolve) => setTimeout(resolve, ms));

/** Makes a stage of scripts by their actions' names. */
export function mockStage(scripts: Record<string, Script>): MockStage {
  return new Stage(scripts);
}

type Without<F> = F extends unknown ? Omit<F, "request_id" | "ref" | "seq" | "ts"> : never;

/** One request as it is played. */
export class Play {
  attempt = 1;
  readonly watchers = new Set<Socket>();
  terminal: TerminalFrame | undefined;
  #row: Omit<RequestFrame, "id" | "ts">;
  #back: (() => void)[] = [];
  #diverted: EventFrame[] | undefined;

  constructor(readonly stage: MockStage, readonly message: Message, requestId: string) {
    const now = Date.now();
    this.#row = {
      type: "request", request_id: requestId, action: message.action, status: "PENDING", attempt: 0, percentage: 0, message: "", seq: 0,
      created_at: now, deadline_at: now + (message.deadline_ms ?? 86_400_000),
    };
  }

  get row(): RequestFrame {
    return { ...this.#row, ts: Date.now() };
  }

  watch(socket: Socket): void {
    this.watchers.add(socket);
    for (const back of this.#back.splice(0)) back();
  }

  /** Resolves once somebody watches. */
  watched(): Promise<void> {
    return new Promise((resolve) => (this.watchers.size > 0 ? resolve() : this.#back.push(resolve)));
  }

  send(event: Without<EventFrame>, row: Partial<RequestFrame> & { status: Status }): EventFrame | undefined {
    if (this.terminal) return undefined;
    const seq = Math.max(this.#row.seq, this.attempt * 1_000_000) + 1;
    const frame = { ...event, request_id: this.#row.request_id, ref: this.message.id, seq, ts: Date.now() } as EventFrame;
    this.#row = { ...this.#row, attempt: this.attempt, ...row, seq };
    if (this.#diverted) this.#diverted.push(frame);
    else for (const watcher of this.watchers) watcher.receive(frame);
    return frame;
  }

  end(event: Without<TerminalFrame>, row: Partial<RequestFrame> & { status: Status }): void {
    this.terminal = (this.send(event, { ...row, ended_at: Date.now() }) as TerminalFrame | undefined) ?? this.terminal;
  }

  async through(steps: Step[], change: (frames: EventFrame[]) => EventFrame[]): Promise<void> {
    this.#diverted = [];
    for (const step of steps) await step(this);
    const frames = change(this.#diverted);
    this.#diverted = undefined;
    for (const frame of frames) for (const watcher of this.watchers) watcher.receive(frame);
  }
}

class Stage implements MockStage {
  readonly messages: Message[] = [];
  readonly WebSocket: WebSocketConstructor;
  connections = 0;
  #sockets = new Set<Socket>();
  #plays = new Map<string, Play>();
  /** What was uploaded, by the links. */
  #uploads = new Map<string, string>();

  constructor(private readonly scripts: Record<string, Script>) {
    const stage = this;
    this.WebSocket = class extends Socket {
      constructor() {
        super(stage);
      }
    };
  }

  connect<A extends Record<keyof A, ActionTypes> = Actions>(options: ConnectOptions = {}): Streamer<A> {
    return connect<A>("wss://mock.invalid", { WebSocket: this.WebSocket, fetch: this.fetch, ...options, timing: { backoffMs: 5, ...options.timing } });
  }

  fetch: typeof fetch = async (url, init) => {
    if (!String(url).startsWith(uploads)) return fetch(url, init);
    this.#uploads.set(String(url), new TextDecoder().decode(init!.body as Uint8Array));
    return new Response();
  };

  cut(): void {
    for (const socket of [...this.#sockets]) socket.end(1006);
  }

  opened(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
  }

  ended(socket: Socket): void {
    this.#sockets.delete(socket);
    for (const play of this.#plays.values()) play.watchers.delete(socket);
  }

  async take(socket: Socket, message: Message): Promise<void> {
    const { action, id, request_id = "" } = message;
    const answer = { ...(id !== undefined && { id }), ts: Date.now() };
    const refuse = (code: string, text: string, retryable = false, details = {}) => socket.receive({ type: "error", ...answer, code, message: text, retryable, details });
    if (action === "streamer.ping") return socket.receive({ type: "pong", ...answer });
    if (message.payload_ref !== undefined) {
      message.payload = JSON.parse(this.#uploads.get(uploads + message.payload_ref) ?? "null");
      delete message.payload_ref;
    }
    this.messages.push(message);
    if (!action.startsWith("streamer.")) {
      const script = this.scripts[action];
      if (Array.isArray(script)) return this.#submit(socket, message, script);
      if (!script) return refuse("UNKNOWN_ACTION", `there is no action ${JSON.stringify(action)}`);
      try {
        socket.receive({ type: "response", ...answer, request_id: this.#newId(), result: (await script(message.payload)) ?? null });
      } catch (problem) {
        if (problem instanceof StreamerError) refuse(problem.code, problem.message.slice(problem.code.length + 2), problem.retryable, problem.details);
        else refuse("INTERNAL", String(problem), true);
      }
      return;
    }
    if (action === "streamer.upload") {
      const payload_ref = (message.payload as Announcement).sha256;
      return socket.receive({ type: "upload", ...answer, payload_ref, url: uploads + payload_ref, headers: {}, expires_at: Date.now() + 900_000 });
    }
    if (action === "streamer.list") {
      const list = this.#list((message.payload ?? {}) as List);
      return list ? socket.receive({ type: "requests", ...answer, ...list }) : refuse("INVALID_PAYLOAD", "page: not one of these", false, { field: "page" });
    }
    const play = this.#plays.get(request_id);
    if (!play) return refuse("NOT_FOUND", "there is no such request");
    switch (action) {
      case "streamer.subscribe": {
        play.watch(socket);
        const { type: _, action: __, created_at, deadline_at, ...state } = play.row;
        socket.receive({ ...state, ...answer, type: "subscribed", seq: play.terminal ? state.seq - 1 : state.seq });
        if (play.terminal) socket.receive(play.terminal);
        return;
      }
      case "streamer.unsubscribe":
        play.watchers.delete(socket);
        return socket.receive({ type: "unsubscribed", ...answer, request_id });
      case "streamer.cancel":
        play.end({ type: "cancelled" }, { status: "CANCELLED" });
    }
    socket.receive({ ...play.row, ...answer });
  }

  #list({ status, limit, page }: List): { requests: Listed[]; next?: string } | undefined {
    const wanted = (row: Listed) => !status || status === row.status || status === (isTerminal(row.status) ? "ended" : "open");
    const all = [...this.#plays.values()].reverse().map(({ row: { type, deadline_at, started_at, next_at, seq, error, result, result_ref, ts, ...row } }): Listed => row);
    const from = all.findIndex((row) => row.request_id === page) + 1;
    if (page && !from) return undefined;
    const left = all.slice(from).filter(wanted);
    const requests = left.slice(0, limit || DEFAULT_LIST);
    return { requests, ...(requests.length < left.length && { next: requests.at(-1)!.request_id }) };
  }

  async #submit(socket: Socket, message: Message, script: Step[]): Promise<void> {
    const again = [...this.#plays.values()].find((play) => play.message.action === message.action && play.message.idempotency_key === message.idempotency_key);
    const play = again ?? new Play(this, message, this.#newId());
    const { request_id, status } = play.row;
    this.#plays.set(request_id, play);
    play.watch(socket);
    socket.receive({ type: "accepted", ...(message.id !== undefined && { id: message.id }), ts: Date.now(), request_id, status, ...(again && { duplicate: true }) });
    if (play.terminal) socket.receive(play.terminal);
    if (again) return;
    for (const step of script) await step(play);
    if (!isTerminal(play.row.status)) await complete()(play);
  }

  #newId(): string {
    return `01MOCK${String(this.#plays.size + 1).padStart(20, "0")}`;
  }
}

/** Where the links of uploads lead. */
const uploads = "https://mock.invalid/uploads/";

/** A WebSocket that leads to a stage in memory. */
class Socket implements WebSocketLike {
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  #open = true;

  constructor(private readonly stage: Stage) {
    later(() => {
      if (!this.#open) return;
      stage.opened(this);
      this.onopen?.({});
    });
  }

  send(data: string): void {
    later(() => this.#open && void this.stage.take(this, JSON.parse(data)));
  }

  receive(frame: Frame): void {
    const data = JSON.stringify(frame);
    if (this.#open) later(() => this.onmessage?.({ data })); // what was sent before a cut arrives
  }

  close(): void {
    this.end(1000);
  }

  end(code: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.stage.ended(this);
    later(() => this.onclose?.({ code }));
  }
}

/** What comes over a network comes later. */
function later(run: () => void): void {
  setTimeout(run, 0);
}
