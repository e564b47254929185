/** Nothing is lost: quick fingers, reloads, project files, and undo over everything. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import {
  CAT,
  clickPixel,
  clickQuickly,
  COFFEE,
  newPage,
  openPage,
  openPhotograph,
  screenshot,
  settled,
  skip,
  start,
  stateOf,
} from "./harness.js";

let site; // {browser, url, close}
let shared; // {page, problems}, for the tests that need no page of their own

before(async () => {
  if (skip) return;
  site = await start();
  shared = await newPage(site.browser);
  await openPage(shared.page, site.url);
});

after(async () => {
  await site?.close();
});

/** A page on the cat: one of its own, closed when the test `t` ends, or the shared one. */
async function onCat(t = null) {
  const opened = t === null ? shared : await newPage(site.browser);
  if (t !== null) {
    t.after(() => opened.context.close());
    await openPage(opened.page, site.url);
  }
  await openPhotograph(opened.page, CAT);
  return opened;
}

async function names(page) {
  return page.$$eval("#objects .name, #objects input", (all) =>
    all.map((one) => one.value || one.textContent || one.placeholder),
  );
}

async function download(page, selector) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const content = await readFile(await file.path());
  return { name: file.suggestedFilename(), content };
}

test("actions count as they are made, before any answer", { skip }, async () => {
  const { page, problems } = await onCat();
  // Click and undo: nothing is left.
  await clickQuickly(page, 220, 120);
  await page.keyboard.press("Control+z");
  await settled(page);
  assert.deepEqual((await stateOf(page)).clicks, []);
  // Click, next object, click: two objects, with a click each.
  await clickQuickly(page, 220, 120);
  await page.keyboard.press("n");
  await clickQuickly(page, 430, 60);
  await settled(page);
  const { numObjects, clicks } = await stateOf(page);
  assert.equal(numObjects, 2);
  assert.deepEqual(clicks, [{ x: 430, y: 60, label: 1 }]);
  await page.click("#objects .select");
  await settled(page);
  assert.deepEqual((await stateOf(page)).clicks, [{ x: 220, y: 120, label: 1 }]);
  // Two marks that are removed at once are those two.
  await clickPixel(page, 100, 260);
  await clickPixel(page, 20, 20, "right");
  await clickQuickly(page, 100, 260);
  await clickQuickly(page, 20, 20);
  await settled(page);
  assert.deepEqual((await stateOf(page)).clicks, [{ x: 220, y: 120, label: 1 }]);
  assert.deepEqual(problems, []);
});

test(
  "a shaky click counts, a real drag does not, a click beside a mark does",
  { skip },
  async () => {
    const { page } = await onCat();
    const at = await page.evaluate(() => globalThis.fctsfn.stage.positionOf(220, 120));
    await page.mouse.move(at.x, at.y);
    await page.mouse.down();
    await page.mouse.move(at.x + 5, at.y + 4);
    await page.mouse.move(at.x + 7, at.y + 5);
    await page.mouse.up();
    await settled(page);
    assert.deepEqual((await stateOf(page)).clicks, [{ x: 220, y: 120, label: 1 }]);
    await page.mouse.down();
    await page.mouse.move(at.x + 60, at.y, { steps: 3 });
    await page.mouse.up();
    await settled(page);
    assert.equal((await stateOf(page)).clicks.length, 1);
    await page.mouse.click(at.x + 11, at.y);
    await settled(page);
    assert.equal((await stateOf(page)).clicks.length, 2);
  },
);

test("a reload brings everything back", { skip }, async (t) => {
  const { page, context, problems } = await onCat(t);
  await clickPixel(page, 220, 120);
  await page.fill("#objects input", "Käse");
  await page.click("#next-object");
  await clickPixel(page, 430, 60);
  await page.fill("#threshold", "0.3");
  await settled(page);
  const second = await stateOf(page);
  await page.click("#objects .select");
  await settled(page);
  const first = await stateOf(page);
  await openPhotograph(page, COFFEE);
  await page.keyboard.press("PageUp");
  await settled(page);
  assert.match(await page.textContent("#file-name"), /^cat/);

  await page.reload();
  await openPage(page, site.url);
  await settled(page);
  assert.match(await page.textContent("#file-name"), /^cat.jpg · 451 × 300/);
  assert.deepEqual(await names(page), ["Käse", "Object 2"]);
  assert.deepEqual((await stateOf(page)).mask, first.mask);
  await page.click("#objects .select");
  await settled(page);
  assert.deepEqual((await stateOf(page)).mask, second.mask);
  assert.equal(await page.textContent("#threshold-value"), "0.30");
  assert.equal(await page.locator("#photographs li").count(), 2);
  await screenshot(page, "restored");

  // Another tab says that it keeps nothing, instead of overwriting what this one keeps.
  const other = await context.newPage();
  await openPage(other, site.url);
  await other.waitForSelector("#message:not([hidden])");
  assert.match(await other.textContent("#message"), /another tab/);
  assert.equal(await other.getAttribute("#message", "data-kind"), "hint");
  await other.close();

  // What is closed is not kept, and can be had back until then.
  await page.click("#close-all");
  assert.ok(await page.isVisible("#empty"));
  assert.ok(await page.isHidden("#stage"));
  await page.keyboard.press("Control+z");
  await settled(page);
  assert.ok(await page.isVisible("#stage"));
  assert.equal(await page.locator("#photographs li").count(), 2);
  assert.deepEqual((await stateOf(page)).mask, second.mask);
  await page.click("#close-all");
  await settled(page);
  await page.reload();
  await openPage(page, site.url);
  await settled(page);
  assert.ok(await page.isVisible("#empty"));
  assert.deepEqual(problems, []);
});

