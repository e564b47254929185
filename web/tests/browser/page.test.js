/** The page in a real Chromium: every feature by mouse, finger and keyboard, as a person uses it. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { maskOfRunLengths } from "../../src/engine/images/runLengths.js";
import { iou } from "../iou.js";
import {
  CAT,
  clickPixel,
  COFFEE,
  DESKTOP,
  isComplete,
  newPage,
  openPage,
  openPhotograph,
  PHONE,
  screenshot,
  settled,
  skip,
  start,
  stateOf,
} from "./harness.js";

const TESTS = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const hostile = `<img src=x onerror="document.title='hacked'">.jpg`;

let site; // {browser, url, close}
let shared; // one page, already loaded, for the tests that start by opening a photograph

before(async () => {
  if (skip) return;
  site = await start();
  shared = await newPage(site.browser);
  await openPage(shared.page, site.url);
});

after(async () => {
  await site?.close();
});

/** Run lengths of COCO's compressed string; the inverse of `encodeRle`. */
function decodeRle(text) {
  const counts = [];
  for (let i = 0; i < text.length;) {
    let [value, shift, group] = [0, 0, 0];
    do {
      group = text.charCodeAt(i++) - 48;
      value |= (group & 31) << shift;
      shift += 5;
    } while (group & 32);
    if (group & 16) value |= -1 << shift;
    counts.push(counts.length > 2 ? value + counts.at(-2) : value);
  }
  return counts;
}

/** What a press of a save button downloads: {name, content}. */
async function saved(page, format) {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.click(`[data-save="${format}"]`),
  ]);
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

const photographs = JSON.parse(await readFile(path.join(TESTS, "photographs.json"), "utf8"));
for (const { file, size, clicks, masks } of photographs) {
  test(`the mouse gives Python's masks: ${path.basename(file)}`, { skip }, async () => {
    const { page } = shared;
    await openPhotograph(page, path.join(TESTS, file));
    const overlaps = [];
    for (const [i, [x, y, label]] of clicks.entries()) {
      await clickPixel(page, x, y, label ? "left" : "right");
      const { mask } = await stateOf(page);
      overlaps.push(iou(mask, maskOfRunLengths(decodeRle(masks[i]), ...size)));
    }
    assert.ok(Math.min(...overlaps) >= 0.99, `IoU after each click: ${overlaps}`);
  });
}

test("the empty page says what to do, and which backend computes", { skip }, async () => {
  const { page, context } = await newPage(site.browser);
  await openPage(page, site.url);
  await screenshot(page, "empty");
  assert.match(await page.textContent("#backend"), /^(WebAssembly|WebGPU|WebGL|JavaScript)/);
  // Chromium without a graphics card emulates WebGL; that must not win.
  assert.match(await page.textContent("#backend"), /^WebAssembly, SIMD/);
  await context.close();
});

test("undo, redo, reset and removing a click by its mark", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  const areas = [];
  for (const [x, y, button] of [
    [220, 120, "left"],
    [100, 260, "left"],
    [430, 60, "right"],
  ]) {
    await clickPixel(page, x, y, button);
    areas.push((await stateOf(page)).area);
  }
  await screenshot(page, "mask");
  await page.click("#undo");
  await settled(page);
  assert.equal((await stateOf(page)).area, areas[1]);
  await page.keyboard.press("Control+z");
  await settled(page);
  assert.equal((await stateOf(page)).area, areas[0]);
  await page.keyboard.press("Control+y");
  await page.click("#redo");
  await settled(page);
  assert.equal((await stateOf(page)).area, areas[2]);
  await clickPixel(page, 430, 60); // on its mark
  assert.deepEqual((await stateOf(page)).clicks, [
    { x: 220, y: 120, label: 1 },
    { x: 100, y: 260, label: 1 },
  ]);
  await page.keyboard.press("r");
  await settled(page);
  assert.equal((await stateOf(page)).mask, null);
  assert.ok(await page.isDisabled("#reset"));
  await page.click("#undo");
  await settled(page);
  assert.equal((await stateOf(page)).area, areas[1]);
});

