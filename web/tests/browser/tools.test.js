/** Brush, box, cleaning, choosing an object by its tint, cut-outs and the other files. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { exported } from "../unit/fakeExport.js";
import {
  CAT,
  clickPixel,
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
let page;
let context;
let problems;

before(async () => {
  if (skip) return;
  site = await start();
  ({ page, context, problems } = await newPage(site.browser));
  await openPage(page, site.url);
});

after(async () => {
  await site?.close();
});

const place = (x, y) => page.evaluate(([x, y]) => globalThis.fctsfn.stage.positionOf(x, y), [x, y]);

/** Press the mouse on a pixel and let go on another. */
async function drag([x0, y0], [x1, y1], button = "left") {
  const [from, to] = [await place(x0, y0), await place(x1, y1)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down({ button });
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await page.mouse.up({ button });
  await settled(page);
}

async function saved(selector) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

/** Width, height and some pixels [R, G, B, A] of a PNG. */
function pixelsOf(content, places) {
  return page.evaluate(
    async ([bytes, places]) => {
      const blob = new Blob([Uint8Array.from(bytes)], { type: "image/png" });
      const bitmap = await createImageBitmap(blob);
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const pixels = places.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
      return { width: bitmap.width, height: bitmap.height, pixels };
    },
    [[...content], places],
  );
}

// First of all: a page shows no previews once two were slow, as they are on a busy machine.
test("where the mouse rests, the page shows what a click would give", { skip }, async () => {
  await openPhotograph(page, CAT);
  const at = await place(220, 120);
  await page.evaluate(() => {
    const canvas = document.getElementById("stage");
    /** On the screen, of a place on the cat that is far from the pointer. */
    globalThis.colour = () => {
      const { left, top } = canvas.getBoundingClientRect();
      const { x, y } = globalThis.fctsfn.stage.positionOf(150, 150);
      const ratio = canvas.width / canvas.clientWidth;
      const pixel = [Math.round((x - left) * ratio), Math.round((y - top) * ratio)];
      return `${canvas.getContext("2d").getImageData(...pixel, 1, 1).data}`;
    };
  });
  const colour = () => page.evaluate(() => globalThis.colour());
  const isNoneOf = (known) =>
    page.waitForFunction((known) => !known.includes(globalThis.colour()), known);
  const bare = await colour();
  await page.mouse.move(at.x, at.y);
  await isNoneOf([bare]);
  await screenshot(page, "preview");
  assert.equal((await stateOf(page)).mask, null);
  const preview = await colour();
  await page.mouse.move(2, 2);
  await page.waitForFunction((bare) => globalThis.colour() === bare, bare);
  await clickPixel(page, 220, 120);
  await isNoneOf([bare, preview]); // stronger than the preview
});

test(
  "the brush paints, the other button and “Subtract” erase, a click goes on",
  { skip },
  async () => {
    await openPhotograph(page, CAT);
    await page.keyboard.press("b");
    await drag([40, 250], [120, 250]);
    const at = (state, x, y) => state.mask[451 * y + x];
    let state = await stateOf(page);
    assert.ok(state.hasStartMask);
    assert.deepEqual([at(state, 80, 250), at(state, 80, 200)], [1, 0]);
    await drag([70, 250], [90, 250], "right");
    state = await stateOf(page);
    assert.deepEqual([at(state, 80, 250), at(state, 45, 250)], [0, 1]);
    await page.click("#mode-subtract");
    await drag([40, 250], [50, 250]);
    await screenshot(page, "brush");
    assert.equal(at(await stateOf(page), 45, 250), 0);
    await page.click("#mode-add");
    const { area } = await stateOf(page);
    await page.keyboard.press("Control+z");
    await settled(page);
    assert.ok((await stateOf(page)).area > area);
    await page.keyboard.press("Escape");
    assert.equal(await page.getAttribute("#brush", "aria-pressed"), "false");
    await clickPixel(page, 220, 120);
    assert.deepEqual((await stateOf(page)).clicks, [{ x: 220, y: 120, label: 1 }]);
  },
);

test("a box becomes clicks that can be removed", { skip }, async () => {
  await openPhotograph(page, COFFEE);
  await page.keyboard.press("d");
  const from = await place(150, 40);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  const to = await place(430, 260);
  await page.mouse.move(to.x, to.y, { steps: 3 });
  await screenshot(page, "box");
  await page.mouse.up();
  await settled(page);
  const { clicks } = await stateOf(page);
  assert.deepEqual(
    clicks.map(({ label }) => label),
    [1, 0, 0, 0, 0],
  );
  assert.deepEqual(clicks[0], { x: 290, y: 150, label: 1 });
  await screenshot(page, "box-done");
  assert.equal(await page.getAttribute("#box", "aria-pressed"), "false");
  await page.keyboard.press("Control+z");
  await settled(page);
  assert.deepEqual((await stateOf(page)).clicks, []);
});

test(
  "holes are filled and small parts dropped; where there are none, that is said",
  { skip },
  async () => {
    await openPhotograph(page, CAT);
    await page.keyboard.press("b");
    for (const [from, to] of [
      [
        [100, 100],
        [200, 100],
      ],
      [
        [200, 100],
        [200, 200],
      ],
      [
        [200, 200],
        [100, 200],
      ],
      [
        [100, 200],
        [100, 100],
      ],
      [
        [400, 50],
        [410, 50],
      ],
    ]) {
      await drag(from, to);
    }
    await page.keyboard.press("b");
    const at = (state, x, y) => state.mask[451 * y + x];
    assert.equal(at(await stateOf(page), 150, 150), 0);
    await page.click("#fill-holes");
    await settled(page);
    let state = await stateOf(page);
    assert.deepEqual([at(state, 150, 150), at(state, 405, 50)], [1, 1]);
    await page.click("#largest-part");
    await settled(page);
    state = await stateOf(page);
    assert.deepEqual([at(state, 150, 150), at(state, 405, 50)], [1, 0]);
    await page.click("#fill-holes");
    assert.match(await page.textContent("#message"), /changes nothing/);
    assert.equal(await page.getAttribute("#message", "data-kind"), "hint");
  },
);

test(
  "a click on a tint with Alt chooses its object, as its row says before",
  { skip },
  async () => {
    await openPhotograph(page, CAT);
    await clickPixel(page, 220, 120);
    await page.keyboard.press("n");
    await clickPixel(page, 430, 60);
    assert.ok(await page.isVisible("#choose-hint"));
    const pointed = async (x, y) => {
      const at = await place(x, y);
      await page.mouse.move(at.x, at.y);
      return page.$$eval("#objects .pointed", (rows) =>
        rows.map((row) => row.innerText.split("\n")[0]),
      );
    };
    assert.deepEqual(await pointed(200, 150), ["Object 1"]);
    assert.deepEqual(await pointed(440, 200), []); // nobody's
    assert.deepEqual(await pointed(430, 80), []); // the present one's
    await page.keyboard.down("Alt");
    await clickPixel(page, 200, 150);
    await page.keyboard.up("Alt");
    await settled(page);
    assert.deepEqual((await stateOf(page)).clicks, [{ x: 220, y: 120, label: 1 }]);
  },
);

test(
  "M and a button show another mask of the first click, where the network has any",
  { skip },
  async () => {
    await openPhotograph(page, CAT);
    await clickPixel(page, 220, 120);
    const { candidates } = await stateOf(page); // of the shipped network, which may have none
    assert.equal(await page.isHidden("#next-candidate"), candidates.length === 0);
    const other = await newPage(site.browser, { serviceWorkers: "block" });
    const files = exported();
    await other.context.route("**/model/**", (route) =>
      route.fulfill({ body: files[new URL(route.request().url()).pathname.split("/model/")[1]] }),
    );
    await openPage(other.page, site.url);
    await openPhotograph(other.page, CAT);
    await clickPixel(other.page, 220, 120);
    const area = async () => (await stateOf(other.page)).area;
    const areas = [await area()];
    for (const press of [
      () => other.page.keyboard.press("m"),
      () => other.page.click("#next-candidate"),
      () => other.page.keyboard.press("m"),
      () => other.page.keyboard.press("m"),
      () => other.page.keyboard.press("Control+z"),
    ]) {
      await press();
      await settled(other.page);
      areas.push(await area());
    }
    await screenshot(other.page, "candidates");
    assert.equal(new Set(areas).size, 4, `${areas}`); // the best one and three others
    assert.deepEqual(areas.slice(4), [areas[0], areas[3]]);
    await clickPixel(other.page, 430, 60, "right");
    assert.ok(await other.page.isHidden("#next-candidate"));
    assert.deepEqual(other.problems, []);
    await other.context.close();
  },
);

test("cut-outs: soft, cropped, on a colour, on a picture, copied", { skip }, async () => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await openPhotograph(page, COFFEE);
  await clickPixel(page, 290, 200);
  await clickPixel(page, 300, 90);
  const { area } = await stateOf(page);
  await page.click("#cutout-options summary");
  await page.check("#cutout-crop");
  await page.check("#cutout-soft");
  const soft = await saved(`[data-save="cutout"]`);
  const { width, height, pixels } = await pixelsOf(soft.content, [[0, 0]]);
  assert.ok(width < 600 && height < 400 && width * height >= area);
  assert.equal(pixels[0][3], 0);
  await page.selectOption("#cutout-background", "colour");
  await page.fill("#cutout-colour", "#12ab34");
  const colour = await saved(`[data-save="cutout"]`);
  assert.deepEqual((await pixelsOf(colour.content, [[0, 0]])).pixels, [[0x12, 0xab, 0x34, 255]]);
  await page.setInputFiles("#picture-input", CAT);
  await page.selectOption("#cutout-background", "picture");
  const picture = await saved(`[data-save="cutout"]`);
  const onPicture = await pixelsOf(picture.content, [[0, 0]]);
  assert.deepEqual([onPicture.width, onPicture.height], [width, height]);
  assert.notDeepEqual(onPicture.pixels, [[0x12, 0xab, 0x34, 255]]);
  await screenshot(page, "cutout-options");
  await page.selectOption("#cutout-background", "none");
  await page.click("#copy-cutout");
  await settled(page);
  assert.match(await page.textContent("#message"), /copied/);
  const types = await page.evaluate(async () => (await navigator.clipboard.read())[0].types);
  assert.deepEqual(types, ["image/png"]);
  await page.uncheck("#cutout-crop");
  await page.uncheck("#cutout-soft");
});

test("labelme, YOLO and SVG under the names that their readers look for", { skip }, async () => {
  await openPhotograph(page, CAT);
  await clickPixel(page, 220, 120);
  await page.fill("#objects input", "cat");
  const labelme = await saved(`[data-save="labelme"]`);
  assert.equal(labelme.name, "cat.json");
  const { shapes, imagePath } = JSON.parse(labelme.content);
  assert.equal(imagePath, "cat.jpg");
  assert.ok(shapes.length > 0 && shapes.every(({ label }) => label === "cat"));
  const yolo = await saved(`[data-save="yolo"]`);
  assert.equal(yolo.name, "cat.txt");
  assert.match(`${yolo.content}`, /^0( \d\.\d{6})+\n$/);
  const svg = await saved(`[data-save="svg"]`);
  assert.equal(svg.name, "cat_objects.svg");
  assert.match(`${svg.content}`, /<title>cat<\/title>/);
  assert.deepEqual(problems, []);
});
