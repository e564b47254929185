/** The keyboard alone: the focus is never lost, the crosshair stays in sight, Esc closes. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CAT,
  clickPixel,
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
let page;

before(async () => {
  if (skip) return;
  site = await start();
  ({ page } = await newPage(site.browser));
  await openPage(page, site.url);
});

after(async () => {
  await site?.close();
});

const frames = () =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );

test("whatever is pressed, the focus stays on something", { skip }, async () => {
  await openPhotograph(page, CAT);
  const lost = [];
  const press = async (selector) => {
    await page.focus(selector);
    await page.keyboard.press("Enter");
    await settled(page);
    await frames();
    if (await page.evaluate(() => document.activeElement === document.body)) lost.push(selector);
  };
  await page.focus("#stage");
  await page.keyboard.press("Enter");
  await settled(page);
  for (const selector of [
    ...["#undo", "#redo", "#reset", "#undo", "#next-object", "#undo", "#redo"],
    "#objects .select", // the row becomes another
    "#objects .icon", // it goes
    ...["#undo", "#objects li:not(.present) .icon", "#objects .icon"],
    ...["#photographs .icon", "#undo", "#close-all", "#undo"],
    ...["#zoom-in", "#zoom-out", "#fit", "#actual-size"],
  ]) {
    await press(selector);
  }
  assert.deepEqual(lost, []);
});

test("a zoom keeps the crosshair in sight, and it can be moved anywhere", { skip }, async () => {
  await openPhotograph(page, CAT);
  for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowLeft");
  for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowUp");
  const isInSight = async (x, y) => {
    const at = await page.evaluate(([x, y]) => globalThis.fctsfn.stage.positionOf(x, y), [x, y]);
    const box = await page.locator("#stage").boundingBox();
    return at.x > box.x && at.x < box.x + box.width && at.y > box.y && at.y < box.y + box.height;
  };
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("+");
    assert.ok(await isInSight(0, 69), `after ${i + 1} steps`);
  }
  await screenshot(page, "keyboard-zoomed");
  for (let i = 0; i < 60; i++) await page.keyboard.press("ArrowRight");
  assert.ok(await isInSight(450, 69));
  await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.deepEqual((await stateOf(page)).clicks, [{ x: 449, y: 69, label: 1 }]);
  await page.keyboard.press("0");
});

test("the zoom says how large, and a press shows pixel for pixel", { skip }, async () => {
  await openPhotograph(page, CAT);
  const scale = async () => {
    const at = (x) => page.evaluate((x) => globalThis.fctsfn.stage.positionOf(x, 9), x);
    return ((await at(200)).x - (await at(100)).x) / 100;
  };
  assert.equal(await page.textContent("#actual-size"), `${Math.round(100 * (await scale()))} %`);
  await page.keyboard.press("+");
  assert.equal(await page.textContent("#actual-size"), `${Math.round(100 * (await scale()))} %`);
  // A touch pad's two fingers: many small steps; a wheel with Ctrl: few large ones.
  const { x, y } = await page.evaluate(() => globalThis.fctsfn.stage.positionOf(220, 120));
  const zoomBy = async (deltaY, ctrlKey) => {
    const from = await scale();
    await page.evaluate(
      ([clientX, clientY, deltaY, ctrlKey]) =>
        document
          .querySelector("#stage")
          .dispatchEvent(
            new WheelEvent("wheel", { clientX, clientY, deltaY, ctrlKey, cancelable: true }),
          ),
      [x, y, deltaY, ctrlKey],
    );
    return (await scale()) / from;
  };
  const near = (actual, expected) => assert.ok(Math.abs(actual - expected) < 0.01, `${actual}`);
  near(await zoomBy(-4, true), Math.exp(0.04));
  near(await zoomBy(-120, true), Math.exp(0.25));
  near(await zoomBy(-100, false), Math.exp(0.15));
  await page.keyboard.press("0");
});

test("Esc closes a message, and leaves a field for the photograph", { skip }, async () => {
  await openPhotograph(page, CAT);
  await page.keyboard.press("Shift+Enter");
  assert.ok(await page.isVisible("#message"));
  assert.equal(await page.getAttribute("#message", "role"), "alert");
  await page.keyboard.press("Escape");
  assert.ok(await page.isHidden("#message"));
  await clickPixel(page, 220, 120);
  await page.fill("#objects input", "n");
  await page.keyboard.press("n");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "stage");
  assert.equal((await stateOf(page)).numObjects, 1);
  await page.keyboard.press("n");
  await settled(page);
  assert.equal((await stateOf(page)).numObjects, 2);
});
