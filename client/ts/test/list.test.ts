import type { Listed, RequestsFrame } from "@pay-theory/streamer";
import { complete, fail, mockStage } from "@pay-theory/streamer/testing";
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

const forever = () => new Promise<never>(() => {});
const scripts = { short: [complete("done")], wrong: [fail("NO_ROWS")], long: [forever] };

describe("list", () => {
  it("goes through all requests, newest first, page by page", async (t) => {
    const { stage, streamer, ids } = await several(t, ["short", "wrong", "long", "short", "long"]);
    const seen: Listed[] = [];
    for await (const listed of streamer.list({ limit: 2 })) seen.push(listed);
    assert.deepEqual(seen.map(({ request_id }) => request_id), [...ids].reverse());
    assert.deepEqual(seen.map(({ action, status, code }) => [action, status, code]), [
      ["long", "PENDING", undefined], ["short", "COMPLETED", undefined], ["long", "PENDING", undefined], ["wrong", "FAILED", "NO_ROWS"], ["short", "COMPLETED", undefined],
    ]);
    const asked = stage.messages.filter(({ action }) => action === "streamer.list").map(({ payload }) => payload);
    assert.deepEqual(asked, [{ limit: 2 }, { limit: 2, page: ids[3] }, { limit: 2, page: ids[1] }]);
  });

  it("reads no more pages than are looked at", async (t) => {
    const { stage, streamer } = await several(t, ["short", "short", "short"]);
    for await (const _ of streamer.list({ limit: 1 })) break;
    assert.equal(stage.messages.filter(({ action }) => action === "streamer.list").length, 1);
  });

  it("is narrowed, and begins where one left off", async (t) => {
    const { streamer, ids } = await several(t, ["short", "long", "wrong", "long", "short"]);
    const of = async (options: Parameters<typeof streamer.list>[0]) => {
      const all = [];
      for await (const { request_id } of streamer.list(options)) all.push(ids.indexOf(request_id));
      return all;
    };
    assert.deepEqual(await of({ status: "open" }), [3, 1]);
    assert.deepEqual(await of({ status: "ended", limit: 1 }), [4, 2, 0]);
    assert.deepEqual(await of({ status: "FAILED" }), [2]);
    const { requests, next }: RequestsFrame = await streamer.listPage({ limit: 2 });
    assert.deepEqual([requests.length, next], [2, ids[3]]);
    assert.deepEqual(await of({ page: next! }), [2, 1, 0]);
  });

  it("goes on over a cut", async (t) => {
    const { stage, streamer, ids } = await several(t, ["short", "short", "short"]);
    const seen: string[] = [];
    for await (const { request_id } of streamer.list({ limit: 1 })) {
      seen.push(request_id);
      stage.cut();
    }
    assert.deepEqual(seen, [...ids].reverse());
    assert.ok(stage.connections >= 3, `${stage.connections} connections`);
  });

  it("says what is wrong, and ends with the client", async (t) => {
    const { streamer } = await several(t, ["short"]);
    await assert.rejects(streamer.listPage({ page: "another's" }), { code: "INVALID_PAYLOAD", details: { field: "page" } });
    const iterator = streamer.list()[Symbol.asyncIterator]();
    streamer.close();
    await assert.rejects(Promise.resolve(iterator.next()), { code: "CLOSED" });
  });

  it("what is listed can be attached", async (t) => {
    const { streamer } = await several(t, ["short", "wrong"]);
    const outcomes = [];
    for await (const { request_id } of streamer.list()) outcomes.push(await streamer.attach(request_id).result().catch(({ code }) => code));
    assert.deepEqual(outcomes, ["NO_ROWS", "done"]);
  });
});

async function several(t: TestContext, actions: (keyof typeof scripts)[]) {
  const stage = mockStage(scripts);
  const streamer = stage.connect();
  t.after(() => streamer.close());
  const ids: string[] = [];
  for (const action of actions) {
    const request = streamer.submit(action);
    ids.push(await request.id);
    if (action !== "long") await request.result().catch(() => {});
  }
  return { stage, streamer, ids };
}
