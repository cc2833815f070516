import { connect, StreamerError } from "@pay-theory/streamer";
import { cancelled, complete, cut, duplicated, fail, mockStage, progress, reordered, retrying, wait } from "@pay-theory/streamer/testing";
import assert from "node:assert/strict";
import { describe, it } from "node:test";

describe("mockStage", () => {
  const scripts = {
    plain: [progress(50, "half"), complete({ pages: 3 })],
    all: [
      reordered(progress(10, "a"), progress(20, "b"), progress(30, "c")), duplicated(retrying("TIMEOUT")),
      cut(progress(40, "unseen"), retrying("TIMEOUT")), duplicated(progress(50, "d")), reordered(progress(60, "e"), complete("done")),
    ],
    away: [cut(complete("meanwhile"))],
    silent: [],
    refuse: [fail("NO_ROWS", "there is nothing")],
    cancel: [cancelled()],
    echo: (payload: unknown) => payload,
    broken: () => {
      throw new Error("mine");
    },
    wrong: () => {
      throw new StreamerError("INVALID_PAYLOAD", "month: missing", { details: { field: "month" } });
    },
  };

  const outcomes: [keyof typeof scripts | "nothing", unknown][] = [
    ["plain", { pages: 3 }], ["all", "done"], ["away", "meanwhile"], ["silent", null], ["echo", { a: 1 }],
    ["refuse", "NO_ROWS: there is nothing"], ["cancel", "CANCELLED: the request was cancelled"], ["wrong", "INVALID_PAYLOAD: month: missing"],
    ["broken", "INTERNAL: Error: mine"], ["nothing", 'UNKNOWN_ACTION: there is no action "nothing"'],
  ];
  for (const [action, outcome] of outcomes) {
    it(action, async (t) => {
      const streamer = mockStage(scripts).connect();
      t.after(() => streamer.close());
      const result = streamer.submit(action, { a: 1 }).result();
      assert.deepEqual(await result.catch((problem) => problem.message), outcome);
    });
  }

  it("plays what a client must be able to take", async (t) => {
    const stage = mockStage(scripts);
    const streamer = stage.connect();
    t.after(() => streamer.close());
    const request = streamer.submit("all");
    const seen: string[] = [];
    request.onUpdate(({ status, message, attempt }) => seen.push(`${status} ${attempt} ${message}`));
    await request.result();
    assert.deepEqual(seen, ["PENDING 0 ", "PROCESSING 1 c", "RETRYING 1 c", "RETRYING 2 unseen", "PROCESSING 3 d", "COMPLETED 3 d"]);
    assert.equal(stage.connections, 2);
    assert.deepEqual(stage.messages.map(({ action }) => action), ["all", "streamer.subscribe"]);
  });

  it("takes and gives what is too large for a message", async (t) => {
    const stage = mockStage({ sync: (payload) => payload.length, work: [complete("x".repeat(30_000))] });
    const streamer = connect("wss://stage.example/v1", { WebSocket: stage.WebSocket, fetch: stage.fetch });
    t.after(() => streamer.close());
    assert.equal(await streamer.call("sync", "😀".repeat(10_000)), 20_000);
    const request = streamer.submit("work");
    assert.equal((await request.result()).length, 30_000);
    assert.equal((await streamer.get(await request.id)).result_ref!.size, 30_002);
    assert.equal(await (await stage.fetch("data:,else")).text(), "else");
  });

  it("knows keys, and requests by their ids", async (t) => {
    const stage = mockStage({ work: [wait(20), complete(1)] });
    const [one, two] = [stage.connect(), stage.connect()];
    t.after(() => [one, two].forEach((streamer) => streamer.close()));
    const id = await one.submit("work", {}, { idempotencyKey: "k" }).id;
    assert.equal(await two.submit("work", {}, { idempotencyKey: "k" }).id, id);
    assert.equal(await two.attach(id).result(), 1);
    assert.equal((await two.get(id)).status, "COMPLETED");
    await two.cancel(id);
    await assert.rejects(two.get("other"), { code: "NOT_FOUND" });
  });
});
