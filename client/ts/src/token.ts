import { StreamerError } from "./error.js";

/**
 * A JWT, or what gets one: it is asked before each connection, which waits for it as long as it takes, for someone may have
 * to sign in. So give the calls that it makes a limit. What it throws is tried again, but for a StreamerError that is not retryable.
 */
export type TokenSource = string | (() => string | Promise<string>);

/** The token of one handshake. */
export async function getToken(source: TokenSource | undefined): Promise<string> {
  const token = typeof source === "function" ? await source() : (source ?? "");
  if (!/^[\w.-]*$/.test(token)) { // else the handshake would fail with the token in its error
    throw new StreamerError("UNAUTHENTICATED", "the token is no JWT: it has other characters than A-Z, a-z, 0-9, _, - and .");
  }
  return token;
}

/** When a JWT runs out, in Unix milliseconds; Infinity if it does not say so. */
export function expiry(token: string): number {
  try {
    const claims = JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/")));
    return typeof claims.exp === "number" ? claims.exp * 1000 : Infinity;
  } catch {
    return Infinity; // not for this side to judge
  }
}
