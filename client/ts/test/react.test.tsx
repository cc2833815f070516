import { useConnectionState, useRequest } from "@pay-theory/streamer/react";
import { cancelled, complete, cut, fail, mockStage, progress, retrying, wait, type MockStage } from "@pay-theory/streamer/testing";
import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { StrictMode, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { act, create, type ReactTestRenderer } from "react-test-renderer";

type Request = ReturnType<typeof useRequest>;

describe("useRequest", () => {
  before(() => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    const error = console.error;
    console.error = (...message) => String(message[0]).includes("react-test-renderer is deprecated") || error(...message);
  });

  it("shows a request from its submission to its result", async (t) => {
    const app = await render(t, mockStage({ report: [progress(40, "reading"), cut(), progress(80, "drawing"), complete({ pages: 3 })] }));
    assert.deepEqual([app.now.status, app.now.requestId], ["IDLE", undefined]);
    await act(async () => void app.now.submit({ month: 1 }));
    await app.until((now) => now.result !== undefined);
    assert.deepEqual([app.now.status, app.now.percentage, app.now.result, app.now.error], ["COMPLETED", 100, { pages: 3 }, undefined]);
    assert.match(app.now.requestId!, /^01MOCK/);
    const statuses = app.seen.map(({ status }) => status);
    for (const status of ["IDLE", "SUBMITTING", "PROCESSING", "COMPLETED"] as const) assert.ok(statuses.includes(status), `${status} is shown: ${statuses}`);
  });

  it("shows an error", async (t) => {
    const app = await render(t, mockStage({ report: [retrying(), fail("NO_ROWS", "there is nothing to report")] }));
    await act(async () => void app.now.submit({}));
    await app.until((now) => now.error !== undefined);
    assert.deepEqual([app.now.status, (app.now.error as Error).message], ["FAILED", "NO_ROWS: there is nothing to report"]);
  });

  it("takes a request up by its id, in strict mode too", async (t) => {
    const stage = mockStage({ report: [progress(10), wait(30), complete("taken up")] });
    const elsewhere = stage.connect();
    t.after(() => elsewhere.close());
    const id = await elsewhere.submit("report").id;
    const app = await render(t, stage, { requestId: id }, StrictMode);
    await app.until((now) => now.result !== undefined);
    assert.equal(app.now.result, "taken up");
    await app.render({ requestId: "01NOBODYS" });
    await app.until((now) => now.error !== undefined);
    assert.equal((app.now.error as { code: string }).code, "NOT_FOUND");
  });

  it("cancels", async (t) => {
    const app = await render(t, mockStage({ report: [progress(10), () => new Promise(() => {})] }));
    await act(async () => app.now.cancel()); // there is none
    await act(async () => void app.now.submit({}));
    await app.until((now) => now.status === "PROCESSING");
    await act(async () => app.now.cancel());
    await app.until((now) => now.error !== undefined);
    assert.equal(app.now.status, "CANCELLED");
    await act(async () => app.now.reset());
    assert.equal(app.now.status, "IDLE");
  });

  it("shows another request in place of the one before", async (t) => {
    const stage = mockStage({ report: [cancelled()] });
    const app = await render(t, stage);
    await act(async () => {
      app.now.submit({ n: 1 });
      app.now.submit({ n: 2 });
    });
    await app.until((now) => now.error !== undefined);
    assert.equal((app.now.error as { code: string }).code, "CANCELLED");
  });

  for (const [cancelOnUnmount, action] of [[true, "streamer.cancel"], [false, "streamer.unsubscribe"]] as const) {
    it(cancelOnUnmount ? "cancels when the component goes, if that is wanted" : "lets the request go on when the component goes", async (t) => {
      const stage = mockStage({ report: [progress(10), () => new Promise(() => {})] });
      const app = await render(t, stage, { cancelOnUnmount });
      await act(async () => void app.now.submit({}));
      await app.until((now) => now.status === "PROCESSING");
      await act(async () => app.root.unmount());
      while (!stage.messages.some((message) => message.action.startsWith("streamer."))) await sleep(5);
      assert.equal(stage.messages.at(-1)!.action, action);
    });
  }

  it("cancels what is not accepted yet when the component goes", async (t) => {
    const stage = mockStage({ report: [() => new Promise(() => {})] });
    const app = await render(t, stage, { cancelOnUnmount: true });
    await act(async () => {
      app.now.submit({});
      app.root.unmount();
    });
    while (!stage.messages.some(({ action }) => action === "streamer.cancel")) await sleep(5);
  });

  it("cancels nothing while the component stays, in strict mode too", async (t) => {
    let go!: () => void;
    const stage = mockStage({ report: [progress(10), () => new Promise<void>((resolve) => (go = resolve)), complete("done")] });
    const elsewhere = stage.connect();
    t.after(() => elsewhere.close());
    const id = await elsewhere.submit("report").id;
    const app = await render(t, stage, { requestId: id, cancelOnUnmount: true }, StrictMode);
    await app.until((now) => now.status === "PROCESSING");
    await app.render({ requestId: id, cancelOnUnmount: false });
    await app.render({ cancelOnUnmount: true });
    assert.equal(app.now.status, "IDLE");
    await app.render({ requestId: id, cancelOnUnmount: true });
    go();
    await app.until((now) => now.result !== undefined);
    assert.ok(!stage.messages.some(({ action }) => action === "streamer.cancel"), "it was cancelled");
    assert.equal(app.now.result, "done");
  });

  it("goes on with what was submitted once its id is an option", async (t) => {
    let go!: () => void;
    const stage = mockStage({ report: [progress(10), () => new Promise<void>((resolve) => (go = resolve)), complete("done")] });
    const app = await render(t, stage, { cancelOnUnmount: true });
    await act(async () => void app.now.submit({}));
    await app.until((now) => now.status === "PROCESSING");
    await app.render({ requestId: app.now.requestId, cancelOnUnmount: true });
    go();
    await app.until((now) => now.result !== undefined || now.error !== undefined);
    assert.deepEqual([app.now.status, app.now.result], ["COMPLETED", "done"]);
  });

  it("shows how the connection is", async (t) => {
    const stage = mockStage({ echo: (payload) => payload });
    const streamer = stage.connect();
    t.after(() => streamer.close());
    let shown = "";
    const Line = () => <p>{(shown = useConnectionState(streamer))}</p>;
    let root!: ReactTestRenderer;
    await act(async () => void (root = create(<Line />)));
    assert.equal(shown, streamer.state);
    await act(async () => void (await streamer.call("echo")));
    assert.equal(shown, "live");
    const passed: string[] = []; // faster than anything is shown, perhaps
    streamer.onState((state) => passed.push(state));
    await act(async () => {
      stage.cut();
      while (passed.length === 0) await sleep(1);
    });
    assert.equal(shown, streamer.state);
    await act(async () => void (await streamer.call("echo")));
    assert.equal(shown, "live");
    assert.ok(passed.includes("connecting"), passed.join());
    await act(async () => streamer.close());
    assert.equal(shown, "closed");
    await act(async () => root.unmount());
    assert.equal(renderToString(<Line />), "<p>connecting</p>");
  });

  it("renders on a server", (t) => {
    const streamer = mockStage({}).connect();
    t.after(() => streamer.close());
    const Bar = () => <p>{useRequest(streamer, "report", { requestId: "R" }).status}</p>;
    assert.equal(renderToString(<Bar />), "<p>IDLE</p>");
  });
});

interface App {
  now: Request;
  seen: Request[];
  root: ReactTestRenderer;
  render(options: Parameters<typeof useRequest>[2]): Promise<void>;
  until(holds: (now: Request) => boolean): Promise<void>;
}

async function render(t: TestContext, stage: MockStage, options = {}, Wrapper: (props: { children: ReactNode }) => ReactNode = ({ children }) => children): Promise<App> {
  const streamer = stage.connect();
  const app = { seen: [] as Request[] } as App;
  const Bar = (props: { options: object }) => {
    app.now = useRequest(streamer, "report", props.options);
    app.seen.push(app.now);
    return <progress value={app.now.percentage} max={100} />;
  };
  const element = (options: object) => <Wrapper><Bar options={options} /></Wrapper>;
  app.render = (options = {}) => act(async () => app.root.update(element(options)));
  app.until = async (holds) => {
    while (!holds(app.now)) await act(async () => void (await sleep(5)));
  };
  await act(async () => void (app.root = create(element(options))));
  t.after(async () => {
    await act(async () => app.root.unmount());
    streamer.close();
  });
  return app;
}