test("the toggle subtracts, a first subtracting click is explained", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  await page.click("#mode-subtract");
  await clickPixel(page, 430, 60);
  assert.match(await page.textContent("#message"), /first click must be on the object/);
  await screenshot(page, "message");
  await page.keyboard.press("x");
  await clickPixel(page, 220, 120);
  assert.ok(await page.isHidden("#message"));
  await page.click("#mode-subtract");
  await clickPixel(page, 430, 60);
  assert.deepEqual(
    (await stateOf(page)).clicks.map(({ label }) => label),
    [1, 0],
  );
  await page.click("#mode-add");
});

test("several objects, their names, and the files", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, path.join(TESTS, "photographs", "astronaut.jpg"));
  await clickPixel(page, 141, 308);
  await clickPixel(page, 186, 96);
  await page.fill("#objects input", "astronaut");
  const first = await stateOf(page);
  await page.click("#next-object");
  await settled(page);
  await clickPixel(page, 305, 337);
  await clickPixel(page, 393, 350);
  await screenshot(page, "objects");
  const second = await stateOf(page);
  assert.equal(second.numObjects, 2);
  assert.equal(await page.textContent("#objects .name"), "astronaut");

  const coco = await saved(page, "coco");
  assert.equal(coco.name, "astronaut_coco.json");
  const content = JSON.parse(coco.content);
  assert.deepEqual(
    content.categories.map(({ name }) => name),
    ["astronaut", "object"],
  );
  for (const [i, { mask }] of [first, second].entries()) {
    const { counts, size } = content.annotations[i].segmentation;
    assert.deepEqual(maskOfRunLengths(decodeRle(counts), ...size), mask);
  }
  const files = { mask: "_mask.png", cutout: "_cutout.png", index: "_objects.png" };
  for (const [format, suffix] of Object.entries(files)) {
    const { name, content: png } = await saved(page, format);
    assert.equal(name, `astronaut${suffix}`);
    assert.equal(png.readUInt32BE(16), 420);
    assert.equal(png.readUInt32BE(20), 420);
  }

  await page.click("#objects .select");
  await settled(page);
  assert.deepEqual((await stateOf(page)).mask, first.mask);
  await page.click("#objects li.present .icon");
  await settled(page);
  const left = await stateOf(page);
  assert.equal(left.numObjects, 1);
  assert.deepEqual(left.mask, second.mask);
});

test(
  "a saved mask is loaded to start from, and a negative click may follow",
  { skip },
  async () => {
    const { page } = shared;
    await openPhotograph(page, CAT);
    await clickPixel(page, 220, 120);
    const { mask } = await stateOf(page);
    for (const format of ["mask", "cutout", "index"]) {
      const { content } = await saved(page, format);
      await page.keyboard.press("r");
      await settled(page);
      const file = { name: "start.png", mimeType: "image/png", buffer: content };
      await page.setInputFiles("#mask-input", file);
      await settled(page);
      const state = await stateOf(page);
      assert.ok(state.hasStartMask);
      assert.deepEqual(state.mask, mask, format);
    }
    await clickPixel(page, 430, 60, "right");
    assert.equal((await stateOf(page)).clicks.length, 1);
    await page.setInputFiles("#mask-input", COFFEE);
    await settled(page);
    assert.match(await page.textContent("#message"), /photograph's size, 451 × 300/);
  },
);

test("opacity, threshold, probability and cut-out", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  await clickPixel(page, 220, 120);
  const before = (await stateOf(page)).area;
  await page.fill("#threshold", "0.1");
  await settled(page);
  assert.ok((await stateOf(page)).area > before);
  await page.fill("#threshold", "0.5");
  await settled(page);
  assert.equal((await stateOf(page)).area, before);
  await page.fill("#opacity", "80");
  assert.equal(await page.textContent("#opacity-value"), "80 %");
  const shots = new Set();
  for (const view of ["mask", "probability", "cutout"]) {
    await page.click(`[data-view="${view}"]`);
    await settled(page);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    await screenshot(page, `view-${view}`);
    shots.add((await page.locator("#stage").screenshot()).toString("base64"));
  }
  assert.equal(shots.size, 3);
  await page.click(`[data-view="mask"]`);
  await page.fill("#opacity", "50");
});

