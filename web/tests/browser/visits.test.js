/** What a first visit fetches, and what a visit of a new version does. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { DIST } from "../../scripts/build.js";
import { isComplete, newPage, openPage, skip, start } from "./harness.js";

// Pages are asked for again, and the service worker is a file of its own.
const SMALL = 100_000;

let folder; // a copy of the site
let site;
let answers = []; // {path, status, bytes}

before(async () => {
  if (skip) return;
  folder = await mkdtemp(path.join(os.tmpdir(), "fctsfn-site-"));
  await cp(DIST, folder, { recursive: true });
  const onAnswer = (name, status, bytes) => answers.push({ path: name, status, bytes });
  site = await start({ folder, onAnswer });
});

after(async () => {
  await site?.close();
  if (folder) await rm(folder, { recursive: true });
});

/** The files that the service worker keeps: {path: SHA-256}. */
async function files() {
  const [, list] = (await readFile(path.join(folder, "sw.js"), "utf8")).match(
    /FILES = (\{[^}]*\})/,
  );
  return JSON.parse(list);
}

test("a first visit fetches every byte once, and has threads", { skip }, async () => {
  const { page, context, problems } = await newPage(site.browser);
  await openPage(page, site.url);
  assert.ok(await isComplete(page));
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  assert.match(await page.textContent("#backend"), /WebAssembly/);
  const names = Object.keys(await files());
  const sizes = await Promise.all(
    names.map(async (name) => (await readFile(path.join(folder, name))).length),
  );
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const fetched = answers.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(fetched < all + SMALL, `${fetched} bytes of ${all}`);
  for (const [i, name] of names.entries()) {
    const times = answers.filter((one) => one.path === `/${name}` && one.bytes > 0).length;
    assert.ok(times === 1 || sizes[i] < SMALL, `${name} was fetched ${times} times`);
  }

  // A second visit fetches nothing but asks for the service worker.
  answers = [];
  await page.reload();
  await openPage(page, site.url);
  assert.deepEqual(
    answers.filter(({ path: name }) => name !== "/sw.js"),
    [],
  );

  // What several ask for at a time is asked of the host once.
  answers = [];
  await page.evaluate(async () => {
    for (const name of await caches.keys()) {
      await (await caches.open(name)).delete(new URL("./samples/cat.jpg", location.href));
    }
    const photographs = Array.from({ length: 3 }, () => fetch("./samples/cat.jpg"));
    await Promise.all(photographs.map(async (one) => (await one).blob()));
  });
  assert.deepEqual(
    answers.map((one) => one.path),
    ["/samples/cat.jpg"],
  );

  // A new version: what has changed, and nothing else.
  const style = path.join(folder, "style.css");
  await writeFile(style, `${await readFile(style, "utf8")}\n.new { color: red; }\n`);
  const worker = path.join(folder, "sw.js");
  const text = await readFile(worker, "utf8");
  const old = (await files())["style.css"];
  const digest = createHash("sha256")
    .update(await readFile(style))
    .digest("hex");
  await writeFile(worker, text.replace(old, digest).replace(/fctsfn-\w+/, "fctsfn-newer"));
  answers = [];
  await page.evaluate(async () => {
    const { serviceWorker } = navigator;
    const taken = new Promise((resolve) =>
      serviceWorker.addEventListener("controllerchange", resolve, { once: true }),
    );
    await (await serviceWorker.getRegistration()).update();
    await taken;
  });
  const content = answers.filter(({ bytes }) => bytes > 0).map((one) => one.path);
  assert.deepEqual(content.sort(), ["/style.css", "/sw.js"]);
  await page.reload();
  assert.match(await page.evaluate(async () => (await fetch("./style.css")).text()), /\.new/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("where there is no service worker the page works, without threads", { skip }, async () => {
  const { page, context, problems } = await newPage(site.browser, { serviceWorkers: "block" });
  await openPage(page, site.url);
  assert.match(await page.textContent("#backend"), /WebAssembly/);
  assert.deepEqual(problems, []);
  await context.close();
});
