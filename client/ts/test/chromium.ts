import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Where Chromium is, if it is. */
export const chromium = ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"]
  .flatMap((name) => (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)))
  .find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** Runs a script in a page of its own, and returns what it gives to report(value). */
export async function browse(script: string, signal: AbortSignal): Promise<any> {
  let report!: (value: unknown) => void;
  const reported = new Promise((resolve) => (report = resolve));
  const server = createServer(async (request, response) => {
    if (request.method === "GET") {
      response.setHeader("content-type", request.url === "/script.js" ? "text/javascript" : "text/html; charset=utf-8");
      response.end(request.url === "/script.js" ? script : '<!doctype html><meta charset="utf-8"><body><script type="module" src="/script.js"></script>');
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end();
    report(JSON.parse(Buffer.concat(chunks).toString()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const profile = mkdtempSync(join(tmpdir(), "streamer-chromium-"));
  const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  // Containers have no sandbox for it, and little shared memory. It is many processes, and
  // where Debian has it begun by a script, only their group has them all.
  const browser = spawn(chromium!, ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`, page], { stdio: "ignore", detached: true });
  const kill = () => {
    try {
      process.kill(-browser.pid!, "SIGKILL");
    } catch {
      // it has ended by itself
    }
  };
  process.once("exit", kill);
  const gone = once(browser, "exit");
  try {
    return await Promise.race([
      reported,
      gone.then(() => Promise.reject(new Error("Chromium ended"))),
      once(signal, "abort").then(() => Promise.reject(new Error("the page reports nothing"))),
    ]);
  } finally {
    process.off("exit", kill);
    kill();
    await gone;
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 }); // the last of them may still be writing
  }
}
