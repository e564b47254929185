/** JavaScript computes what Python computed (tests/golden.py). */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { addClick, CLICK_ENCODINGS, emptyMaps } from "../../src/engine/clicks/clickMaps.js";
import { cocoJson } from "../../src/engine/images/annotationFiles.js";
import { indexMap, vocPalette } from "../../src/engine/images/masks.js";
import { encodeRle, runLengths } from "../../src/engine/images/runLengths.js";
import { Predictor } from "../../src/engine/predict/predictor.js";
import * as views from "../../src/engine/predict/views.js";
import { FakeNetwork, noise, rectangles } from "./fakeNetwork.js";

const golden = JSON.parse(await readFile(new URL("../golden.json", import.meta.url), "utf8"));
const CONFIG = {
  click_encoding: "disks_and_previous",
  working_size: 384,
  threshold: 0.5,
  zoom_in: true,
  zoom_expansion: 1.4,
  zoom_min_size: 200,
  zoom_keep_iou: 0.5,
  zoom_min_gain: 1.25,
};
const click = ([row, col, label]) => ({ row, col, isPositive: label === 1 });

function assertClose(actual, expected, tolerance) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(difference <= tolerance, `${actual[i]} is not ${expected[i]} at ${i}`);
  }
}

for (const { from, to, image, probability } of golden.resizing) {
  test(`resizing ${from} to ${to}`, () => {
    const [height, width] = from;
    const box = { top: 0, left: 0, bottom: height, right: width };
    const view = { box, height: to[0], width: to[1] };
    const photograph = { data: noise(height, width, 3), height, width };
    // OpenCV's quick paths round a few interpolated bytes the other way.
    const made = views.imageIn(view, photograph);
    assertClose(made, image, 1);
    assert.ok(made.filter((value, i) => value !== image[i]).length < 0.02 * image.length);
    const data = Float32Array.from(noise(height, width, 1), (value) => value / 255);
    assertClose(views.probabilityIn(view, { data, height, width }), probability, 2e-5);
  });
}

test("a view of a box does not touch what is beside it", () => {
  const [height, width] = [30, 40];
  const plane = { data: new Float32Array(height * width).fill(0.25), height, width };
  const box = { top: 5, left: 8, bottom: 17, right: 31 };
  views.paste({ box, height: 32, width: 64 }, new Float32Array(32 * 64).fill(1), plane);
  const inside = rectangles(height, width, [[5, 8, 17, 31]]);
  assert.deepEqual(
    plane.data,
    Float32Array.from(inside, (value) => (value ? 1 : 0.25)),
  );
});

for (const { size, encoding, clicks, maps } of golden.maps) {
  test(`click maps ${encoding} ${size}`, () => {
    const [height, width] = size;
    const channels = CLICK_ENCODINGS[encoding];
    const made = emptyMaps(height, width, encoding);
    for (const one of clicks) addClick(made, height, width, encoding, click(one));
    const both = made.filter((_, i) => i % channels < 2);
    assertClose(both, maps, 1e-4);
  });
}

test(`views of ${golden.views.length} made-up objects`, () => {
  for (const { size, working_size, steps } of golden.views) {
    const [height, width] = size;
    const config = { ...CONFIG, working_size, zoom_min_size: 20 };
    let view = views.wholeView(height, width, config);
    const clicks = [];
    for (const step of steps) {
      clicks.push(click(step.click));
      const data = Float32Array.from(rectangles(height, width, [step.object]));
      view = views.nextView(view, { data, height, width }, clicks, config);
      const { top, left, bottom, right } = view.box;
      const corners = [top, left, bottom, right, view.height, view.width];
      assert.deepEqual(corners, step.view, JSON.stringify({ size, step }));
    }
  }
});

test(`crops around ${golden.closer.length} clicks`, () => {
  const config = { ...CONFIG, working_size: 256, look_closer: 3 };
  for (const { size, click: at, views: expected } of golden.closer) {
    const found = views.closerViews(click(at), ...size, config);
    const corners = found.map(({ box, height, width }) => {
      return [box.top, box.left, box.bottom, box.right, height, width];
    });
    assert.deepEqual(corners, expected, JSON.stringify({ size, at }));
  }
});

test("COCO JSON, index map and palette", () => {
  const { size, boxes, names, coco, index, palette } = golden.masks;
  const [height, width] = size;
  const masks = boxes.map((object) => rectangles(height, width, object));
  const made = JSON.parse(cocoJson(masks, height, width, "a.jpg", names));
  const withoutPolygons = ({ annotations, ...rest }) => ({
    ...rest,
    annotations: annotations.map(({ polygons, ...annotation }) => annotation),
  });
  assert.deepEqual(withoutPolygons(made), withoutPolygons(coco));
  // Rectangles have no corner to leave out, so the polygons have the same corners in any order.
  const corners = ({ annotations }) =>
    annotations.map(({ polygons }) =>
      polygons.map(
        (polygon) =>
          new Set(polygon.map((x, i) => `${x},${polygon[i + 1]}`).filter((_, i) => i % 2 === 0)),
      ),
    );
  assert.deepEqual(corners(made), corners(coco));
  assert.deepEqual([...indexMap(masks)], index);
  assert.deepEqual([...vocPalette()], palette);
});

async function replay({ size, boxes, settings, hasCandidates, steps }) {
  const [height, width] = size;
  const data = noise(height, width, 3, 6);
  const bright = rectangles(height, width, boxes);
  for (let i = 0; i < data.length; i++) if (bright[Math.floor(i / 3)]) data[i] += 150;
  const network = new FakeNetwork(hasCandidates);
  const predictor = new Predictor(network, { ...CONFIG, ...settings });
  await predictor.setImage({ data, height, width });
  const seenViews = new Set();
  for (const {
    do: [name, ...args],
    mask,
    probability,
    candidates,
  } of steps) {
    if (name === "click") await predictor.addClick(...args);
    else if (name === "clicks")
      await predictor.setClicks(args[0].map(([x, y, label]) => ({ x, y, label })));
    else if (name === "mask") predictor.setMask(rectangles(height, width, args[0]));
    else predictor[name](...args);
    seenViews.add(JSON.stringify(predictor.view));
    const { prediction } = predictor;
    if (mask === undefined) {
      assert.equal(prediction, null);
      continue;
    }
    assertClose(prediction.candidates, candidates, 1e-4);
    const sample = prediction.probability.filter((_, i) => i % 97 === 0);
    assertClose(sample, probability, 1e-4);
    const counts = runLengths(prediction.mask, height, width);
    assert.equal(encodeRle(counts, height, width).counts, mask, name);
    assert.ok(network.held <= 2, `${network.held} features are held`);
  }
  assert.ok(seenViews.size >= 2, "the session does not zoom in");
  predictor.dispose();
  assert.equal(network.held, 0);
}

for (const session of golden.sessions) {
  const { working_size, zoom_min_size, ...settings } = session.settings;
  const what = [...new Set(session.steps.map(({ do: [name] }) => name))].join(", ");
  test(`a session, ${JSON.stringify(settings)}: ${what}`, () => replay(session));
}
