/** The module in a real Chromium: weights that came damaged, order, errors, the examples of the docs. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { newPage, skip, start } from "./harness.js";

const README = new URL("../../README.md", import.meta.url);

let site; // {browser, url, close}
let shared; // a page that holds the module as `module` and a segmenter as `segmenter`

before(async () => {
  if (skip) return;
  site = await start();
  shared = await blankPage();
  await shared.page.evaluate(async () => {
    globalThis.segmenter = await globalThis.module.Segmenter.load("./model/");
  });
});

after(async () => {
  await site?.close();
});

/** A page with the module and without anything else, and functions for the tests. */
async function blankPage() {
  const made = await newPage(site.browser, { serviceWorkers: "block" });
  await made.page.route("**/blank.html", (route) =>
    route.fulfill({ contentType: "text/html", body: "<title>Blank</title>" }),
  );
  await made.page.goto(`${site.url}blank.html`);
  await made.page.evaluate(async () => {
    globalThis.module = await import(new URL("./segmenter.js", location.href).href);
    /** A dark photograph with a bright rectangle in its middle half. */
    globalThis.photograph = (width, height) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      context.fillStyle = "rgb(20 40 60)";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "rgb(220 200 40)";
      context.fillRect(width / 4, height / 4, width / 2, height / 2);
      return canvas;
    };
    /** What became of a promise: its result, or the error's type and message. */
    globalThis.outcome = (promise) =>
      promise.then(
        (result) => (result === null ? "overtaken" : "done"),
        (error) => {
          const { InputError, LoadError, EngineError } = globalThis.module;
          const isOf = [InputError, LoadError, EngineError].find((type) => error instanceof type);
          return { type: isOf?.name && error.name, message: error.message, ...error };
        },
      );
  });
  return made;
}

/** What loading the network comes to when `change` has its way with the answers of the host. */
async function loadWith(pattern, change) {
  const { page } = shared;
  let asked = 0;
  await page.route(pattern, (route) => change(route, ++asked));
  const result = await page.evaluate(() =>
    globalThis.outcome(
      globalThis.module.Segmenter.load("./model/").then((segmenter) => segmenter.dispose()),
    ),
  );
  await page.unroute(pattern);
  return { result, asked };
}

/** Answer with one byte of the file flipped. */
async function flipped(route) {
  const response = await route.fetch();
  const body = await response.body();
  body[body.length >> 1] ^= 1;
  await route.fulfill({ response, body });
}

test("flipped bytes are noticed, and fetched once more", { skip }, async () => {
  for (const file of ["click/weights.bin", "image/model.json"]) {
    const always = await loadWith(`**/model/${file}`, flipped);
    assert.equal(always.result.type, "LoadError");
    assert.equal(always.result.retryable, true);
    assert.match(always.result.message, new RegExp(`${file} is damaged.*Try again`));
    assert.equal(always.asked, 2);
  }
  const once = await loadWith("**/model/click/weights.bin", (route, asked) =>
    asked === 1 ? flipped(route) : route.continue(),
  );
  assert.deepEqual(once, { result: "done", asked: 2 });
});

test("a load that fails says what, and whether trying again may help", { skip }, async () => {
  const failures = [
    ["**/model/manifest.json", (route) => route.abort(), true, /could not be fetched.*no answer/],
    [
      "**/model/image/weights.bin",
      (route) => route.fulfill({ status: 503 }),
      true,
      /HTTP 503 for .*weights.bin/,
    ],
    ["**/model/manifest.json", (route) => route.fulfill({ status: 404 }), false, /HTTP 404/],
    ["**/model/manifest.json", (route) => route.fulfill({ body: "<html>" }), true, /no manifest/],
    ["**/model/manifest.json", (route) => route.fulfill({ body: "{}" }), false, /format 1/],
    ["**/worker.js", (route) => route.abort(), true, /worker could not start/],
  ];
  for (const [pattern, change, retryable, message] of failures) {
    const { result } = await loadWith(pattern, change);
    assert.deepEqual([result.type, result.retryable], ["LoadError", retryable], `${message}`);
    assert.match(result.message, message);
  }
  // The same page can try again.
  assert.equal((await loadWith("**/nothing", () => {})).result, "done");
});

