// What the page in Chromium does.
import { connect } from "@pay-theory/streamer";

declare const ADDRESS: string;
declare const TOKEN: string;

/** A global WebSocket whose newest connection can be cut, as a network that fails would. */
let newest: WebSocket;
const Native = globalThis.WebSocket;
class Cuttable extends Native {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    newest = this;
  }
}

async function run(): Promise<object> {
  const streamer = connect(ADDRESS, { token: TOKEN, WebSocket: Cuttable });
  const echo = await streamer.submit("echo", "Größe 😀").result();
  const live: string[] = [];
  streamer.onState((state) => live.push(state));
  const request = streamer.submit("echo_async", { message: "in Chromium", duration_ms: 2000 });
  for await (const { status } of request) {
    if (status !== "PROCESSING") continue;
    newest.close();
    break;
  }
  const result = await request.result();
  const large = await streamer.submit("echo_async", { message: "x".repeat(300_000), duration_ms: 0, steps: 1 }).result();
  streamer.close();
  return { echo, status: request.update.status, result, large: large.message.length, live: live.filter((state) => state !== "closed") };
}

/** The page as it is after it was loaded anew, with nothing but an id in its address. */
async function resume(id: string): Promise<object> {
  const streamer = connect(ADDRESS, { token: TOKEN });
  while ((await streamer.listPage({ limit: 1 })).requests[0]?.request_id !== id); // the list follows
  const resumed = await streamer.attach(id).result();
  streamer.close();
  return { ...JSON.parse(sessionStorage.getItem("before")!), resumed };
}

async function leave(): Promise<never> {
  sessionStorage.setItem("before", JSON.stringify(await run()));
  const streamer = connect(ADDRESS, { token: TOKEN });
  location.hash = await streamer.submit("echo_async", { message: "after the reload", duration_ms: 2000 }).id;
  location.reload();
  return new Promise(() => {}); // nothing more happens here
}

void (location.hash ? resume(location.hash.slice(1)) : leave())
  .catch((problem) => ({ problem: String(problem) }))
  .then((report) => fetch("/report", { method: "POST", body: JSON.stringify(report) }));
