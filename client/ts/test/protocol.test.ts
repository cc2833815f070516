import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Frame } from "../dist/protocol.js";
import { folder } from "./folder.js";

// The members of each frame as its type here has them; "?" marks those that may be absent.
// That the types have no other members is for the compiler to see, below.
type Members<T extends Frame["type"]> = Record<Exclude<keyof Extract<Frame, { type: T }>, "type">, string>;
const frames: { [T in Frame["type"]]: Members<T> } = {
  response: { id: "string?", ts: "number", request_id: "string", result: "any" },
  accepted: { id: "string?", ts: "number", request_id: "string", status: "string", duplicate: "boolean?" },
  progress: { request_id: "string", ref: "string?", seq: "number", ts: "number", percentage: "number", message: "string", attempt: "number" },
  retrying: { request_id: "string", ref: "string?", seq: "number", ts: "number", attempt: "number", next_at: "number", code: "string" },
  complete: { request_id: "string", ref: "string?", seq: "number", ts: "number", result: "any", result_ref: "object?", attempt: "number" },
  failed: { request_id: "string", ref: "string?", seq: "number", ts: "number", code: "string", message: "string", attempt: "number" },
  cancelled: { request_id: "string", ref: "string?", seq: "number", ts: "number", id: "string?" },
  error: { id: "string?", ts: "number", code: "string", message: "string", retryable: "boolean", details: "object?" },
  subscribed: { id: "string?", ts: "number", request_id: "string", status: "string", attempt: "number", percentage: "number", message: "string", seq: "number" },
  unsubscribed: { id: "string?", ts: "number", request_id: "string" },
  request: {
    id: "string?", ts: "number", request_id: "string", action: "string", status: "string", attempt: "number", percentage: "number", message: "string", seq: "number",
    created_at: "number", deadline_at: "number", started_at: "number?", next_at: "number?", ended_at: "number?", result: "any?", result_ref: "object?", code: "string?", error: "string?",
  },
  pong: { id: "string?", ts: "number" },
  upload: { id: "string?", ts: "number", payload_ref: "string", url: "string", headers: "object", expires_at: "number" },
};

const goldens = folder("../../protocol/testdata");

describe("golden frames", () => {
  const seen = new Set<string>();
  for (const file of readdirSync(goldens).filter((name) => name.endsWith(".json"))) {
    it(file, () => {
      const { type, ...members } = JSON.parse(readFileSync(`${goldens}/${file}`, "utf8"));
      const known: Record<string, string> = frames[type as Frame["type"]];
      assert.ok(known, `no type ${type} here`);
      seen.add(type);
      for (const [name, value] of Object.entries(members)) {
        assert.ok(known[name], `${type} has no member ${name} here`);
        const kind = known[name].replace("?", "");
        if (kind !== "any") assert.equal(typeof value, kind, `${type}.${name}`);
      }
      for (const [name, kind] of Object.entries(known)) {
        if (!kind.endsWith("?")) assert.ok(name in members, `${type}.${name} is not always there`);
      }
    });
  }
  it("all types have one", () => assert.deepEqual([...seen].sort(), Object.keys(frames).sort()));
});

describe("constants", () => {
  const go = (file: string) => readFileSync(folder(`../../protocol/${file}`), "utf8");
  const ts = readFileSync(folder("src/protocol.ts"), "utf8");

  it("codes", () => {
    const inGo = [...go("code.go").matchAll(/Code = "([A-Z_]+)"/g)].map((match) => match[1]);
    const here = [...ts.slice(ts.indexOf("type Code")).split(";")[0]!.matchAll(/"([A-Z_]+)"/g)].map((match) => match[1]);
    assert.deepEqual(here, inGo);
  });
  it("statuses", () => {
    const inGo = [...go("frame.go").matchAll(/Status = "([A-Z]+)"/g)].map((match) => match[1]);
    const here = [...ts.slice(ts.indexOf("type Status")).split(";")[0]!.matchAll(/"([A-Z]+)"/g)].map((match) => match[1]);
    assert.deepEqual(here, inGo);
  });
  it("limits", () => {
    const value = (text: string, name: string) => {
      const product = new RegExp(`${name}\\s*=\\s*([\\d* ]+)`).exec(text)?.[1];
      return product?.split("*").reduce((all, factor) => all * Number(factor), 1);
    };
    for (const [here, inGo] of [["MAX_MESSAGE", "MaxMessage"], ["MAX_UPLOAD", "MaxUpload"]] as const) {
      assert.ok(value(ts, here));
      assert.equal(value(ts, here), value(go("limits.go"), inGo));
    }
  });
});
