// The code of the README, which recipes.test.ts runs.
import { connect, StreamerError, type Streamer } from "@pay-theory/streamer";
import { useRequest } from "@pay-theory/streamer/react";
import { complete, cut, mockStage, progress } from "@pay-theory/streamer/testing";
import type { Actions } from "./actions.js";
import assert from "node:assert/strict";
import { WebSocket } from "ws";

export async function report(url: string, getToken: () => Promise<string>): Promise<string> {
  const streamer = connect<Actions>(url, { token: getToken });
  const request = streamer.submit("generate_report", { start_date: "2024-01-01", end_date: "2024-01-31" });
  for await (const { percentage, message } of request) {
    console.log(`${percentage} % ${message}`);
  }
  const { url: link } = await request.result();
  streamer.close();
  return link;
}

export async function script(url: string, token: string): Promise<void> {
  const streamer = connect(url, { token, WebSocket, giveUpAfterMs: 60_000 });
  try {
    console.log(await streamer.submit("generate_report", { start_date: "2024-01-01", end_date: "2024-01-31" }).result());
  } catch (problem) {
    if (!(problem instanceof StreamerError)) throw problem;
    console.error(problem.message, problem.retryable ? "- try again later" : problem.details);
    process.exitCode = 1;
  } finally {
    streamer.close();
  }
}

export function Report({ streamer }: { streamer: Streamer<Actions> }) {
  const { status, percentage, message, result, error, submit, cancel } = useRequest(streamer, "generate_report");
  if (error) return <p role="alert">{String(error)}</p>;
  if (result) return <a href={result.url}>{result.pages} pages</a>;
  if (status === "IDLE") return <button onClick={() => submit({ start_date: "2024-01-01", end_date: "2024-01-31" })}>Report</button>;
  return (
    <label>
      <progress value={percentage} max={100} /> {message} <button onClick={cancel}>Cancel</button>
    </label>
  );
}

export async function resume(streamer: Streamer<Actions>, address: URL): Promise<{ url: string }> {
  const id = address.searchParams.get("report");
  if (id) return streamer.attach<"generate_report">(id).result();
  const request = streamer.submit("generate_report", { start_date: "2024-01-01", end_date: "2024-01-31" });
  address.searchParams.set("report", await request.id); // history.replaceState in a page
  return request.result();
}

export async function untilLeft(streamer: Streamer<Actions>, page: EventTarget): Promise<{ url: string } | undefined> {
  const left = new AbortController();
  page.addEventListener("navigate", () => left.abort(), { once: true });
  try {
    return await streamer.submit("generate_report", { start_date: "2024-01-01", end_date: "2024-01-31" }, { signal: left.signal }).result();
  } catch (problem) {
    if (left.signal.aborted) return undefined;
    throw problem;
  }
}

export async function importRows(streamer: Streamer, rows: object[]): Promise<number> {
  return streamer.submit("import", rows, { idempotencyKey: "import of 2024-01-31" }).result();
}

export async function openReports(streamer: Streamer<Actions>): Promise<string[]> {
  const lines: string[] = [];
  for await (const { request_id, action, percentage = 0 } of streamer.list({ status: "open" })) {
    lines.push(`${action} ${request_id}: ${percentage} %`);
  }
  return lines;
}

type Reviver = (key: string, value: unknown, context: { source: string }) => unknown;

export function exact(json: string): unknown {
  const revive: Reviver = (_, value, { source }) => (Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(source) : value);
  return JSON.parse(json, revive as (key: string, value: unknown) => unknown);
}

export async function testOfYourOwn(): Promise<void> {
  const stage = mockStage({
    generate_report: [progress(30, "Querying data..."), cut(progress(60)), complete({ url: "https://files.example/r.pdf", pages: 3 })],
  });
  const streamer = stage.connect<Actions>();
  const request = streamer.submit("generate_report", { start_date: "2024-01-01", end_date: "2024-01-31" });
  assert.equal((await request.result()).pages, 3);
  assert.equal(stage.connections, 2);
  streamer.close();
}