test("a double click is one click", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  const at = await page.evaluate(() => globalThis.fctsfn.stage.positionOf(220, 120));
  await page.mouse.dblclick(at.x, at.y);
  await settled(page);
  await clickPixel(page, 100, 260);
  assert.deepEqual(
    (await stateOf(page)).clicks.map(({ x }) => x),
    [220, 100],
  );
});

test(
  "a click's mark is there before its mask, and stays when it is answered",
  { skip },
  async () => {
    const { page, context } = await newPage(site.browser);
    await openPage(page, site.url);
    await openPhotograph(page, CAT);
    // Of the mark's disk, beside the bars of its plus.
    const colour = () =>
      page.evaluate(async () => {
        await new Promise(requestAnimationFrame);
        const canvas = document.querySelector("#stage");
        const { x, y } = globalThis.fctsfn.stage.positionOf(220, 120);
        const { left, top } = canvas.getBoundingClientRect();
        const context = canvas.getContext("2d");
        return [...context.getImageData(x - left + 4, y - top + 4, 1, 1).data.slice(0, 3)];
      });
    const before = await colour();
    await page.evaluate(() => {
      const segmenter = globalThis.fctsfn.segmenter();
      const click = segmenter.click.bind(segmenter);
      segmenter.click = async (...args) => {
        await new Promise((resolve) => (globalThis.answer = resolve));
        return click(...args);
      };
    });
    const at = await page.evaluate(() => globalThis.fctsfn.stage.positionOf(220, 120));
    await page.mouse.click(at.x, at.y);
    await page.mouse.move(at.x + 200, at.y);
    const waiting = await colour();
    assert.notDeepEqual(waiting, before);
    await page.evaluate(() => globalThis.answer());
    await settled(page);
    assert.deepEqual(await colour(), [0, 158, 115]);
    assert.notDeepEqual(waiting, [0, 158, 115]);
    await context.close();
  },
);

test("zoomed and moved, a click still hits its pixel", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  const at = await page.evaluate(() => globalThis.fctsfn.stage.positionOf(300, 100));
  await page.mouse.move(at.x, at.y);
  await page.mouse.wheel(0, -600);
  const zoomed = await page.evaluate(() => globalThis.fctsfn.stage.positionOf(300, 100));
  assert.ok(Math.hypot(zoomed.x - at.x, zoomed.y - at.y) < 4, "zooms about the pointer");
  await page.mouse.down();
  await page.mouse.move(at.x - 90, at.y - 60, { steps: 4 });
  await page.mouse.up();
  assert.equal((await stateOf(page)).clicks.length, 0);
  await clickPixel(page, 310, 110);
  await screenshot(page, "zoomed");
  assert.deepEqual((await stateOf(page)).clicks, [{ x: 310, y: 110, label: 1 }]);
  await page.keyboard.press("0");
});

test("without a mouse: arrows, Enter and Shift+Enter", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  assert.equal(await page.evaluate(() => document.activeElement.id), "stage");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await settled(page);
  for (let i = 0; i < 18; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+Enter");
  await settled(page);
  await screenshot(page, "keyboard");
  assert.deepEqual((await stateOf(page)).clicks, [
    { x: 225, y: 141, label: 1 },
    { x: 387, y: 141, label: 0 },
  ]);
});

test("quick clicks count all, in their order, as slow ones do", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  const [slow, quick, numShown] = await page.evaluate(async () => {
    const segmenter = globalThis.fctsfn.segmenter();
    const clicks = [
      [220, 120, 1],
      [100, 260, 1],
      [430, 60, 0],
      [20, 20, 0],
    ];
    for (const click of clicks) await segmenter.click(...click);
    const slow = segmenter.snapshot.mask;
    await segmenter.reset();
    const answers = await Promise.all(clicks.map((click) => segmenter.click(...click)));
    const shown = answers.filter((answer) => answer !== null);
    return [Array.from(slow), Array.from(segmenter.snapshot.mask), shown.length];
  });
  assert.deepEqual(quick, slow);
  assert.ok(numShown < 4, "a click that a newer one overtook is not shown");
});

