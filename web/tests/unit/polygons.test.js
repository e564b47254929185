/** Outlines of masks: filling them gives the mask back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { maskPolygons } from "../../src/engine/images/polygons.js";
import { noise, rectangles } from "./fakeNetwork.js";

/** The pixels whose centres lie inside polygons (even and odd crossings). */
function filled(polygons, height, width) {
  const mask = new Uint8Array(height * width);
  for (const polygon of polygons) {
    for (let row = 0; row < height; row++) {
      for (let col = 0; col < width; col++) {
        for (let i = 0; i < polygon.length; i++) {
          const [[x0, y0], [x1, y1]] = [polygon[i], polygon[(i + 1) % polygon.length]];
          const y = row + 0.5;
          if (y0 > y !== y1 > y && col + 0.5 < x0 + ((x1 - x0) * (y - y0)) / (y1 - y0)) {
            mask[row * width + col] ^= 1;
          }
        }
      }
    }
  }
  return mask;
}

test("rectangles, a hole, parts that touch at a corner", () => {
  const [height, width] = [20, 30];
  const mask = rectangles(height, width, [
    [2, 3, 10, 14],
    [4, 5, 7, 9],
    [10, 14, 16, 20],
    [18, 1, 19, 2],
  ]);
  const polygons = maskPolygons(mask, height, width);
  assert.equal(polygons.length, 4); // a corner joins nothing, and the hole cuts its part in two
  assert.deepEqual(filled(polygons, height, width), mask);
});

test("an object within a hole belongs to a part of its own", () => {
  const [height, width] = [16, 16];
  const mask = rectangles(height, width, [
    [1, 1, 15, 15],
    [3, 3, 13, 13],
    [5, 5, 11, 11],
    [7, 7, 9, 9],
  ]);
  const polygons = maskPolygons(mask, height, width);
  assert.equal(polygons.length, 4); // two frames in two pieces each
  assert.deepEqual(filled(polygons, height, width), mask);
});

test("nothing, everything, one pixel", () => {
  assert.deepEqual(maskPolygons(new Uint8Array(6), 2, 3), []);
  assert.deepEqual(
    filled(maskPolygons(new Uint8Array(6).fill(1), 2, 3), 2, 3),
    new Uint8Array(6).fill(1),
  );
  const one = Uint8Array.of(0, 0, 0, 1, 0, 0);
  assert.deepEqual(filled(maskPolygons(one, 2, 3), 2, 3), one);
});

test("a disk has no point on a line and stays a disk", () => {
  const [height, width] = [60, 80];
  const mask = Uint8Array.from({ length: height * width }, (_, i) => {
    const [row, col] = [Math.floor(i / width) - 30, (i % width) - 41];
    return row * row + col * col < 24 * 24 ? 1 : 0;
  });
  const [polygon] = maskPolygons(mask, height, width);
  polygon.forEach(([x, y], i) => {
    const [[x0, y0], [x1, y1]] = [polygon.at(i - 1), polygon[(i + 1) % polygon.length]];
    assert.notEqual((x - x0) * (y1 - y), (x1 - x) * (y - y0));
  });
  assert.deepEqual(filled([polygon], height, width), mask);
});

test("noise: the pieces are the mask, and none meets a point twice", () => {
  const [height, width] = [24, 31];
  const mask = noise(height, width, 1).map((value) => value & 1);
  const polygons = maskPolygons(mask, height, width);
  for (const polygon of polygons) {
    assert.equal(new Set(polygon.map((point) => point.join())).size, polygon.length);
  }
  assert.deepEqual(filled(polygons, height, width), mask);
});
