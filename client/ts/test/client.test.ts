import { connect, StreamerError, type ConnectionState } from "@pay-theory/streamer";
import { complete, cut, mockStage, progress, wait } from "@pay-theory/streamer/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import * as ws from "ws";
import { JumpingClock } from "./clock.js";
import { jwt } from "./jwt.js";

const forever = () => new Promise<never>(() => {});

describe("submit", () => {
  it("yields the newest state, and the last one always", async (t) => {
    const stage = mockStage({ work: [...Array.from({ length: 1000 }, (_, n) => progress(n / 10, `${n}`)), complete()] });
    const request = client(t, stage).submit("work");
    const seen = [];
    for await (const update of request) {
      seen.push(update.status);
      if (seen.length === 2) await request.result(); // a slow reader
    }
    assert.ok(seen.length < 10, `${seen.length} states`);
    assert.deepEqual([seen[0], seen.at(-1)], ["PENDING", "COMPLETED"]);
    const late = [];
    for await (const update of request) late.push(update.status);
    assert.deepEqual(late, ["COMPLETED"]);
  });

  it("throws at once what cannot be written", (t) => {
    assert.throws(() => client(t, mockStage({})).submit("work", 1n), TypeError);
  });

  it("has a key of its own each time, or the one that is given, and a deadline", async (t) => {
    const stage = mockStage({ work: [complete()] });
    const streamer = client(t, stage);
    await Promise.all([streamer.submit("work").result(), streamer.submit("work").result(), streamer.submit("work", {}, { idempotencyKey: "mine", deadlineMs: 5000, traceparent: "00-a-b-01" }).result()]);
    const [one, two, three] = stage.messages;
    assert.match(one!.idempotency_key!, /^[0-9a-f]{32}$/);
    assert.notEqual(one!.idempotency_key, two!.idempotency_key);
    assert.deepEqual([three!.idempotency_key, three!.deadline_ms, three!.traceparent], ["mine", 5000, "00-a-b-01"]);
  });

  it("has a key of its own also in place of an empty one, which the stage takes for none", async (t) => {
    const stage = mockStage({ work: [complete()] });
    await client(t, stage).submit("work", {}, { idempotencyKey: "" }).result();
    assert.match(stage.messages[0]!.idempotency_key!, /^[0-9a-f]{32}$/);
  });

  it("never has the default deadline in place of the one that is given", async (t) => {
    const stage = mockStage({ work: [complete()] });
    const streamer = client(t, stage);
    for (const deadlineMs of [0, -0, NaN, Infinity, -5, 1500.5]) await streamer.submit("work", {}, { deadlineMs }).result();
    assert.deepEqual(stage.messages.map(({ deadline_ms }) => deadline_ms), [1, 1, 1, 1, -5, 1500.5]); // which the stage refuses
  });

  it("waits after a refusal as long as that says, and not for ever", async (t) => {
    for (const [ms, least] of [[700, 700], [1e300, 40], ["soon", 0]] as const) {
      const tries: number[] = [];
      const stage = mockStage({
        sync: () => {
          if (tries.push(performance.now()) > 1) return tries.length;
          throw new StreamerError("TOO_FAST", "slow down", { retryable: true, details: { retry_after_ms: ms } });
        },
      });
      const timing = { backoffMs: 5, backoffMaxMs: ms === 1e300 ? 40 : 30_000 };
      assert.equal(await client(t, stage, { timing }).call("sync"), 2);
      assert.ok(tries[1]! - tries[0]! >= least - 2, `${ms}: again after ${tries[1]! - tries[0]!} ms`);
    }
  });

  it("refuses a payload that no upload takes", async (t) => {
    const request = client(t, mockStage({ work: [] })).submit("work", "x".repeat(6_000_000));
    await assert.rejects(request.result(), { code: "MESSAGE_TOO_LARGE" });
    await assert.rejects(request.id, { code: "MESSAGE_TOO_LARGE" });
  });

  it("refuses whatever else would have the connection closed as too large, with what others wait for on it", async (t) => {
    const stage = mockStage({ work: [complete()] });
    const streamer = client(t, stage);
    const large = "x".repeat(30_000);
    for (const sent of [streamer.attach(large).id, streamer.get(large), streamer.listPage({ page: large }), streamer.submit("work", 1, { idempotencyKey: large }).id]) {
      await assert.rejects(sent, { code: "MESSAGE_TOO_LARGE", retryable: false });
    }
    assert.ok(stage.messages.every((message) => JSON.stringify(message).length < 1000));
  });

  it("reports a listener's error as an uncaught one, and goes on", async (t) => {
    const request = client(t, mockStage({ work: [complete(7)] })).submit("work");
    const reported: unknown[] = [];
    t.mock.method(globalThis, "queueMicrotask", (run: () => void) => assert.throws(run, (problem) => reported.push(problem) > 0));
    request.onUpdate(() => {
      throw new Error("mine");
    });
    assert.equal(await request.result(), 7);
    assert.match(String(reported[0]), /mine/);
  });
});

