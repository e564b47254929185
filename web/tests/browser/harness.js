/** A real Chromium on the built site, driven by mouse and keyboard. */

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/serve.js";

const WEB = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
export const SCREENSHOTS = path.join(WEB, "screenshots");
const EXAMPLES = path.join(path.dirname(WEB), "examples");
export const CAT = path.join(EXAMPLES, "cat.jpg");
export const COFFEE = path.join(EXAMPLES, "coffee.jpg");
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
const PROGRAMS = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** The path of a Chromium on this machine; undefined where there is none. */
export function chromiumPath() {
  return PROGRAMS.find((program) => program && existsSync(program));
}

/** What a test's `skip` is: false, or why the page cannot be opened here. */
export const skip = chromiumPath() ? false : "there is no Chromium here; name one in CHROMIUM";

/** A browser and a server of the site; `close` ends both. */
export async function start(options = {}) {
  await mkdir(SCREENSHOTS, { recursive: true });
  const server = await serve({ prefix: "/some/path", ...options });
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: FLAGS });
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { browser, url: server.url, close };
}

/**
 * A fresh page with its own storage. What it complains of and every address that it asks for are
 * collected in `problems` and `requests`.
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  const [problems, requests] = [[], []];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  context.on("request", (request) => requests.push(request.url()));
  return { page, context, problems, requests };
}

/** Open the page and wait for the network (of the neural kind) to be there. */
export async function openPage(page, url) {
  await page.goto(url);
  await page.waitForFunction(
    () => !/loading/.test(document.querySelector("#backend").textContent),
    null,
    {
      timeout: 60_000,
    },
  );
}

/** Wait until the service worker has every file; whether it has. */
export function isComplete(page) {
  return page.evaluate(async () => {
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
    navigator.serviceWorker.controller.postMessage("complete", [port2]);
    return answer;
  });
}

/** Open a photograph by the file chooser and wait until it can be clicked. */
export async function openPhotograph(page, file) {
  await page.setInputFiles("#file-input", file);
  await settled(page);
}

/** Wait until all that was asked for is shown. */
export async function settled(page) {
  await page.waitForFunction(
    () => document.querySelector("#busy").hidden && globalThis.fctsfn.isIdle(),
    null,
    { timeout: 60_000 },
  );
}

/** The latest snapshot of the page's segmenter. @param {boolean} withMask it is long */
export async function stateOf(page, withMask = true) {
  const state = await page.evaluate((withMask) => {
    const { mask, others, ...rest } = globalThis.fctsfn.segmenter().snapshot;
    return { ...rest, mask: withMask && mask ? Array.from(mask).join("") : null };
  }, withMask);
  return { ...state, mask: state.mask && Uint8Array.from(state.mask, Number) };
}

/** Click a pixel of the photograph with the mouse. */
export async function clickPixel(page, x, y, button = "left") {
  const at = await page.evaluate(([x, y]) => globalThis.fctsfn.stage.positionOf(x, y), [x, y]);
  await page.mouse.click(at.x, at.y, { button });
  await settled(page);
}

/** Click a pixel of the photograph and do not wait for its mask. */
export async function clickQuickly(page, x, y, button = "left") {
  const at = await page.evaluate(([x, y]) => globalThis.fctsfn.stage.positionOf(x, y), [x, y]);
  await page.mouse.click(at.x, at.y, { button });
}

/** A picture of the page in the folder that git ignores. */
export async function screenshot(page, name) {
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}
