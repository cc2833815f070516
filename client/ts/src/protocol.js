// What travels on the WebSocket: the messages that a client sends, the frames that it
// receives, their codes and limits. The Go package protocol is where they are defined, and
// the golden frames in its testdata are read by the tests of both.
/** The largest message that the server accepts, in bytes. */
export const MAX_MESSAGE = 28 * 1024;
/** The largest payload that may be uploaded in place of being in the message, in bytes of JSON. */
export const MAX_UPLOAD = 5 * 1024 * 1024;
/** The subprotocols of the handshake: both are offered, the server echoes the first alone. */
export const SUBPROTOCOL = "streamer.v1";
export const SUBPROTOCOL_BEARER = "streamer.bearer.";
/** Whether a status is one that never changes again. */
export function isTerminal(status) {
    return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
}
