import { build } from "esbuild";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { browse, chromium } from "./chromium.js";
import { folder } from "./folder.js";
import { needs } from "./stage.js";

describe("the package", { timeout: 300_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), "streamer-consumer-"));
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: home, encoding: "utf8" });
  const write = (name: string, text: string) => writeFileSync(join(home, name), text);

  before(() => {
    const npm = (...args: string[]) => run("npm", ...args, "--loglevel=error");
    const [packed] = JSON.parse(npm("pack", folder("."), "--json", "--ignore-scripts"));
    const names: string[] = packed.files.map(({ path }: { path: string }) => path);
    assert.deepEqual(names.filter((name) => !/^(dist\/\w+\.(js|d\.ts)|package\.json|README\.md)$/.test(name)), []);
    write("package.json", '{ "type": "module", "private": true }');
    npm("install", `./${packed.filename}`, "--offline", "--no-audit", "--no-fund", "--omit=peer");
    for (const name of ["react", "ws", "csstype", "undici-types", "@types/react", "@types/node", "@types/ws"]) {
      mkdirSync(join(home, "node_modules/@types"), { recursive: true });
      symlinkSync(folder(`node_modules/${name}`), join(home, "node_modules", name));
    }
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  const page = `
    import { connect, StreamerError } from "@pay-theory/streamer";
    import { complete, cut, mockStage, progress } from "@pay-theory/streamer/testing";
    const stage = mockStage({ work: [progress(50), cut(), complete("installed")] });
    const streamer = connect("wss://stage.example/v1", { WebSocket: stage.WebSocket, timing: { backoffMs: 5 } });
    const result = await streamer.submit("work").result();
    streamer.close();
    const closed = await streamer.submit("work").result().catch((problem) => problem instanceof StreamerError && problem.code);
    const seen = { result, closed, connections: stage.connections };`;
  const seen = { result: "installed", closed: "CLOSED", connections: 2 };

  it("works in Node", () => {
    write("page.mjs", `${page}\nconsole.log(JSON.stringify(seen));`);
    assert.deepEqual(JSON.parse(run(process.execPath, "page.mjs")), seen);
  });

  it("works in Chromium, bundled", needs("Chromium, as apt-get install chromium-headless-shell brings it", chromium), async (t) => {
    write("browser.mjs", `${page}\nawait fetch("/report", { method: "POST", body: JSON.stringify(seen) });`);
    assert.deepEqual(await browse(await bundle("browser.mjs"), AbortSignal.any([t.signal, AbortSignal.timeout(120_000)])), seen);
  });

  for (const [what, lib, types] of [["browsers", ["ES2022", "DOM"], []], ["Node", ["ES2022"], ["node"]]] as const) {
    it(`has types for ${what}`, () => {
      write("tsconfig.json", JSON.stringify({
        compilerOptions: { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: "ES2022", module: "nodenext", lib, types },
        files: ["consumer.ts"],
      }));
      write("consumer.ts", `
        import { connect, type StreamerError, type Streamer, type Update } from "@pay-theory/streamer";
        import { useRequest } from "@pay-theory/streamer/react";
        import { mockStage, progress, type Step } from "@pay-theory/streamer/testing";
        ${what === "Node" ? 'import { WebSocket } from "ws"; connect("wss://x", { WebSocket });' : 'connect("wss://x", { WebSocket });'}
        interface Actions { report: { payload: { month: number }; result: { pages: number } } }
        export async function typed(streamer: Streamer<Actions>): Promise<number> {
          const request = streamer.submit("report", { month: 1 }, { signal: AbortSignal.timeout(1000) });
          const last: Update = request.update;
          // @ts-expect-error there is no such action
          streamer.submit("rapport", {});
          // @ts-expect-error a month is a number
          streamer.submit("report", { month: "1" });
          // @ts-expect-error a report has a month
          streamer.submit("report");
          const again: { pages: number } = await streamer.attach<"report">(await request.id).result();
          const pages: number | undefined = useRequest(streamer, "report").result?.pages;
          return (await request.result()).pages + (pages ?? again.pages + last.percentage);
        }
        export const typedStage: Streamer<Actions> = mockStage({}).connect<Actions>();
        export const untyped: string = await connect(new URL("wss://x"), { token: async () => "" }).submit("any", 1).result();
        export const code = (problem: StreamerError): boolean => problem.code === "NOT_FOUND";
        export const step: Step = progress(1);
      `);
      run(folder("node_modules/.bin/tsc"), "-p", ".");
    });
  }

  it("is small", (t) => run(process.execPath, folder("scripts/size.mjs"), home).trim().split("\n").forEach((line) => t.diagnostic(line)));

  async function bundle(entry: string): Promise<string> {
    const { outputFiles } = await build({ absWorkingDir: home, entryPoints: [entry], bundle: true, minify: true, format: "esm", target: "es2022", external: ["react"], write: false });
    return outputFiles[0]!.text;
  }
});
