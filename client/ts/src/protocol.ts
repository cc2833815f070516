// What travels on the WebSocket: the messages that a client sends, the frames that it
// receives, their codes and limits. The Go package protocol is where they are defined, and
// the golden frames in its testdata are read by the tests of both.

/** The codes that Streamer itself uses. A handler adds its own in the same style. */
export type Code =
  | "BAD_MESSAGE"
  | "MESSAGE_TOO_LARGE"
  | "UNKNOWN_ACTION"
  | "INVALID_PAYLOAD"
  | "UNAUTHENTICATED"
  | "NOT_FOUND"
  | "IDEMPOTENCY_MISMATCH"
  | "TOO_MANY_WATCHERS"
  | "TIMEOUT"
  | "DEADLINE"
  | "ATTEMPTS_EXHAUSTED"
  | "CONTINUATIONS_EXHAUSTED"
  | "RESULT_TOO_LARGE"
  | "UNAVAILABLE"
  | "INTERNAL";

/** Where a request stands in its life. The last three are terminal and never change. */
export type Status = "PENDING" | "PROCESSING" | "RETRYING" | "COMPLETED" | "FAILED" | "CANCELLED";

/** What every frame that answers a client's message has. */
export interface Answer {
  /** The id of the message that is answered; absent if it had none. */
  id?: string;
  /** When the frame was made, in Unix milliseconds. */
  ts: number;
}

/** What every frame about the life of a request has. */
export interface Event {
  request_id: string;
  /** The id that the submitter gave its message; absent if it gave none. */
  ref?: string;
  /** Orders the frames of a request. Zero stands before everything else. */
  seq: number;
  /** When the frame was made, in Unix milliseconds. */
  ts: number;
}

/** Points to a JSON document that is too large for a frame. */
export interface Ref {
  /** A link that anyone who holds it may GET until expires_at. */
  url: string;
  /** In bytes. */
  size: number;
  /** In lower-case hex. */
  sha256: string;
  /** In Unix milliseconds. A later streamer.get has a fresh link. */
  expires_at: number;
}

/** Answers a sync action. */
export interface ResponseFrame extends Answer {
  type: "response";
  request_id: string;
  result: unknown;
}

/** An async request is stored: from now on it ends in exactly one terminal state. */
export interface AcceptedFrame extends Answer {
  type: "accepted";
  request_id: string;
  status: Status;
  /** The idempotency key had brought this request in before. */
  duplicate?: boolean;
}

/** How far a request is: newest wins. */
export interface ProgressFrame extends Event {
  type: "progress";
  /** 0 to 100; it never falls within an attempt. */
  percentage: number;
  message: string;
  attempt: number;
}

/** An attempt failed and another will come. */
export interface RetryingFrame extends Event {
  type: "retrying";
  /** The attempt that failed. */
  attempt: number;
  /** When the next one may start, in Unix milliseconds. */
  next_at: number;
  code: string;
}

/** The end of a request that succeeded. */
export interface CompleteFrame extends Event {
  type: "complete";
  result: unknown;
  /** Stands in place of a result that is too large for a frame. */
  result_ref?: Ref;
  attempt: number;
}

/** The end of a request that failed for good. */
export interface FailedFrame extends Event {
  type: "failed";
  code: string;
  message: string;
  attempt: number;
}

/** The end of a request that was cancelled. */
export interface CancelledFrame extends Event {
  type: "cancelled";
  /** The id of the message that is answered, where it answers one. */
  id?: string;
}

/** Refuses a message. It never ends a request. */
export interface ErrorFrame extends Answer {
  type: "error";
  code: string;
  message: string;
  /** The same message may succeed later, unchanged. */
  retryable: boolean;
  /** INVALID_PAYLOAD and BAD_MESSAGE name the field in it. */
  details?: Record<string, unknown>;
}

/** Answers streamer.subscribe with the state as it is stored. */
export interface SubscribedFrame extends Answer {
  type: "subscribed";
  request_id: string;
  status: Status;
  attempt: number;
  percentage: number;
  message: string;
  seq: number;
}

/** Answers streamer.unsubscribe. */
export interface UnsubscribedFrame extends Answer {
  type: "unsubscribed";
  request_id: string;
}

/** Answers streamer.get, and streamer.cancel for a request that is running. Times are Unix milliseconds. */
export interface RequestFrame extends Answer {
  type: "request";
  request_id: string;
  action: string;
  status: Status;
  attempt: number;
  percentage: number;
  message: string;
  seq: number;
  created_at: number;
  deadline_at: number;
  started_at?: number;
  next_at?: number;
  ended_at?: number;
  result?: unknown;
  result_ref?: Ref;
  /** Why the last attempt failed. It stays when a later one succeeds. */
  code?: string;
  error?: string;
}

/** Answers streamer.ping; its ts is the server's clock. */
export interface PongFrame extends Answer {
  type: "pong";
}

/** Answers streamer.upload: where to PUT the document, and what to send in its place. */
export interface UploadFrame extends Answer {
  type: "upload";
  payload_ref: string;
  /** Takes one PUT of exactly the announced document, with exactly these headers, until expires_at. */
  url: string;
  headers: Record<string, string>;
  /** In Unix milliseconds. */
  expires_at: number;
}

/** A terminal frame ends its request. */
export type TerminalFrame = CompleteFrame | FailedFrame | CancelledFrame;

/** A frame about the life of a request. */
export type EventFrame = ProgressFrame | RetryingFrame | TerminalFrame;

/** One message from the server to a client. A client skips types that it does not know. */
export type Frame =
  | ResponseFrame
  | AcceptedFrame
  | EventFrame
  | ErrorFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | RequestFrame
  | PongFrame
  | UploadFrame;

/** What a client sends. */
export interface Message {
  action: string;
  /** The client's own name for this message, at most 128 bytes. */
  id?: string;
  payload?: unknown;
  /** 1 to 128 printable ASCII characters. */
  idempotency_key?: string;
  deadline_ms?: number;
  request_id?: string;
  /** Stands in place of a payload that was uploaded. */
  payload_ref?: string;
}

/** The largest message that the server accepts, in bytes. */
export const MAX_MESSAGE = 28 * 1024;

/** The largest payload that may be uploaded in place of being in the message, in bytes of JSON. */
export const MAX_UPLOAD = 5 * 1024 * 1024;

/** The subprotocols of the handshake: both are offered, the server echoes the first alone. */
export const SUBPROTOCOL = "streamer.v1";
export const SUBPROTOCOL_BEARER = "streamer.bearer.";

/** Whether a status is one that never changes again. */
export function isTerminal(status: string): boolean {
  return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
}
