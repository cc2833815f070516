export { connect } from "./client.js";
export type { Actions, ConnectionState, ConnectOptions, Streamer, SubmitArguments, SubmitOptions } from "./client.js";
export type { WebSocketConstructor, WebSocketLike } from "./connection.js";
export { StreamerError } from "./error.js";
export type { ClientCode } from "./error.js";
export type { Code, List, Listed, Ref, RequestFrame, RequestsFrame, Status } from "./protocol.js";
export type { StreamerRequest, Update } from "./request.js";
export type { Clock, Timing } from "./timing.js";
export type { TokenSource } from "./token.js";
