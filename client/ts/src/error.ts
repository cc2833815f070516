import type { Code } from "./protocol.js";

/**
 * Codes of what only a client can know.
 *
 * - CANCELLED: the request was cancelled.
 * - CLOSED: the client was closed while something was waited for.
 * - DETACHED: the request is not followed any more; it goes on.
 * - DISCONNECTED: there was no connection for as long as giveUpAfterMs says, or none can be made to such an address.
 * - UNSAFE_NUMBER: the request is complete, but its result has a number that JavaScript has not; see ConnectOptions.parse.
 * - UNREACHABLE: a result or an upload could not be transferred.
 */
export type ClientCode = "CANCELLED" | "CLOSED" | "DETACHED" | "DISCONNECTED" | "UNREACHABLE" | "UNSAFE_NUMBER";

/** Why a message was refused, or why a request ended without a result. */
export class StreamerError extends Error {
  override readonly name = "StreamerError";
  /** For programs: one of the protocol's, of the client's, or of the action's handler. */
  readonly code: Code | ClientCode | (string & {});
  /** The same, sent again later and unchanged, may succeed. */
  readonly retryable: boolean;
  /** More about some codes: INVALID_PAYLOAD names the "field". */
  readonly details: Record<string, unknown>;
  /** The request that ended so; absent if a message was refused, which ends no request. */
  readonly requestId: string | undefined;

  constructor(
    code: StreamerError["code"],
    message: string,
    more: { retryable?: boolean; details?: Record<string, unknown> | undefined; requestId?: string; cause?: unknown } = {},
  ) {
    super(`${code}: ${message}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.retryable = more.retryable ?? false;
    this.details = more.details ?? {};
    this.requestId = more.requestId;
  }
}