test("removing an object and opening another photograph are undone", { skip }, async () => {
  const { page } = await onCat();
  await clickPixel(page, 220, 120);
  await clickPixel(page, 20, 20, "right");
  const before = await stateOf(page);
  await page.fill("#objects input", "cat");
  await page.click("#objects .icon");
  await settled(page);
  assert.equal((await stateOf(page)).mask, null);
  await page.click("#undo");
  await settled(page);
  assert.deepEqual(await names(page), ["cat"]);
  assert.deepEqual((await stateOf(page)).mask, before.mask);
  await openPhotograph(page, COFFEE);
  assert.equal((await stateOf(page)).mask, null);
  await page.keyboard.press("Control+z");
  await settled(page);
  assert.match(await page.textContent("#file-name"), /^cat/);
  assert.deepEqual((await stateOf(page)).mask, before.mask);
  await page.keyboard.press("Control+Shift+z");
  await settled(page);
  assert.match(await page.textContent("#file-name"), /^coffee/);
});

test("a project file holds everything and opens elsewhere", { skip }, async (t) => {
  const { page } = await onCat(t);
  await clickPixel(page, 220, 120);
  await page.fill("#objects input", "cat");
  const before = await stateOf(page);
  await openPhotograph(page, COFFEE);
  const { name, content } = await download(page, "#save-project");
  assert.equal(name, "coffee_project.zip");

  const elsewhere = await newPage(site.browser);
  t.after(() => elsewhere.context.close());
  await openPage(elsewhere.page, site.url);
  const zip = { name, mimeType: "application/zip", buffer: content };
  await openPhotograph(elsewhere.page, zip);
  assert.match(await elsewhere.page.textContent("#file-name"), /^coffee/);
  await elsewhere.page.keyboard.press("PageUp");
  await settled(elsewhere.page);
  assert.deepEqual(await names(elsewhere.page), ["cat"]);
  assert.deepEqual((await stateOf(elsewhere.page)).mask, before.mask);
  const broken = { ...zip, buffer: content.subarray(0, 1000) };
  await openPhotograph(elsewhere.page, broken);
  assert.match(await elsewhere.page.textContent("#message"), /no ZIP file/);
  assert.match(await elsewhere.page.textContent("#file-name"), /^cat/);
});

test("an index PNG and a COCO file come back as several objects", { skip }, async () => {
  const { page } = await onCat();
  await clickPixel(page, 220, 120);
  await page.fill("#objects input", "cat");
  await page.click("#next-object");
  await clickPixel(page, 430, 60);
  const index = await download(page, `[data-save="index"]`);
  const coco = await download(page, `[data-save="coco"]`);
  for (const [{ name, content }, expected] of [
    [coco, ["cat", "object"]],
    [index, ["Object 1", "Object 2"]],
  ]) {
    await openPhotograph(page, CAT);
    const file = { name, mimeType: "", buffer: content };
    await page.setInputFiles("#mask-input", file);
    await settled(page);
    assert.deepEqual(await names(page), expected);
    const again = await download(page, `[data-save="index"]`);
    assert.deepEqual(again.content, index.content);
  }
});

test("several photographs at once; those that are none are left out", { skip }, async () => {
  const { page } = shared;
  await page.click("#close-all");
  const text = { name: "text.jpg", mimeType: "image/jpeg", buffer: Buffer.from("text") };
  const picture = async (file) => {
    return { name: path.basename(file), mimeType: "image/jpeg", buffer: await readFile(file) };
  };
  await openPhotograph(page, [await picture(CAT), text, await picture(COFFEE)]);
  const list = () => page.$$eval("#photographs .name", (all) => all.map((one) => one.textContent));
  assert.deepEqual(await list(), ["cat.jpg", "text.jpg", "coffee.jpg"]);
  await page.keyboard.press("PageDown");
  await settled(page);
  assert.match(await page.textContent("#message"), /not an image/);
  assert.deepEqual(await list(), ["cat.jpg", "coffee.jpg"]);
  assert.match(await page.textContent("#file-name"), /^coffee/);
});