describe("abort", () => {
  it("cancels a request that runs", async (t) => {
    const stage = mockStage({ work: [progress(10), forever] });
    const abort = new AbortController();
    const request = client(t, stage).submit("work", {}, { signal: abort.signal });
    const id = await request.id;
    abort.abort();
    await assert.rejects(request.result(), { name: "AbortError" });
    await assert.rejects(async () => {
      for await (const _ of request);
    }, { name: "AbortError" });
    const message = await arrives(stage, "streamer.cancel");
    assert.equal(message.request_id, id);
  });

  it("cancels as soon as it is accepted what went out before", async (t) => {
    const stage = mockStage({ work: [forever] });
    const abort = new AbortController();
    const streamer = client(t, stage);
    await live(streamer);
    const request = streamer.submit("work", {}, { signal: abort.signal });
    abort.abort(new Error("navigated away"));
    await assert.rejects(request.result(), /navigated away/);
    await arrives(stage, "streamer.cancel");
  });

  it("sends nothing that did not go out yet", async (t) => {
    const stage = mockStage({ work: [complete()] });
    const streamer = client(t, stage);
    const abort = new AbortController();
    const first = streamer.submit("work", 1, { signal: abort.signal });
    abort.abort();
    const second = streamer.submit("work", 2, { signal: AbortSignal.abort() });
    await assert.rejects(first.result(), { name: "AbortError" });
    await assert.rejects(second.result(), { name: "AbortError" });
    await streamer.submit("work", 3).result();
    assert.deepEqual(stage.messages.map(({ payload }) => payload), [3]);
  });

  it("sends nothing that is being uploaded", async (t) => {
    const stage = mockStage({ work: [complete()] });
    const abort = new AbortController();
    const upload: typeof fetch = async (...request) => (abort.abort(), stage.fetch(...request));
    const streamer = client(t, stage, { fetch: upload });
    await assert.rejects(streamer.submit("work", "large ".repeat(10_000), { signal: abort.signal }).result(), { name: "AbortError" });
    await streamer.submit("work", 3).result();
    assert.deepEqual(stage.messages.filter(({ action }) => action === "work").map(({ payload }) => payload), [3]);
  });

  it("means nothing once the request has ended", async (t) => {
    const stage = mockStage({ work: [complete(1)] });
    const abort = new AbortController();
    const request = client(t, stage).submit("work", {}, { signal: abort.signal });
    await request.result();
    abort.abort();
    assert.equal(await request.result(), 1);
    await request.cancel();
    assert.equal(stage.messages.length, 1);
  });
});

describe("cancel", () => {
  it("means nothing once a sync action is answered", async (t) => {
    const stage = mockStage({ sync: () => 1 });
    const request = client(t, stage).submit("sync");
    await request.cancel(); // as soon as it is known whether there is anything to cancel
    assert.equal(await request.result(), 1);
    assert.equal(stage.messages.length, 1);
  });
});

describe("detach", () => {
  it("lets go on what is not accepted yet, however large it is", async (t) => {
    for (const payload of ["small", "large ".repeat(10_000)]) {
      const stage = mockStage({ work: [complete()] });
      const request = client(t, stage).submit("work", payload);
      request.detach();
      await assert.rejects(request.result(), { code: "DETACHED" });
      assert.equal((await arrives(stage, "work")).payload, payload);
    }
  });

  it("stops following, and the request can be attached again", async (t) => {
    let go!: () => void;
    const stage = mockStage({ work: [progress(10), () => new Promise<void>((resolve) => (go = resolve)), complete("there")] });
    const streamer = client(t, stage);
    const request = streamer.submit("work");
    const id = await request.id;
    request.detach();
    await assert.rejects(request.result(), { code: "DETACHED" });
    const again = streamer.attach(id);
    await again.id;
    go();
    assert.equal(await again.result(), "there");
    assert.ok(!stage.messages.some(({ action }) => action === "streamer.unsubscribe"), "it was wanted again");
  });

  it("unsubscribes after a while", async (t) => {
    const stage = mockStage({ work: [forever] });
    const request = client(t, stage).submit("work");
    await request.id;
    request.detach();
    await arrives(stage, "streamer.unsubscribe");
  });

  it("is followed again though the unsubscribing is taken last", async (t) => {
    let go!: () => void, leaves!: () => void;
    const left = new Promise<void>((resolve) => (leaves = resolve));
    const stage = mockStage({ work: [() => new Promise<void>((resolve) => (go = resolve)), complete("there")] });
    class Overtaken extends stage.WebSocket {
      override send(data: string): void {
        if (!data.includes("streamer.unsubscribe")) return super.send(data);
        leaves();
        setTimeout(() => super.send(data), 50);
      }
    }
    const streamer = client(t, stage, { WebSocket: Overtaken });
    const request = streamer.submit("work");
    const id = await request.id;
    request.detach();
    await left;
    const again = streamer.attach(id);
    await arrives(stage, "streamer.unsubscribe");
    go();
    assert.equal(await again.result(), "there");
  });
});

