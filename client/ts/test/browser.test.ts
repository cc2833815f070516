import { build } from "esbuild";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { browse, chromium } from "./chromium.js";
import { folder } from "./folder.js";
import { address, fresh, needs, needsStage, token } from "./stage.js";

describe("bundled, in Chromium", { ...needsStage, ...needs("Chromium, as apt-get install chromium-headless-shell brings it", chromium), timeout: 300_000 }, () => {
  it("talks to the local stage over a cut connection, and goes on after a reload", async (t) => {
    const user = fresh();
    const text = await bundle("page.js", { ADDRESS: address, TOKEN: token(user) });
    const seen = await browse(text, AbortSignal.any([t.signal, AbortSignal.timeout(120_000)]));
    assert.deepEqual(seen, { echo: "Größe 😀", status: "COMPLETED", result: { message: "in Chromium" }, large: 300_000, live: ["waiting", "connecting", "live"], resumed: { message: "after the reload" } });
  });
});

/** A script of the tests' as one file for browsers. */
async function bundle(script: string, constants: Record<string, string>): Promise<string> {
  const define = Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, JSON.stringify(value)]));
  const { outputFiles } = await build({ entryPoints: [folder(`build/${script}`)], bundle: true, minify: true, format: "esm", define, write: false });
  return outputFiles[0]!.text;
}