test("the page answers while the network computes", { skip }, async () => {
  const { page } = shared;
  await openPhotograph(page, CAT);
  const ticks = await page.evaluate(async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await globalThis.fctsfn.segmenter().click(220, 120);
    clearInterval(timer);
    return ticks;
  });
  assert.ok(ticks >= 2, `${ticks} ticks during a click`);
  assert.equal(await page.evaluate(() => typeof globalThis.tf), "undefined");
});

test(
  "files that are no photographs are refused in words, and the old one stays",
  { skip },
  async () => {
    const { page } = shared;
    await openPhotograph(page, CAT);
    await clickPixel(page, 220, 120);
    const bomb = Buffer.alloc(64);
    bomb.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    bomb.write("IHDR", 12);
    bomb.writeUInt32BE(100_000, 16);
    bomb.writeUInt32BE(100_000, 20);
    const cat = await readFile(CAT);
    for (const [buffer, expected] of [
      [Buffer.from("this is text"), /not an image that your browser can read/],
      [Buffer.alloc(0), /empty \(0 bytes\)/],
      [bomb, /more than 52,428,800 pixels.*100000 × 100000/],
      [cat.subarray(0, 300), /not an image/],
    ]) {
      await page.setInputFiles("#file-input", { name: "a.jpg", mimeType: "image/jpeg", buffer });
      await settled(page);
      assert.match(await page.textContent("#message"), expected);
      assert.equal((await stateOf(page)).clicks.length, 1);
    }
  },
);

test("a hostile file name is text", { skip }, async () => {
  const { page } = shared;
  const buffer = await readFile(CAT);
  await openPhotograph(page, { name: hostile, mimeType: "image/jpeg", buffer });
  assert.match(await page.textContent("#file-name"), /^<img src=x onerror=/);
  assert.equal(await page.title(), "Click to segment");
  assert.equal(await page.locator("#file-name img").count(), 0);
});

test("dropping and pasting a photograph", { skip }, async () => {
  const { page } = shared;
  const cat = [...(await readFile(CAT))];
  for (const type of ["drop", "paste"]) {
    await page.evaluate(
      ([type, bytes]) => {
        const data = new DataTransfer();
        const name = `${type}ped.jpg`;
        data.items.add(new File([Uint8Array.from(bytes)], name, { type: "image/jpeg" }));
        const event =
          type === "drop"
            ? new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent(type, { clipboardData: data, bubbles: true });
        document.body.dispatchEvent(event);
      },
      [type, cat],
    );
    await settled(page);
    assert.match(await page.textContent("#file-name"), new RegExp(`^${type}ped.jpg · 451 × 300`));
  }
});

test("a photograph of 17 megapixels has masks and files of its size", { skip }, async () => {
  const { page } = shared;
  const pixels = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(4200, 4100);
    const context = canvas.getContext("2d");
    context.fillStyle = "rgb(200 30 30)";
    context.fillRect(1000, 1000, 2500, 2000);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  });
  const file = { name: "large.png", mimeType: "image/png", buffer: Buffer.from(pixels) };
  await openPhotograph(page, file);
  await clickPixel(page, 2200, 1900);
  const { area, width, height } = await stateOf(page, false);
  assert.deepEqual([width, height], [4200, 4100]);
  assert.ok(area > 0.4 * 2500 * 2000 && area < 1.2 * 2500 * 2000, `${area} pixels`);
  const { content } = await saved(page, "mask");
  assert.deepEqual([content.readUInt32BE(16), content.readUInt32BE(20)], [4200, 4100]);
});