describe("the connection", () => {
  it("says how it is", async (t) => {
    const stage = mockStage({ work: [cut(), complete()] });
    const streamer = client(t, stage);
    const states: [ConnectionState, unknown][] = [];
    streamer.onState((state, problem) => states.push([state, (problem as StreamerError | undefined)?.code]));
    assert.equal(streamer.state, "connecting");
    await streamer.submit("work").result();
    streamer.close();
    assert.deepEqual(states, [["live", undefined], ["waiting", "DISCONNECTED"], ["connecting", undefined], ["live", undefined], ["closed", "CLOSED"]]);
  });

  it("fails what waits when it is closed, and leaves nothing behind", async (t) => {
    const stage = mockStage({ work: [forever] });
    const clock = new JumpingClock();
    const streamer = client(t, stage, { clock });
    const request = streamer.submit("work");
    const got = streamer.get("01MOCK0");
    await request.id;
    streamer.close();
    await assert.rejects(request.result(), { code: "CLOSED" });
    await assert.rejects(got, { name: "StreamerError" });
    await assert.rejects(streamer.submit("work").result(), { code: "CLOSED" });
    assert.equal(clock.pending, 0);
  });

  it("leaves nothing behind if whoever hears of it closes it", async (t) => {
    const clock = new JumpingClock();
    const streamer = client(t, mockStage({}), { clock });
    await new Promise<void>((resolve) => streamer.onState(() => (streamer.close(), resolve())));
    assert.equal(streamer.state, "closed");
    assert.equal(clock.pending, 0);
  });

  it("is tried again at once when the network is back, or the page is looked at", async (t) => {
    const place = globalThis as any;
    const [page, network] = [new EventTarget(), new EventTarget()];
    place.document = Object.assign(page, { visibilityState: "hidden" });
    for (const method of ["addEventListener", "removeEventListener"]) place[method] = (network as any)[method].bind(network);
    t.after(() => ["document", "addEventListener", "removeEventListener"].forEach((name) => delete place[name]));
    const stage = mockStage({ echo: (payload) => payload });
    const streamer = client(t, stage, { timing: { backoffMs: 1e9, backoffMaxMs: 1e9 } });
    for (const [event, target] of [["online", network], ["visibilitychange", page]] as const) {
      await live(streamer);
      stage.cut();
      await waiting(streamer);
      target.dispatchEvent(new Event(event)); // hidden pages need no connection
      assert.equal(streamer.state, "waiting");
      place.document.visibilityState = "visible";
      target.dispatchEvent(new Event(event));
      await live(streamer);
      place.document.visibilityState = "hidden";
    }
    assert.equal(stage.connections, 3);
    place.document.visibilityState = "visible";
    network.dispatchEvent(new Event("online")); // it is live, and stays so
    assert.equal(await streamer.submit("echo", 1).result(), 1);
    assert.equal(stage.connections, 3);
  });

  it("is given up after a while if that is wanted", async (t) => {
    const streamer = connect("ws://127.0.0.1:1", { WebSocket: ws.WebSocket, giveUpAfterMs: 50, timing: { backoffMs: 5 } });
    t.after(() => streamer.close());
    await assert.rejects(streamer.submit("work").result(), { code: "DISCONNECTED", retryable: true });
    assert.equal(streamer.state, "closed");
  });

  it("is given up when it is time, and not after the next wait", async (t) => {
    const timing = { backoffMs: 600_000, backoffMaxMs: 600_000 };
    const clock = Object.assign(new JumpingClock(), { random: () => 1 });
    const streamer = connect("ws://127.0.0.1:1", { WebSocket: ws.WebSocket, giveUpAfterMs: 200, timing, clock });
    t.after(() => streamer.close());
    await assert.rejects(streamer.submit("work").result(), { code: "DISCONNECTED" });
  });

  it("has the defaults of what is undefined among its times", async (t) => {
    const waits: number[] = [];
    const clock = Object.assign(new JumpingClock(), {
      setTimeout: (run: () => void, ms: number) => (waits.push(ms), JumpingClock.prototype.setTimeout.call(clock, run, ms)),
    });
    const timing = { handshakeMs: undefined, answerMs: undefined, pingMs: undefined, busyPingMs: undefined, lifeMs: undefined } as never;
    const streamer = client(t, mockStage({ echo: (payload) => payload }), { timing, clock });
    assert.equal(await streamer.call("echo", 1), 1);
    assert.ok(waits.length >= 4 && waits.every((ms) => ms >= 5_000), `${waits}`);
  });

  it("is given up with an error like any other, whatever was thrown", async (t) => {
    const down = new TypeError("fetch failed");
    const token = () => Promise.reject(down);
    const without = client(t, mockStage({}), { token, giveUpAfterMs: 50 });
    await assert.rejects(without.submit("work").result(), { name: "StreamerError", code: "DISCONNECTED", message: /fetch failed/, retryable: true, cause: down });
    const nowhere = connect("ws://127.0.0.1:1/#fragment", { WebSocket: ws.WebSocket });
    await assert.rejects(nowhere.submit("work").result(), { name: "StreamerError", code: "DISCONNECTED", message: /fragment/, retryable: false });
  });

  it("waits longer each time, and begins anew once something was heard", async (t) => {
    const clock = new JumpingClock();
    const waits: number[] = [];
    clock.random = () => 1;
    clock.setTimeout = (run, ms) => {
      if (ms < 1000) waits.push(ms);
      return JumpingClock.prototype.setTimeout.call(clock, run, Math.min(ms, 5));
    };
    const streamer = connect("ws://127.0.0.1:1", { WebSocket: ws.WebSocket, clock, timing: { backoffMs: 10, backoffMaxMs: 100 } });
    t.after(() => streamer.close());
    while (waits.length < 6) await sleep(5);
    assert.deepEqual(waits.slice(0, 6), [10, 20, 40, 80, 100, 100]);
  });

  it("ends with a handshake that nobody answers, and begins another", async (t) => {
    let handshakes = 0;
    class Silent {
      onclose: any;
      constructor() {
        handshakes++;
      }
      send() {}
      close() {}
    }
    const streamer = connect("ws://127.0.0.1:1", { WebSocket: Silent as never, timing: { handshakeMs: 10, backoffMs: 1 } });
    t.after(() => streamer.close());
    while (handshakes < 3) await sleep(5);
  });

  it("goes on after a handshake that fails without a close, as with undici 6, which Node 22 has", async (t) => {
    let handshakes = 0;
    class Failing {
      onerror: any;
      constructor() {
        handshakes++;
        setTimeout(() => this.onerror({}));
      }
      send() {}
      close() {}
    }
    const streamer = connect("ws://127.0.0.1:1", { WebSocket: Failing as never, timing: { backoffMs: 1 } });
    t.after(() => streamer.close());
    await waiting(streamer);
    while (handshakes < 3) await sleep(5);
  });

  it("sends few pings, more while something is waited for", async (t) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    t.after(() => server.close());
    await once(server, "listening");
    let pings = 0;
    server.on("connection", (socket) => socket.on("message", (data) => {
      const { action, id } = JSON.parse(String(data));
      if (action === "streamer.ping") pings++;
      socket.send(JSON.stringify(action === "streamer.ping" ? { type: "pong", ts: 1 } : { type: "accepted", id, ts: 1, request_id: "R", status: "PENDING" }));
    }));
    const clock = new JumpingClock();
    const streamer = connect(`ws://127.0.0.1:${(server.address() as { port: number }).port}`, { WebSocket: ws.WebSocket, clock, timing: { lifeMs: 1e9 } });
    t.after(() => {
      streamer.close();
      server.clients.forEach((socket) => socket.terminate());
    });
    const hour = async () => {
      pings = 0;
      for (let minute = 0; minute < 60; minute++) {
        const before = pings;
        clock.jump(60_000);
        await sleep(5);
        if (pings > before) await sleep(5);
      }
      return pings;
    };
    await live(streamer);
    const idle = await hour();
    assert.ok(idle >= 12 && idle <= 15, `${idle} pings`);
    await streamer.submit("work").id;
    const busy = await hour();
    assert.ok(busy > 20 && busy <= 60, `${busy} pings`);
    t.diagnostic(`pings an hour: ${idle} idle, ${busy} while a silent request is followed`);
  });
});

