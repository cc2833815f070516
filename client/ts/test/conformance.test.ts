import { connect, StreamerError, type Streamer, type StreamerRequest, type Update } from "@pay-theory/streamer";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { WebSocket } from "ws";
import { JumpingClock } from "./clock.js";
import { folder } from "./folder.js";
import { jwt } from "./jwt.js";

interface Case {
  name: string;
  about: string;
  action?: string;
  payload?: unknown;
  payload_size?: number;
  attach?: boolean;
  token_ms?: number;
  one_token?: boolean;
  timing?: Partial<Record<"handshake" | "answer" | "ping" | "pong" | "life" | "handover", number>>;
  client?: Record<string, "cancel" | "sleep" | "reload">;
  expect: { updates: string[]; result?: unknown; echo?: boolean; error?: string; report?: Record<string, [number, number]> };
}

const results = folder("../conformance/results/typescript.txt");
const cases: Case[] = JSON.parse(readFileSync(folder("../conformance/cases.json"), "utf8"));
const hour = 3_600_000;
const day = 24 * hour;

// The server is a Go program; it ends when its input does.
const server = spawn("go", ["run", "./client/conformance/serve"], { cwd: folder("../.."), stdio: ["pipe", "pipe", "inherit"] });
let addresses: string[];

describe("conformance", { concurrency: 16, timeout: 300_000 }, () => {
  before(async () => {
    const [line] = await once(createInterface(server.stdout), "line") as [string];
    addresses = line.split(" ");
  });
  after(() => server.stdin.end());

  const failed = new Set<string>();
  for (const [n, where] of ["", " through the front"].entries()) {
    for (const c of cases) {
      it(`${c.name}${where}: ${c.about}`, { timeout: 120_000 }, () => play(c, addresses[n]!).catch((error) => {
        failed.add(c.name);
        throw error;
      }));
    }
  }
  for (const [name, says, code] of [["quick", '{"pages":3}', 0], ["cancelled_elsewhere", "CANCELLED", 1], ["closed_1006", "the connection ended", 1]] as const) {
    it(`${name}: the smallest client says what becomes of it`, { timeout: 120_000 }, async () => {
      const env = { ...process.env, STREAMER_WS_URL: `ws://${addresses[0]}/run/${name}/smallest`, STREAMER_TOKEN: jwt({}) };
      const client = spawn("node", [folder("../demo/seed.mjs"), "work"], { env, stdio: ["ignore", "pipe", "ignore"] });
      const [said, [exit]] = await Promise.all([text(client.stdout), once(client, "exit")]);
      assert.deepEqual([said.trimEnd().slice(0, says.length), exit], [says, code]);
    });
  }
  after(() => {
    const names = cases.filter(({ name }) => !failed.has(name)).map(({ name }) => `${name}\n`).join("");
    if (process.env.UPDATE) writeFileSync(results, names);
    assert.equal(readFileSync(results, "utf8"), names, "the table of results says otherwise: review them, then run this test with UPDATE=1");
  });
});

async function play(c: Case, address: string): Promise<void> {
  const place = `${address}/run/${c.name}/${Date.now()}`;
  const clock = new JumpingClock();
  const payload = c.payload_size ? { fill: "x".repeat(c.payload_size) } : c.payload;
  const { handshake: handshakeMs, answer: answerMs, ping, pong: pongMs, life: lifeMs, handover: handoverMs } = c.timing ?? {};
  const given = { handshakeMs, answerMs, pingMs: ping, busyPingMs: ping, pongMs, lifeMs, handoverMs };
  const timing = { backoffMs: 10, ...Object.fromEntries(Object.entries(given).filter(([, ms]) => ms !== undefined)) };
  const fresh = () => jwt({ exp: (Date.now() + (c.token_ms ?? day)) / 1000 });
  const dial = () => connect(`ws://${place}`, { token: c.one_token ? fresh() : fresh, WebSocket, timing, clock });

  let client: Streamer = dial();
  let updates: string[];
  const done = new Set<string>();
  const follow = (request: StreamerRequest): StreamerRequest => {
    let last: Update = request.update;
    updates = [];
    request.onUpdate((update) => {
      if (update.attempt === last.attempt) assert.ok(update.percentage >= last.percentage, `${last.percentage} fell to ${update.percentage}`);
      last = update;
      if (update.status !== "PROCESSING") updates.push(update.status === "RETRYING" ? `RETRYING ${update.attempt}` : update.status);
      const act = c.client?.[update.message];
      if (!act || done.has(update.message)) return;
      done.add(update.message);
      if (act === "cancel") void request.cancel();
      if (act === "sleep") clock.jump(hour);
      if (act === "reload") {
        client.close();
        client = dial();
        reloaded(follow(client.attach(request.requestId!)));
      }
    });
    return request;
  };
  let reloaded!: (request: StreamerRequest) => void;
  const next = new Promise<StreamerRequest>((resolve) => (reloaded = resolve));
  try {
    let request = follow(c.attach ? client.attach("unknown") : client.submit(c.action ?? "work", payload));
    if (Object.values(c.client ?? {}).includes("reload")) {
      await assert.rejects(request.result(), { code: "CLOSED" });
      request = await next;
    }
    const outcome = await request.result().then((result) => ({ result }), (error: StreamerError) => ({ error: error.code ?? error }));
    const { expect } = c;
    assert.deepEqual(outcome, expect.error ? { error: expect.error } : { result: expect.echo ? payload : (expect.result ?? null) });
    assert.deepEqual(updates!, expect.updates);
    const report = (await (await fetch(`http://${place}/report`)).json()) as Record<string, number>;
    for (const [name, [least, most]] of Object.entries(expect.report ?? {})) {
      assert.ok(report[name]! >= least && report[name]! <= most, `${name} is ${report[name]}, not ${least} to ${most}: ${JSON.stringify(report)}`);
    }
  } finally {
    client.close();
  }
}
