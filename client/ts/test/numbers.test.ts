import { connect, type ConnectOptions, type Streamer } from "@pay-theory/streamer";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { parse } from "../dist/json.js";
import { exact } from "./recipes.js";

describe("numbers that JavaScript has not", () => {
  it("are altered by JSON.parse without a word, and not here", () => {
    assert.equal(JSON.parse("9007199254740993"), 9007199254740992);
    for (const altered of [
      "9007199254740993", "9007199254740992", "-9007199254740992", "123456789012345678901234567890", "1e400", "-1E+400", "1.5e999", "0.1e310",
      '{"a":[1,{"b":18446744073709551615}]}', '["9007199254740993",9007199254740993]', '{"\\"":9007199254740993}', '"\\\\",9007199254740993',
    ]) {
      assert.throws(() => parse(altered), { code: "UNSAFE_NUMBER", retryable: false }, altered);
    }
  });

  it("are not seen where there are none", () => {
    for (const fine of [
      "9007199254740991", "-9007199254740991", "0", "-0", "1.5e300", "0.12345678901234567890", "1234567890.12345678901234567890", "1e-400",
      '"9007199254740993"', '{"9007199254740993":1}', '["\\"9007199254740993"]', '"\\\\9007199254740993 \\u0022 1e400"', '{"sha":"1234567890123456e999"}',
      JSON.stringify("1234567890123456 ".repeat(300_000)), JSON.stringify('"\\'.repeat(3_000_000) + "1234567890123456"),
    ]) {
      assert.deepEqual(parse(fine), JSON.parse(fine));
    }
    assert.throws(() => parse("{1234567890123456"), SyntaxError);
  });

  const json = '{"id":9007199254740993,"text":"9007199254740993","small":[1,2.50]}';
  const ways: Record<string, { action: string; answer: (id: string) => string[] }> = {
    "the answer of a sync action": { action: "sync", answer: (id) => [`{"type":"response","id":"${id}","ts":1,"request_id":"R","result":${json}}`] },
    "the result of an async one": {
      action: "async",
      answer: (id) => [
        `{"type":"accepted","id":"${id}","ts":1,"request_id":"R","status":"PENDING"}`,
        `{"type":"complete","request_id":"R","ref":"${id}","seq":1000001,"ts":1,"result":${json},"attempt":1}`,
      ],
    },
    "a result by a link": {
      action: "link",
      answer: (id) => [
        `{"type":"accepted","id":"${id}","ts":1,"request_id":"R","status":"PENDING"}`,
        `{"type":"complete","request_id":"R","seq":1000001,"ts":1,"result":null,"result_ref":{"url":"data:,${encodeURIComponent(json)}","size":${json.length},"sha256":"${createHash("sha256").update(json).digest("hex")}","expires_at":1},"attempt":1}`,
      ],
    },
  };
  for (const [name, { action, answer }] of Object.entries(ways)) {
    it(`${name} rejects, or is as a parse of one's own reads it`, async (t) => {
      const url = await server(t, ({ id }) => answer(id));
      const request = client(t, url).submit(action);
      await assert.rejects(request.result(), { name: "StreamerError", code: "UNSAFE_NUMBER" });
      assert.equal(request.update.status, "COMPLETED");
      const read = await client(t, url, { parse: (text) => JSON.parse(text, (_, value) => (value === 9007199254740992 ? "read" : value)) }).call(action);
      assert.deepEqual(read, { id: "read", text: "9007199254740993", small: [1, 2.5] });
      const own = client(t, url, { parse: () => { throw new RangeError("mine"); } });
      await assert.rejects(own.call(action), { name: "RangeError", message: "mine" });
    });
  }

  it("get is the same", async (t) => {
    const row = `"request_id":"R","action":"a","status":"COMPLETED","attempt":1,"percentage":100,"message":"","seq":1,"created_at":1,"deadline_at":2`;
    const url = await server(t, ({ id }) => [`{"type":"request","id":"${id}","ts":1,${row},"result":${json}}`]);
    await assert.rejects(client(t, url).get("R"), { code: "UNSAFE_NUMBER" });
    assert.deepEqual((await client(t, url, { parse: () => ({ result: "mine" }) }).get("R")).result, "mine");
  });

  it("a recipe reads them exactly, where JSON.parse tells what was written", async (t) => {
    const tells = (JSON.parse as any)("1", (_: string, __: unknown, context?: { source: string }) => context?.source === "1");
    if (tells) assert.deepEqual(exact(json), { id: 9007199254740993n, text: "9007199254740993", small: [1, 2.5] });
    else assert.throws(() => exact(json), TypeError); // and alters nothing
    t.diagnostic(`JSON.parse ${tells ? "tells" : "does not tell"} it in Node ${process.version}`);
  });
});

interface Asked {
  action: string;
  id: string;
}

/** A stage that answers with text as it is. */
async function server(t: TestContext, answer: (message: Asked) => string[]): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => {
    server.clients.forEach((socket) => socket.terminate());
    server.close();
  });
  server.on("connection", (socket) => socket.on("message", (data) => answer(JSON.parse(String(data))).forEach((text) => socket.send(text))));
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function client(t: TestContext, url: string, options: ConnectOptions = {}): Streamer {
  const streamer = connect(url, { WebSocket, ...options });
  t.after(() => streamer.close());
  return streamer;
}