test("transparency is laid over white, as in Python", { skip }, async () => {
  const { page } = shared;
  const pixels = await page.evaluate(async () => {
    const segmenter = globalThis.fctsfn.segmenter();
    const canvas = new OffscreenCanvas(60, 40);
    const context = canvas.getContext("2d");
    context.fillStyle = "rgb(0 0 255 / 50%)";
    context.fillRect(0, 0, 30, 40);
    await segmenter.setImage(await canvas.convertToBlob());
    await segmenter.setMask(new Uint8Array(60 * 40).fill(1));
    const cutout = await createImageBitmap(await segmenter.toMask("cutout"));
    context.clearRect(0, 0, 60, 40);
    context.drawImage(cutout, 0, 0);
    return [10, 50].map((x) => [...context.getImageData(x, 20, 1, 1).data]);
  });
  assert.deepEqual(pixels[1], [255, 255, 255, 255]);
  const [red, , blue] = pixels[0];
  assert.ok(Math.abs(red - 127) <= 1 && blue === 255, `${pixels[0]}`);
});

test("memory stays flat over 200 clicks and 20 photographs of all shapes", { skip }, async () => {
  const { page } = shared;
  const memory = await page.evaluate(async () => {
    const segmenter = globalThis.fctsfn.segmenter();
    // Long and thin: the network's input is small, so that this test is quick.
    const shapes = Array.from({ length: 20 }, (_, i) => [384 + 16 * i, 24 + (i % 5) * 8]);
    const measured = [];
    for (const [i, [width, height]] of [...shapes, [100, 30]].entries()) {
      const [w, h] = i % 2 ? [width, height] : [height, width];
      const canvas = new OffscreenCanvas(w, h);
      const context = canvas.getContext("2d");
      context.fillStyle = "teal";
      context.fillRect(w / 4, h / 4, w / 2, h / 2);
      await segmenter.setImage(canvas);
      // Just the features of one photograph are held now.
      measured.push((await segmenter.memory()).numTensors);
      if (i === shapes.length) break;
      for (let k = 0; k < 10; k++) {
        await segmenter.click((w * (k + 1)) / 12, h / 2, k === 0 || k % 3 ? 1 : 0);
      }
    }
    return measured;
  });
  assert.equal(new Set(memory).size, 1, `tensors with each photograph: ${memory}`);
});

test("everything came from this site, and nothing was complained of", { skip }, async () => {
  const { requests, problems } = shared;
  const others = requests.filter((url) => !url.startsWith(site.url) && !/^(blob|data):/.test(url));
  assert.deepEqual(others, []);
  assert.ok(requests.some((url) => url.endsWith(".bin")));
  assert.deepEqual(problems, []);
});

