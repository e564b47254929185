/** Strips of rows give what the whole gives, and a photograph of 24 megapixels fits into little memory. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Predictor } from "../../src/engine/predict/predictor.js";
import { Rendering } from "../../src/engine/predict/rendering.js";
import * as views from "../../src/engine/predict/views.js";
import { Workspace } from "../../src/engine/predict/workspace.js";
import { FakeNetwork, noise, rectangles } from "./fakeNetwork.js";

const CONFIG = {
  click_encoding: "disks_and_previous",
  working_size: 64,
  threshold: 0.5,
  zoom_in: true,
  zoom_expansion: 1.4,
  zoom_min_size: 24,
  zoom_keep_iou: 0.5,
  zoom_min_gain: 1.25,
};

/** A layer of made-up answers in a box. */
function layer(box, height, width) {
  const probability = Float32Array.from(noise(height, width, 1), (value) => value / 255);
  return { view: { box, height, width }, probability };
}

test("strips of any height give what the whole gives", () => {
  const size = { height: 53, width: 41 };
  const whole = { top: 0, left: 0, bottom: 53, right: 41 };
  const layers = [
    layer(whole, 32, 32), // grows
    layer({ top: 7, left: 3, bottom: 30, right: 40 }, 32, 64), // shrinks
    layer({ top: 20, left: 5, bottom: 52, right: 37 }, 32, 32), // is as large
  ];
  const clicks = [
    { row: 0, col: 40, isPositive: true },
    { row: 52, col: 1, isPositive: false },
  ];
  const starts = [null, rectangles(53, 41, [[4, 4, 20, 20]])];
  for (const start of starts) {
    for (const [some, made] of [
      [layers, clicks],
      [layers.slice(1), []],
      [[], clicks],
      [[], []],
    ]) {
      const what = { start, layers: some, clicks: made };
      const one = new Rendering(size, what);
      for (const rows of [1, 2, 7, 52, 53, 54]) {
        const other = new Rendering(size, what, rows * size.width);
        assert.ok(other.data.length <= 53 * 41);
        const zoom = { box: { top: 5, left: 2, bottom: 50, right: 39 }, height: 32, width: 64 };
        assert.deepEqual(views.probabilityIn(zoom, other), views.probabilityIn(zoom, one));
        assert.deepEqual(other.box, one.box);
        assert.deepEqual(other.mask(0.3), one.mask(0.3));
        assert.deepEqual(other.all(), one.all());
        if (made.length > 0) assert.equal(other.all()[40], 1);
      }
    }
  }
});

test("a photograph of 24 megapixels has masks and files of its size, and little memory", async () => {
  const [height, width] = [4000, 6000];
  const data = new Uint8Array(height * width * 3).fill(40);
  for (let row = 1000; row < 2600; row++) {
    data.fill(220, 3 * (row * width + 2000), 3 * (row * width + 4400));
  }
  const workspace = new Workspace(new Predictor(new FakeNetwork(), CONFIG));
  await workspace.setImage({ data, height, width });
  const held = () => process.memoryUsage().arrayBuffers;
  const before = held();
  let most = 0;
  const network = FakeNetwork.prototype.click;
  FakeNetwork.prototype.click = async function (...args) {
    most = Math.max(most, held());
    return network.apply(this, args);
  };
  try {
    await workspace.click(3000, 1800, 1);
    await workspace.click(2500, 1300, 1);
  } finally {
    FakeNetwork.prototype.click = network;
  }
  const { mask, area } = workspace.snapshot();
  most = Math.max(most, held());
  assert.equal(mask.length, height * width);
  assert.ok(Math.abs(area / (1600 * 2400) - 1) < 0.1, `${area} pixels`);
  assert.ok(mask[1800 * width + 3000] === 1 && mask[200 * width + 200] === 0);
  // Two masks of 24 MB, of which one is the snapshot's, and strips; a float for each pixel were 96 MB.
  assert.ok(most - before < 120e6, `${Math.round((most - before) / 1e6)} MB`);
  const coco = JSON.parse(await (await workspace.file("coco")).text());
  assert.deepEqual(coco.annotations[0].segmentation.size, [height, width]);
  assert.equal(coco.annotations[0].area, area);
  const png = new DataView(await (await workspace.file("mask")).arrayBuffer());
  assert.deepEqual([png.getUint32(16), png.getUint32(20)], [width, height]);
});
