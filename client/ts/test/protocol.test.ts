import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { folder } from "./folder.js";

const goldens = folder("../../protocol/testdata");

// The golden frames and messages of package protocol are of the types that are generated
// from it: the compiler says so, which also knows what is missing and what is too much.
describe("goldens", () => {
  const place = mkdtempSync(folder("build/goldens-"));
  after(() => rmSync(place, { recursive: true }));

  const read = (path: string) =>
    readdirSync(`${goldens}${path}`).filter((name) => name.endsWith(".json")).map((name) => readFileSync(`${goldens}${path}/${name}`, "utf8").trim());
  const frames = read("").map((json): [type: string, json: string] => [`Of<"${JSON.parse(json).type}">`, json]);
  const messages = read("/messages").map((json): [type: string, json: string] => ["Message", json]);

  function compile(constants: [type: string, json: string][], comment = "") {
    const lines = constants.map(([type, json], i) => `${comment}\nexport const golden${i}: ${type} = ${json};`);
    const header = 'import type { Frame, Message } from "../../dist/protocol.js";\ntype Of<T extends Frame["type"]> = Extract<Frame, { type: T }>;';
    writeFileSync(`${place}/goldens.ts`, [header, ...lines, "export type { Frame, Message, Of };"].join("\n"));
    return check("goldens.ts");
  }

  function check(file: string) {
    writeFileSync(`${place}/tsconfig.json`, JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: { noEmit: true, rootDir: "../../../.." }, files: [file], include: [] }));
    const { stdout } = spawnSync(folder("node_modules/.bin/tsc"), ["-p", place], { encoding: "utf8" });
    return stdout;
  }

  it("are of their types", () => {
    assert.ok(frames.length > 20 && messages.length > 5, `${frames.length} frames, ${messages.length} messages`);
    assert.equal(compile([...frames, ...messages]), "");
  });

  it("are not, with a member that is missing, unknown, or of another type", () => {
    const spoilt: typeof frames = frames.flatMap(([type, json]) => {
      const { ts: _, ...without } = JSON.parse(json);
      return [without, { ...JSON.parse(json), later: 1 }, { ...JSON.parse(json), ts: "now" }].map((frame): [string, string] => [type, JSON.stringify(frame)]);
    });
    assert.equal(compile(spoilt, "// @ts-expect-error"), "");
  });

  it("types of every shape compile", () => assert.equal(check(folder("../../scripts/protocol/testdata/shapes/actions.ts")), ""));
});