test("after the first visit it works without a network", { skip }, async () => {
  const { page, context, problems } = await newPage(site.browser);
  await openPage(page, site.url);
  assert.ok(await isComplete(page), "everything is kept");
  await context.setOffline(true);
  const reached = await page.evaluate(() =>
    fetch("./not-there").then(
      () => true,
      () => false,
    ),
  );
  assert.equal(reached, false, "the network is off");
  problems.length = 0;
  await page.reload();
  await openPage(page, site.url);
  await page.click(`[data-sample="./samples/cat.jpg"]`);
  await page.waitForSelector("#stage:not([hidden])");
  await settled(page);
  await clickPixel(page, 220, 120);
  assert.ok((await stateOf(page)).area > 10_000);
  // The service worker isolates the page, so that WebAssembly may use threads.
  assert.match(await page.textContent("#backend"), /^WebAssembly, SIMD, \d threads$/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("on a phone: taps, pinch, and everything within its width", { skip }, async () => {
  const options = { viewport: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const { page, context } = await newPage(site.browser, options);
  await openPage(page, site.url);
  await screenshot(page, "phone-empty");
  await openPhotograph(page, CAT);
  const tap = async (x, y) => {
    const at = await page.evaluate(([x, y]) => globalThis.fctsfn.stage.positionOf(x, y), [x, y]);
    await page.touchscreen.tap(at.x, at.y);
    await settled(page);
  };
  await tap(220, 120);
  await page.tap("#mode-subtract");
  await tap(430, 60);
  await screenshot(page, "phone-mask");
  assert.deepEqual(
    (await stateOf(page)).clicks.map(({ label }) => label),
    [1, 0],
  );
  const place = (x) => page.evaluate((x) => globalThis.fctsfn.stage.positionOf(x, 150), x);
  const apart = async () => (await place(300)).x - (await place(150)).x;
  const before = await apart();
  await pinch(context, page, await place(225));
  assert.ok((await apart()) > 1.5 * before, "two fingers zoom");
  assert.equal((await stateOf(page)).clicks.length, 2);
  await screenshot(page, "phone-zoomed");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, PHONE.width);
  await context.close();
});

/** Two fingers that move apart about a point. */
async function pinch(context, page, { x, y }) {
  const client = await context.newCDPSession(page);
  const touch = (type, distance) =>
    client.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: distance ? [-1, 1].map((sign, id) => ({ x: x + sign * distance, y, id })) : [],
    });
  await touch("touchStart", 30);
  for (const distance of [40, 50, 60, 75]) await touch("touchMove", distance);
  await touch("touchEnd", 0);
}

test("names, roles and contrast of everything, light and dark", { skip }, async () => {
  // Colours that fade into others have none yet.
  const options = { bypassCSP: true, reducedMotion: "reduce" };
  const { page, context } = await newPage(site.browser, options);
  await openPage(page, site.url);
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  await page.addScriptTag({ path: axe });
  const check = async (state) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate(() => globalThis.axe.run());
      const violations = found.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`,
      );
      assert.deepEqual(violations, [], `${state}, ${colorScheme}`);
      if (state === "objects") await screenshot(page, `${state}-${colorScheme}`);
    }
  };
  await check("empty");
  await openPhotograph(page, CAT);
  await clickPixel(page, 220, 120);
  await page.click("#next-object");
  await settled(page);
  await clickPixel(page, 430, 60);
  await check("objects");
  await context.close();
});

test("in German, from the browser's languages or chosen", { skip }, async () => {
  const { page, context, problems } = await newPage(site.browser, { locale: "de-AT" });
  await page.goto(site.url);
  // The text of the file is English, and the page may be loaded once more: only then German.
  await page.waitForFunction(
    () =>
      document.documentElement.lang === "de" &&
      !/lädt/.test(document.querySelector("#backend").textContent),
  );
  assert.equal(await page.getAttribute("html", "lang"), "de");
  assert.equal((await page.textContent("#open-first")).trim(), "Foto öffnen");
  await openPhotograph(page, CAT);
  await page.click("#mode-subtract");
  await clickPixel(page, 430, 60);
  assert.match(await page.textContent("#message"), /erste Klick muss auf dem Objekt/);
  await page.click("#mode-add");
  await clickPixel(page, 220, 120);
  assert.match(await page.textContent("#status"), /^1 Klick/);
  await screenshot(page, "german");
  await Promise.all([page.waitForEvent("load"), page.selectOption("#language", "en")]);
  await openPage(page, page.url());
  await settled(page);
  assert.match(await page.textContent("#status"), /^1 click/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("the module in a page of its own", { skip }, async () => {
  const { page, context, problems } = await newPage(site.browser, { viewport: DESKTOP });
  await page.goto(`${site.url}embed.html`);
  await page.waitForFunction(
    () => document.querySelector("#status").textContent === "Ready.",
    null,
    {
      timeout: 60_000,
    },
  );
  const { x, y, width } = await page.locator("#photo").boundingBox();
  await page.mouse.click(x + width / 2, y + 0.3 * width);
  await page.waitForFunction(() => {
    const { width, height } = document.querySelector("#mask");
    const context = document.querySelector("#mask").getContext("2d");
    return context.getImageData(0, 0, width, height).data.some((value) => value > 0);
  });
  await screenshot(page, "embed");
  assert.deepEqual(problems, []);
  await context.close();
});
