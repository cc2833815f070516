import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const { AWS_ENDPOINT_URL, CI, STREAMER_TOKEN_KEY, STREAMER_WS_URL } = process.env;

/** The local stage's WebSocket. */
export const address = STREAMER_WS_URL!;

/** Options of tests that need what is missing: they are skipped, but not in CI, where they would be green for nothing. */
export function needs(what: string, there: unknown): { skip?: string } {
  return there || CI === "true" ? {} : { skip: `needs ${what}` };
}

export const needsStage = needs("the local stage: STREAMER_WS_URL and AWS_ENDPOINT_URL are not set", STREAMER_WS_URL && AWS_ENDPOINT_URL);

/** A user of a tenant that nobody else has. */
export function fresh(): { tenant: string; sub: string } {
  return { tenant: `ts-${randomBytes(6).toString("hex")}`, sub: "ada" };
}

/** A token that the local stage accepts. */
export function token(user: { tenant: string; sub: string }, seconds = 3600): string {
  const key = createPrivateKey(readFileSync(STREAMER_TOKEN_KEY!));
  const { crv, kty, x, y } = createPublicKey(key).export({ format: "jwk" });
  const kid = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url"); // RFC 7638
  const now = Math.floor(Date.now() / 1000);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const text = `${encode({ alg: "ES256", typ: "JWT", kid })}.${encode({ iss: "https://stage.streamer.local", aud: "streamer", iat: now, exp: now + seconds, ...user })}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** A fault, as scripts/stage/front has them. */
export interface Rule {
  operation: string;
  contains?: string[];
  skip?: number;
  count?: number;
  fault: string;
}

/** Puts faults in force, and returns what takes them out and says how often they struck. */
export async function faults(...rules: Rule[]): Promise<() => Promise<number>> {
  const url = `${AWS_ENDPOINT_URL}/_front/faults/ts-${randomBytes(6).toString("hex")}`;
  await control(url, "PUT", rules);
  return async () => {
    const hits = ((await (await control(url, "GET")).json()) as { hits: unknown[] }[]).flatMap((rule) => rule.hits);
    await control(url, "DELETE");
    return hits.length;
  };
}

/** Limits of the connections with match in their URL, as scripts/stage/front has them. */
export async function limits(limit: { match: string; idle_ms?: number; lifetime_ms?: number }): Promise<void> {
  await control(`${AWS_ENDPOINT_URL}/_front/limits`, "PUT", limit);
}

async function control(url: string, method: string, body?: object): Promise<Response> {
  const answer = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
