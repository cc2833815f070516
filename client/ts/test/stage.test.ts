import { connect, type ConnectOptions, type Streamer, type Update } from "@pay-theory/streamer";
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { WebSocket } from "ws";
import type { Actions } from "./actions.js";
import { address, faults, fresh, limits, needsStage, token } from "./stage.js";

describe("on the local stage", { ...needsStage, concurrency: 8, timeout: 300_000 }, () => {
  it("a sync action answers", async (t) => {
    const payload = { text: "Größe <5 MB> & 日本 😀", n: 1.5, none: null };
    assert.deepEqual(await dial(t).call("echo", payload), payload);
  });

  it("an async action reports and ends", async (t) => {
    const frames: string[] = [];
    const request = dial(t, fresh(), { WebSocket: listening((text) => frames.push(text)) }).submit("echo_async", { message: "hello", duration_ms: 1500, steps: 3 });
    const seen: Update[] = [];
    for await (const update of request) seen.push(update);
    assert.deepEqual([seen[0]!.status, seen.at(-1)!.status], ["PENDING", "COMPLETED"]);
    assert.ok(seen.some(({ status, percentage, message }) => status === "PROCESSING" && percentage > 0 && message), JSON.stringify(seen));
    assert.deepEqual(await request.result(), { message: "hello" });
    const sizes = frames.filter((text) => text.includes('"type":"progress"')).map((text) => Buffer.byteLength(text));
    assert.ok(sizes.length > 0);
    t.diagnostic(`a progress frame: ${Math.min(...sizes)} to ${Math.max(...sizes)} bytes`);
  });

  it("cuts lose nothing", async (t) => {
    const away: number[] = [];
    const cuts = await Promise.all(Array.from({ length: 8 }, async () => {
      const streamer = dial(t);
      const request = streamer.submit("echo_async", { message: "cut", duration_ms: 6000, steps: 50 });
      const ends: Update[] = [];
      request.onUpdate((update) => update.status === "COMPLETED" && ends.push(update));
      let since: number | undefined;
      streamer.onState((state) => {
        if (state === "waiting") since ??= performance.now();
        if (state !== "live" || since === undefined) return;
        away.push(performance.now() - since);
        since = undefined;
      });
      const end = await faults({ operation: "websocket.ServerMessage", contains: [await request.id, '"type":"progress"'], count: 6, fault: "cut" });
      assert.deepEqual(await request.result(), { message: "cut" });
      assert.equal(ends.length, 1);
      return end();
    }));
    assert.ok(Math.min(...cuts) >= 1, `${cuts} cuts`);
    away.sort((a, b) => a - b);
    const at = (share: number) => `${away[Math.floor(share * (away.length - 1))]!.toFixed(0)} ms`;
    t.diagnostic(`${away.length} cuts; from a cut to live again: p50 ${at(0.5)}, p95 ${at(0.95)}`);
  });

  it("lists what one submitted, and nobody else's", async (t) => {
    const user = fresh();
    const streamer = dial(t, user);
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      const request = streamer.submit("echo_async", { message: "listed", duration_ms: 0, steps: 1 });
      ids.unshift(await request.id);
      await request.result();
    }
    const list = async (options: Parameters<typeof streamer.list>[0]) => {
      const seen = [];
      for await (const { request_id, action, status } of streamer.list(options)) seen.push([request_id, action, status]);
      return seen;
    };
    const want = ids.map((id) => [id, "echo_async", "COMPLETED"]);
    while ((await list({ limit: 1 })).length < 3) await new Promise((resolve) => setTimeout(resolve, 100)); // the index follows
    assert.deepEqual(await list({ limit: 2 }), want);
    assert.deepEqual(await list({ status: "open" }), []);
    const { next } = await streamer.listPage({ limit: 1 });
    assert.deepEqual(await list({ page: next! }), want.slice(1));
    const other = dial(t);
    assert.deepEqual((await other.listPage()).requests, []);
    await assert.rejects(other.listPage({ page: next! }), { code: "INVALID_PAYLOAD", details: { field: "page" } });
    await assert.rejects(streamer.listPage({ limit: 51 }), { code: "INVALID_PAYLOAD", details: { field: "limit" } });
  });

  it("a payload and a result of a megabyte go around the connection", async (t) => {
    const message = "Größe 😀 ".repeat(70_000);
    const request = dial(t).submit("echo_async", { message, duration_ms: 0, steps: 1 });
    assert.equal((await request.result()).message, message);
  });

  it("another client takes a request up", async (t) => {
    const user = fresh();
    const id = await dial(t, user).submit("echo_async", { message: "over there", duration_ms: 2000 }).id;
    const there = dial(t, user);
    assert.deepEqual(await there.attach(id).result(), { message: "over there" });
    assert.deepEqual(await there.attach(id).result(), { message: "over there" }, "it has ended");
    assert.deepEqual(await there.get(id).then(({ status, result }) => ({ status, result })), { status: "COMPLETED", result: { message: "over there" } });
    await assert.rejects(dial(t).attach(id).result(), { code: "NOT_FOUND" }, "it is another user's");
  });

  it("a request that runs is cancelled", async (t) => {
    const request = dial(t).submit("echo_async", { message: "never", duration_ms: 60_000, steps: 100 });
    for await (const { status } of request) if (status === "PROCESSING") break;
    await request.cancel();
    await assert.rejects(request.result(), { code: "CANCELLED" });
  });

  it("the same key is the same request", async (t) => {
    const user = fresh();
    const options = { idempotencyKey: "invoice 42" };
    const payload = { message: "once", duration_ms: 300 };
    const [one, two] = [dial(t, user).submit("echo_async", payload, options), dial(t, user).submit("echo_async", payload, options)];
    assert.equal(await one.id, await two.id);
    assert.deepEqual(await two.result(), await one.result());
    await assert.rejects(dial(t, user).submit("echo_async", { message: "twice" }, options).result(), { code: "IDEMPOTENCY_MISMATCH" });
  });

  it("what is wrong with a payload is said", async (t) => {
    const wrong = dial(t).submit("echo_async", { message: 1 as never });
    await assert.rejects(wrong.result(), { code: "INVALID_PAYLOAD", retryable: false, details: { field: "message" } });
  });

  it("a connection that ends after two hours is replaced before", async (t) => {
    const user = fresh();
    await limits({ match: user.tenant, lifetime_ms: 6000 }); // long after lifeMs, however slow a handshake
    const streamer = connect<Actions>(`${address}?for=${user.tenant}`, { token: () => token(user), WebSocket, timing: { lifeMs: 1500 } });
    t.after(() => streamer.close());
    const states: string[] = [];
    const request = streamer.submit("echo_async", { message: "long", duration_ms: 8000 });
    await request.id;
    streamer.onState((state) => states.push(state));
    assert.deepEqual(await request.result(), { message: "long" });
    assert.deepEqual(states, [], "it was live all the time");
  });

  it("a token that runs out is replaced before", async (t) => {
    const user = fresh();
    const streamer = dial(t, user, { token: () => token(user, 3) });
    assert.deepEqual(await streamer.submit("echo_async", { message: "fresh", duration_ms: 5000 }).result(), { message: "fresh" });
    assert.equal(await streamer.submit("echo", "still here").result(), "still here");
  });

  it("a token that is refused is not asked for again if there is no other", async (t) => {
    const user = fresh();
    const streamer = dial(t, user, { token: token(user, -600) });
    await assert.rejects(streamer.submit("echo", 1).result(), { code: "UNAUTHENTICATED" });
    assert.equal(streamer.state, "closed");
  });
});

/** A WebSocket that has somebody listen in. */
function listening(heard: (text: string) => void): ConnectOptions["WebSocket"] & {} {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.on("message", (data) => heard(String(data)));
    }
  };
}

function dial(t: TestContext, user = fresh(), options: ConnectOptions = {}): Streamer<Actions> {
  const streamer = connect<Actions>(address, { token: () => token(user), WebSocket, ...options });
  t.after(() => streamer.close());
  return streamer;
}
