import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { chromium as driver, type Browser, type Page } from "playwright-core";
import { chromium } from "./chromium.js";
import { folder } from "./folder.js";
import { address, fresh, needs, needsStage, token } from "./stage.js";

/** Serves client/web for a user, and returns its address and what ends it. */
async function serve(user: { tenant: string; sub: string }): Promise<[string, () => Promise<void>]> {
  const process_ = spawn("go", ["run", "./client/web", "-sdk", folder("dist")], {
    cwd: folder("../.."), env: { ...process.env, STREAMER_WS_URL: address, STREAMER_TOKEN: token(user) }, stdio: ["ignore", "pipe", "inherit"], detached: true,
  });
  const gone = once(process_, "exit");
  for await (const line of createInterface(process_.stdout)) {
    const found = /http:\S+/.exec(line);
    if (!found) continue;
    return [found[0], async () => {
      process.kill(-process_.pid!, "SIGKILL"); // go run and what it has built
      await gone;
    }];
  }
  throw new Error("client/web does not start");
}

describe("the web demo, in Chromium", { ...needsStage, ...needs("Chromium, as apt-get install chromium-headless-shell brings it", chromium), timeout: 300_000 }, () => {
  const patience = 60_000;
  let browser: Browser;
  let page: Page;
  let url: string;
  let end: () => Promise<void>;
  const problems: string[] = [];

  before(async () => {
    [url, end] = await serve(fresh());
    browser = await driver.launch({ executablePath: chromium!, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"] });
    page = await browser.newPage();
    page.setDefaultTimeout(patience);
    page.on("pageerror", (problem) => problems.push(problem.message));
    page.on("console", (line) => line.type() === "error" && !line.text().includes("WebSocket") && problems.push(line.text()));
    await page.goto(url);
    await page.locator("#connection.live").waitFor();
  });
  after(async () => {
    await browser?.close();
    await end?.();
    assert.deepEqual(problems, []);
  });

  const row = (action: string) => page.locator("#list li", { hasText: action }).first();

  it("answers at once", async () => {
    await page.getByLabel("Echo").fill("Größe 😀");
    await page.getByRole("button", { name: "Ask" }).click();
    await page.locator("#now output", { hasText: /^\{"text":"Größe 😀"\}, \d+ ms$/ }).waitFor();
  });

  it("shows a bar that moves, over a cut connection, and the result", async () => {
    await page.getByLabel("It says").fill("over a cut");
    await page.getByLabel("after").fill("4");
    await page.keyboard.press("Enter"); // without a mouse
    const bar = row("echo_async").getByRole("progressbar", { name: "Progress of echo_async" });
    await page.waitForFunction(() => document.querySelector<HTMLProgressElement>("#list progress")!.value >= 10);
    await page.evaluate(() => {
      const seen: string[] = ((globalThis as any).seen = []);
      new MutationObserver(() => seen.push(document.getElementById("connection")!.className)).observe(document.getElementById("connection")!, { attributes: true });
    });
    await page.getByRole("button", { name: "Cut the connection" }).click();
    await row("echo_async").getByText('Done: {"message":"over a cut"}').waitFor();
    assert.equal(await bar.getAttribute("value"), "100");
    const seen = await page.evaluate(() => (globalThis as any).seen as string[]);
    assert.ok(seen.includes("waiting") && seen.at(-1) === "live", `the connection was ${seen}`);
    assert.equal(await page.locator("#list li").count(), 1, "the request is shown once");
  });

  it("cancels", async () => {
    await page.getByLabel("after").fill("300");
    await page.getByRole("button", { name: "Run it" }).click();
    await page.locator('#list li.PROCESSING').getByRole("button", { name: "Cancel echo_async" }).click();
    await page.locator("#list li.CANCELLED", { hasText: "Cancelled" }).waitFor();
  });

  it("makes a report that can be opened", async () => {
    await page.locator("#report [name=format]").selectOption("csv");
    await page.getByRole("button", { name: "Make it" }).click();
    const link = row("generate_report").getByRole("link", { name: /Open it \(\d+ kB\)/ });
    await link.waitFor();
    const file = await page.request.get((await link.getAttribute("href"))!);
    assert.match(await file.text(), /^id,|echo_async/);
  });

  it("has everything again after a reload, and on another page at once", async () => {
    await page.getByLabel("after").fill("20");
    await page.getByRole("button", { name: "Run it" }).click();
    await page.locator("#list li.PROCESSING").waitFor();
    await page.reload();
    await page.locator("#list li").nth(3).waitFor();
    assert.equal(await page.locator("#list li").count(), 4);
    const other = await browser.newPage();
    await other.goto(url);
    await other.locator("#list li.PROCESSING").getByRole("button", { name: "Cancel echo_async" }).click({ timeout: patience });
    await page.locator("#list li.CANCELLED").nth(1).waitFor();
    await other.close();
    if (process.env.SCREENSHOT) writeFileSync(process.env.SCREENSHOT, await page.screenshot());
  });

  it("has contrast, labels and names for those who do not see it", async () => {
    const faults = await page.evaluate(() => {
      const named = (e: Element) => e.getAttribute("aria-label") || e.textContent!.trim() || (e as HTMLInputElement).labels?.[0]?.textContent!.trim();
      const luminance = (color: string) => {
        const [r, g, b] = color.match(/[\d.]+/g)!.map((v) => (Number(v) / 255 <= 0.03928 ? Number(v) / 255 / 12.92 : ((Number(v) / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      const paper = luminance(getComputedStyle(document.body).backgroundColor);
      const found: string[] = [];
      for (const e of document.querySelectorAll("button, input, select, progress, a[href]")) if (!named(e)) found.push(`${e.outerHTML} has no name`);
      for (const e of document.querySelectorAll("p, b, time, span, label, legend, h1, h2, output, a[href]")) {
        const ink = luminance(getComputedStyle(e).color);
        if ((Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5) found.push(`${e.outerHTML} has too little contrast`);
      }
      return found;
    });
    assert.deepEqual(faults, []);
  });
});
