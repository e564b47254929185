/** What is painted over a photograph, where it lies on the stage, and which mark a pointer hits. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { markAt } from "../../src/canvas/marks.js";
import { objectColour, paintOverlay } from "../../src/canvas/overlay.js";
import { fitted, inSight, moved, onStage, pixelAt, zoomed } from "../../src/canvas/place.js";
import { rectangles } from "./fakeNetwork.js";

test("the overlay tints objects, outlines the present one and leaves the rest clear", () => {
  const size = { height: 10, width: 10 };
  const screen = { height: 40, width: 40 };
  const out = new Uint8ClampedArray(4 * 40 * 40);
  const place = { scale: 2, left: 10, top: 10 };
  const mask = { ...size, data: rectangles(10, 10, [[2, 2, 8, 8]]) };
  const others = { ...size, data: rectangles(10, 10, [[0, 0, 2, 10]]).map((value) => 2 * value) };
  const what = { mode: "mask", size, mask, others, object: 0, opacity: 0.5, line: 1 };
  const at = (x, y) => [...out.subarray(4 * (y * 40 + x), 4 * (y * 40 + x) + 4)];
  paintOverlay(out, screen, place, what);
  assert.deepEqual(at(20, 20), [...objectColour(0), 128]); // inside
  assert.deepEqual(at(14, 20), [255, 255, 255, 255]); // its outline
  assert.deepEqual(at(13, 20), [0, 0, 0, 150]); // and around it
  assert.deepEqual(at(11, 11), [...objectColour(1), 128]); // another object
  assert.deepEqual(at(5, 5), [0, 0, 0, 0]); // beside the photograph
  paintOverlay(out, screen, place, { ...what, mode: "cutout" });
  assert.equal(at(20, 20)[3], 0);
  assert.equal(at(28, 28)[3], 255);
  assert.equal(at(5, 5)[3], 0);
  const red = Uint32Array.of(0xff0000ff); // little-endian: A B G R
  const background = { width: 1, height: 1, data: red };
  paintOverlay(out, screen, place, { ...what, mode: "cutout", background });
  assert.deepEqual(at(28, 28), [255, 0, 0, 255]);
  assert.equal(at(20, 20)[3], 0);
});

test("a plane that is smaller than its photograph covers all of it", () => {
  const size = { height: 20, width: 40 };
  const screen = { height: 20, width: 40 };
  const out = new Uint8ClampedArray(4 * 20 * 40);
  const at = (x, y) => [...out.subarray(4 * (y * 40 + x), 4 * (y * 40 + x) + 4)];
  const place = { scale: 1, left: 0, top: 0 };
  const mask = { width: 4, height: 2, data: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1) };
  const others = { width: 2, height: 2, data: Uint8Array.of(3, 0, 0, 0) };
  const what = { mode: "mask", size, mask, others, object: 0, opacity: 1, line: 1 };
  paintOverlay(out, screen, place, what);
  assert.deepEqual(at(35, 10), [...objectColour(0), 255]);
  assert.deepEqual(at(28, 10), [0, 0, 0, 0]);
  assert.deepEqual(at(10, 5), [...objectColour(2), 255]);
  assert.deepEqual(at(10, 15), [0, 0, 0, 0]);
  const probability = { width: 2, height: 1, data: Float32Array.of(0, 1) };
  paintOverlay(out, screen, place, { ...what, mode: "probability", probability });
  assert.deepEqual(at(19, 19), [20, 14, 60, 255]);
  assert.deepEqual(at(20, 0), [252, 250, 180, 255]);
});

const SIZE = { width: 400, height: 300 };
const ROOM = { width: 1000, height: 600 };

test("a photograph that fits lies in the middle, however small it is", () => {
  assert.deepEqual(fitted(SIZE, ROOM, 0), { scale: 2, left: 100, top: 0 });
  assert.deepEqual(fitted(SIZE, ROOM, 0.05), { scale: 1.8, left: 140, top: 30 });
  assert.deepEqual(fitted({ width: 14, height: 9 }, { width: 980, height: 630 }, 0), {
    scale: 70,
    left: 0,
    top: 0,
  });
});

test("zooming keeps what is under the pointer, within limits", () => {
  const place = fitted(SIZE, ROOM, 0);
  const point = onStage(place, { x: 123, y: 45 });
  const closer = zoomed(place, 3.7, point, place.scale);
  const after = onStage(closer, { x: 123, y: 45 });
  assert.ok(Math.hypot(after.x - point.x, after.y - point.y) < 2 * 3.7, JSON.stringify(after));
  assert.deepEqual(pixelAt(closer, point, SIZE), { x: 123, y: 45 });
  assert.equal(zoomed(place, 1e6, point, place.scale).scale, 40);
  assert.equal(zoomed(closer, 1e-6, point, place.scale).scale, place.scale);
  assert.equal(zoomed({ ...place, scale: 70 }, 2, point, 70).scale, 70); // a tiny photograph
});

test("moving never loses the photograph from sight", () => {
  const place = { scale: 10, left: -500, top: -500 };
  assert.deepEqual(inSight(moved(place, 30, -20), SIZE, ROOM), {
    scale: 10,
    left: -470,
    top: -520,
  });
  assert.deepEqual(inSight(moved(place, 1e5, -1e5), SIZE, ROOM), {
    scale: 10,
    left: 500,
    top: 300 - 3000,
  });
  const fits = { scale: 1, left: 7, top: 7 };
  assert.deepEqual(inSight(fits, SIZE, ROOM), { scale: 1, left: 300, top: 150 });
});

test("each pixel is hit, those at the edge by a hair, and none beside the photograph", () => {
  const place = { scale: 2.5, left: 0, top: 0 };
  for (const pixel of [
    { x: 0, y: 0 },
    { x: 399, y: 299 },
    { x: 17, y: 290 },
  ]) {
    assert.deepEqual(pixelAt(place, onStage(place, pixel), SIZE), pixel);
  }
  assert.deepEqual(pixelAt(place, { x: 1000.4, y: -0.4 }, SIZE), { x: 399, y: 0 });
  assert.equal(pixelAt(place, { x: 1002, y: 10 }, SIZE), null);
  assert.equal(pixelAt(place, { x: -2, y: 10 }, SIZE), null);
});

test("of two marks the nearer one is hit, and a finger hits from further away", () => {
  const marks = [
    { x: 100, y: 100 },
    { x: 112, y: 100 },
  ];
  assert.equal(markAt(marks, { x: 105, y: 100 }, "mouse"), 0);
  assert.equal(markAt(marks, { x: 107, y: 100 }, "mouse"), 1);
  assert.equal(markAt(marks, { x: 100, y: 118 }, "mouse"), -1);
  assert.equal(markAt(marks, { x: 100, y: 118 }, "touch"), 0);
});