test(
  "quick steps: done in order, overtaken ones are null, bad ones say why",
  { skip },
  async () => {
    const { page } = shared;
    const found = await page.evaluate(async () => {
      const { segmenter, photograph, outcome } = globalThis;
      const url = URL.createObjectURL(await photograph(120, 80).convertToBlob());
      // Nothing is waited for, not even the photograph, which is fetched first.
      const outcomes = await Promise.all(
        [
          segmenter.setImage(url),
          segmenter.click(60, 40),
          segmenter.click(2, 2, 0),
          segmenter.click(300, 2),
          segmenter.click(70, 50),
          segmenter.click(0, -1),
        ].map(outcome),
      );
      const { clicks } = segmenter.snapshot;
      const others = await Promise.all(
        [
          segmenter.setMask("mask"),
          segmenter.setMask(() => {}),
          segmenter.setClicks(null),
          segmenter.setImage({}),
          segmenter.setImage("./not-there.jpg"),
          segmenter.setImage(new Blob(["text"])),
          segmenter.selectObject(7),
          segmenter.setThreshold("x"),
          segmenter.toMask("gif"),
          segmenter.toMask("mask", null),
          segmenter.setMask(new Uint8Array(120 * 80).fill(255)),
        ].map(outcome),
      );
      return { outcomes, clicks, others, area: segmenter.snapshot.area };
    });
    const types = (outcomes) => outcomes.map((one) => one.type ?? one);
    // Whether a step is overtaken is up to how quickly the newer ones come to the worker; that it is
    // where one waits, tests/unit/steps.test.js sees.
    for (const type of types(found.outcomes).splice(0, 3)) assert.match(type, /^(overtaken|done)$/);
    assert.deepEqual(types(found.outcomes).splice(3), ["InputError", "done", "InputError"]);
    assert.deepEqual(
      found.clicks.map(({ x, label }) => [x, label]),
      [
        [60, 1],
        [2, 0],
        [70, 1],
      ],
    );
    assert.deepEqual(types(found.others), [...Array(9).fill("InputError"), "done", "done"]);
    assert.equal(found.area, 120 * 80);
  },
);

test("after dispose everything that waits and everything new is rejected", { skip }, async () => {
  const outcomes = await shared.page.evaluate(async () => {
    const { module, photograph, outcome } = globalThis;
    const segmenter = await module.Segmenter.load("./model/");
    await segmenter.setImage(photograph(100, 60));
    const waiting = [segmenter.click(50, 30), segmenter.toMask()].map(outcome);
    await segmenter.dispose();
    await segmenter.dispose();
    const late = [segmenter.click(50, 30), segmenter.undo(), segmenter.probability()];
    return Promise.all([...waiting, ...late.map(outcome)]);
  });
  assert.equal(outcomes.length, 5);
  for (const { type, message } of outcomes) {
    assert.equal(type, "InputError");
    assert.match(message, /disposed of/);
  }
});

test("the README's example, clicked four times in quick succession", { skip }, async () => {
  const text = await readFile(README, "utf8");
  const [, code] = text.match(/## Embed it[\s\S]*?```js\n([\s\S]*?)```/);
  const { page, problems, context } = await blankPage();
  await page.setContent(`<img src="./samples/cat.jpg"><canvas></canvas>`);
  await page.waitForFunction(() => document.querySelector("img").complete);
  const source = code.replace(/from "[^"]+"/, `from "${site.url}segmenter.js"`);
  await page.evaluate(async (source) => {
    // The same module as that of the example.
    const { Segmenter } = globalThis.module;
    const { load } = Segmenter;
    Segmenter.load = async (...args) => (globalThis.segmenter = await load(...args));
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const script = document.createElement("script");
    Object.assign(script, { type: "module", src: url });
    document.head.append(script);
    await new Promise((resolve, reject) =>
      Object.assign(script, { onload: resolve, onerror: reject }),
    );
  }, source);
  await page.waitForFunction(() => document.querySelector("canvas").width === 451, null, {
    timeout: 60_000,
  });
  const { x, y } = await page.locator("img").boundingBox();
  for (const [dx, dy] of [
    [220, 120],
    [230, 140],
    [240, 150],
    [200, 200],
  ]) {
    await page.mouse.click(x + dx, y + dy);
  }
  await page.waitForFunction(() => globalThis.segmenter.snapshot.clicks.length === 4, null, {
    timeout: 60_000,
  });
  const painted = await page.evaluate(() => {
    const canvas = document.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  });
  assert.ok(painted > 10_000, `${painted} pixels of the cat`);
  assert.deepEqual(problems, []);
  await context.close();
});

test("embed.html, clicked four times in quick succession", { skip }, async () => {
  const { page, context, problems } = await newPage(site.browser);
  await page.goto(`${site.url}embed.html`);
  const status = (text) =>
    page.waitForFunction((text) => document.querySelector("#status").textContent === text, text, {
      timeout: 60_000,
    });
  await status("Ready.");
  const { x, y, width } = await page.locator("#photo").boundingBox();
  for (const dx of [0.5, 0.52, 0.54]) await page.mouse.click(x + dx * width, y + 0.3 * width);
  await page.mouse.click(x + 5, y + 5, { button: "right" });
  await status("Clicks: 4.");
  assert.deepEqual(problems, []);
  await context.close();
});