describe("tokens", () => {
  it("are asked for before each connection, and again after one could not be had", async (t) => {
    const stage = mockStage({ work: [cut(), complete()] });
    let asked = 0;
    const streamer = client(t, stage, {
      token: async () => {
        if (++asked === 1) throw new Error("the issuer is down");
        return jwt({});
      },
    });
    await streamer.submit("work").result();
    assert.deepEqual([asked, stage.connections], [3, 2]);
  });

  it("are fresh a minute before they run out", async (t) => {
    const stage = mockStage({});
    const clock = new JumpingClock();
    const timing = { pingMs: 1e9, busyPingMs: 1e9, idleMs: 1e9 };
    const streamer = client(t, stage, { clock, timing, token: () => jwt({ exp: (clock.now() + 3_600_000) / 1000 }) });
    await live(streamer);
    clock.jump(58 * 60_000);
    await sleep(20);
    assert.equal(stage.connections, 1);
    clock.jump(65_000);
    while (stage.connections < 2) await sleep(1);
  });

  it("end the client if they say that there is none", async (t) => {
    const streamer = client(t, mockStage({}), { token: () => Promise.reject(new StreamerError("SIGNED_OUT", "sign in")) });
    await assert.rejects(streamer.submit("work").result(), { code: "SIGNED_OUT" });
  });

  it("are in no error when they are malformed", async (t) => {
    const streamer = client(t, mockStage({}), { token: "not a token" });
    const problem = await streamer.submit("work").result().catch((problem) => problem);
    assert.equal(problem.code, "UNAUTHENTICATED");
    assert.ok(!problem.message.includes("not a token"));
  });

  it("that have run out by a clock that is wrong make no storm of connections", async (t) => {
    const stage = mockStage({ work: [wait(100), complete()] });
    await client(t, stage, { token: () => jwt({ exp: Date.now() / 1000 - 3600 }) }).submit("work").result();
    assert.equal(stage.connections, 1);
  });

  it("that the stage takes at the handshake alone make no storm of connections", async (t) => {
    const stage = mockStage({ work: [cut(), complete()] });
    class Refusing extends stage.WebSocket {
      override send(data: string): void {
        const { action, id } = JSON.parse(data);
        if (action !== "streamer.subscribe") return super.send(data);
        this.onmessage({ data: JSON.stringify({ type: "error", id, ts: 1, code: "UNAUTHENTICATED", message: "no identity", retryable: false }) });
      }
    }
    const clock = new JumpingClock();
    const waits: number[] = [];
    clock.random = () => 1;
    clock.setTimeout = (run, ms) => {
      if (ms >= 1000) return JumpingClock.prototype.setTimeout.call(clock, run, ms);
      waits.push(ms);
      return JumpingClock.prototype.setTimeout.call(clock, run, 5);
    };
    client(t, stage, { clock, WebSocket: Refusing, timing: { backoffMs: 10, backoffMaxMs: 100 } }).submit("work");
    while (stage.connections < 8) await sleep(5);
    assert.deepEqual(waits.slice(0, 6), [10, 20, 40, 80, 100, 100]);
  });

  it("need a WebSocket to travel by", () => {
    const place = globalThis as any;
    const native = place.WebSocket;
    delete place.WebSocket;
    try {
      assert.throws(() => connect("ws://127.0.0.1:1"), /no global WebSocket/);
    } finally {
      if (native) place.WebSocket = native;
    }
  });
});

type Options = NonNullable<Parameters<ReturnType<typeof mockStage>["connect"]>[0]>;

function client(t: TestContext, stage: ReturnType<typeof mockStage>, options?: Options) {
  const streamer = stage.connect(options);
  t.after(() => streamer.close());
  return streamer;
}

async function live(streamer: ReturnType<typeof connect>): Promise<void> {
  while (streamer.state !== "live") await sleep(1);
}

async function waiting(streamer: ReturnType<typeof connect>): Promise<void> {
  while (streamer.state !== "waiting") await sleep(1);
}

async function arrives(stage: ReturnType<typeof mockStage>, action: string) {
  for (;;) {
    const message = stage.messages.find((message) => message.action === action);
    if (message) return message;
    await sleep(5);
  }
}
