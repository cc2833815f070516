import type { Streamer } from "@pay-theory/streamer";
import { complete, cut, fail, mockStage, progress, wait, type Script } from "@pay-theory/streamer/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { act, create, type ReactTestRenderer } from "react-test-renderer";
import { WebSocketServer } from "ws";
import type { Actions } from "./actions.js";
import { folder } from "./folder.js";
import { importRows, openReports, Report, report, resume, script, testOfYourOwn, untilLeft } from "./recipes.js";

const made = { url: "https://files.example/r.pdf", pages: 3 };

describe("README", () => {
  it("shows code that the other tests here run", () => {
    const code = readFileSync(folder("test/recipes.tsx"), "utf8");
    const blocks = [...readFileSync(folder("README.md"), "utf8").matchAll(/```tsx?\n([^]*?)```/g)].map((match) => match[1]!);
    assert.ok(blocks.length >= 7, `${blocks.length} blocks`);
    for (const declaration of blocks.flatMap((block) => block.trim().split("\n\n"))) assert.ok(code.includes(declaration), declaration);
  });

  it("five lines", async (t) => {
    const place = globalThis as any;
    const native = place.WebSocket;
    place.WebSocket = mockStage({ generate_report: [progress(30, "Querying data..."), complete(made)] }).WebSocket;
    t.after(() => (place.WebSocket = native));
    const log = t.mock.method(console, "log", () => {});
    assert.equal(await report("wss://stage.example/v1", async () => "a.b.c"), made.url);
    assert.ok(log.mock.calls.some(({ arguments: [line] }) => line === "30 % Querying data..."));
  });

  it("a Node script", async (t) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    t.after(() => server.close());
    await once(server, "listening");
    let refused = false;
    server.on("connection", (socket) => socket.on("message", (data) => {
      const { id } = JSON.parse(String(data));
      socket.send(JSON.stringify(refused ? { type: "error", id, code: "INVALID_PAYLOAD", message: "no", retryable: false } : { type: "response", id, request_id: "R", result: made }));
    }));
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
    const [log, error] = [t.mock.method(console, "log", () => {}), t.mock.method(console, "error", () => {})];
    await script(url, "a.b.c");
    assert.deepEqual(log.mock.calls[0]!.arguments, [made]);
    refused = true;
    await script(url, "a.b.c");
    assert.equal(error.mock.callCount(), 1);
    assert.equal(process.exitCode, 1);
    process.exitCode = undefined;
  });

  it("a React progress bar", async (t) => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    t.mock.method(console, "error", () => {}); // the renderer says that it is deprecated
    let go!: () => void;
    const streamer = client(t, { generate_report: [progress(30, "Querying data..."), () => new Promise<void>((resolve) => (go = resolve)), complete(made)] });
    let root!: ReactTestRenderer;
    await act(async () => void (root = create(<Report streamer={streamer} />)));
    const shown = async (type: string) => {
      while (root.root.findAllByType(type as never).length === 0) await act(async () => void (await sleep(5)));
      return root.root.findByType(type as never).props;
    };
    const { onClick } = await shown("button");
    await act(async () => onClick());
    await shown("progress");
    while ((await shown("progress")).value !== 30) await act(async () => void (await sleep(5)));
    await act(async () => go());
    assert.equal((await shown("a")).href, made.url);
    await act(async () => root.unmount());
  });

  it("resume after a reload", async (t) => {
    const streamer = client(t, { generate_report: [wait(30), complete(made)] });
    const page = new URL("https://app.example/");
    const before = resume(streamer, page);
    while (!page.search) await sleep(1);
    assert.deepEqual(await resume(streamer, page), made);
    assert.deepEqual(await before, made);
  });

  it("cancel on navigation", async (t) => {
    const page = new EventTarget();
    const streamer = client(t, { generate_report: [() => new Promise(() => {})] });
    const result = untilLeft(streamer, page);
    await sleep(20);
    page.dispatchEvent(new Event("navigate"));
    assert.equal(await result, undefined);
    await assert.rejects(untilLeft(client(t, { generate_report: [fail("NO_ROWS")] }), page), { code: "NO_ROWS" });
  });

  it("a list of what is open", async (t) => {
    const streamer = client(t, { generate_report: [progress(30), () => new Promise(() => {})], other: [complete(made)] });
    const other = await (streamer as Streamer).submit("other");
    await other.result();
    const request = streamer.submit("generate_report", { start_date: "2024-01-01", end_date: "2024-01-31" });
    while (request.update.percentage < 30) await sleep(1);
    assert.deepEqual(await openReports(streamer), [`generate_report ${request.requestId}: 30 %`]);
  });

  it("a payload with a key", async (t) => {
    assert.equal(await importRows(client(t, { import: [cut(), complete(2)] }), [{}, {}]), 2);
  });

  it("a large payload, which is uploaded", async (t) => {
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ n, name: "Größe 😀" }));
    const stage = mockStage({ import: [(play) => complete((play.message.payload as object[]).length)(play)] });
    const streamer = stage.connect();
    t.after(() => streamer.close());
    assert.equal(await importRows(streamer, rows), rows.length);
    assert.deepEqual(stage.messages.map(({ action }) => action), ["streamer.upload", "import"]);
    assert.deepEqual(stage.messages[1]!.payload, rows);
    assert.ok(JSON.stringify(rows).length > 500_000);
  });

  it("the mock", testOfYourOwn);
});

function client(t: TestContext, scripts: Record<string, Script>) {
  const streamer = mockStage(scripts).connect<Actions>();
  t.after(() => streamer.close());
  return streamer;
}
