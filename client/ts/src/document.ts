import { StreamerError } from "./error.js";
import { MAX_UPLOAD, type Ref, type UploadFrame } from "./protocol.js";

// JSON documents that are too large for a message, by links. A link is a secret and in no
// error.

export type Fetch = typeof fetch;

/** What streamer.upload is told of a document. */
export async function announce(document: Uint8Array<ArrayBuffer>): Promise<{ size: number; sha256: string; content_type: string }> {
  if (document.length > MAX_UPLOAD) {
    throw new StreamerError("MESSAGE_TOO_LARGE", `the payload has ${document.length} bytes, the limit is ${MAX_UPLOAD}`);
  }
  return { size: document.length, sha256: await sha256(document), content_type: "application/json" };
}

/** Sends a document where the stage wants it. */
export async function put(to: UploadFrame, document: Uint8Array<ArrayBuffer>, fetch: Fetch): Promise<void> {
  const answer = await fetch(to.url, { method: "PUT", headers: to.headers, body: document });
  if (!answer.ok) throw new Error(`the upload was answered with status ${answer.status}`);
}

/** Reads the document behind a link, and checks that it is the one that was stored. */
export async function get(ref: Ref, fetch: Fetch): Promise<string> {
  const answer = await fetch(ref.url);
  if (!answer.ok) throw new Error(`the link to the result was answered with status ${answer.status}`);
  const document = new Uint8Array(await answer.arrayBuffer());
  if (document.length !== ref.size || (await sha256(document)) !== ref.sha256) {
    throw new Error(`what came is not what was stored: ${document.length} bytes of ${ref.size}`);
  }
  return new TextDecoder().decode(document);
}

async function sha256(document: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new StreamerError("UNREACHABLE", "large payloads and results need WebCrypto, which browsers have in secure contexts only: serve the page by https");
  }
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", document)));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
