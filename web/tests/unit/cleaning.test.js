/** Holes, parts and strokes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { largestPart, painted, withoutHoles } from "../../src/page/cleaning.js";
import { noise, rectangles } from "./fakeNetwork.js";

const SIZE = { width: 12, height: 9 };

/** A mask of lines of "#" and ".". */
function maskOf(...lines) {
  return Uint8Array.from(lines.join(""), (sign) => (sign === "#" ? 1 : 0));
}

test("holes are filled, bays and corners that only touch are as they are seen", () => {
  const size = { width: 7, height: 6 };
  const before = maskOf("#######", "#..#..#", "#..#.##", "####.#.", "#...##.", "#.#####");
  //                     a hole ↑  ↑ a way out leads over edges, not over corners
  const after = maskOf("#######", "#######", "#######", "######.", "#...##.", "#.#####");
  assert.deepEqual(withoutHoles(before, size), after);
  assert.deepEqual(withoutHoles(after, size), after);
  // A bay that is wider than the way into it.
  const bay = maskOf("###.###", "#.....#", "#######");
  assert.deepEqual(withoutHoles(bay, { width: 7, height: 3 }), bay);
});

test("the largest part is the one with most pixels", () => {
  const size = { width: 6, height: 4 };
  const before = maskOf("##...#", "##..#.", "...#..", "#####.");
  assert.deepEqual(largestPart(before, size), maskOf("......", "......", "...#..", "#####."));
  assert.deepEqual(largestPart(new Uint8Array(24), size), new Uint8Array(24));
});

test("on noise, parts are what a plain search finds", () => {
  const mask = noise(SIZE.height, SIZE.width, 1, 1);
  const label = new Array(mask.length).fill(-1);
  const sizes = [];
  mask.forEach((value, start) => {
    if (!value || label[start] >= 0) return;
    const waiting = [start];
    label[start] = sizes.length;
    let count = 0;
    while (waiting.length > 0) {
      const pixel = waiting.pop();
      count++;
      const [row, col] = [Math.floor(pixel / SIZE.width), pixel % SIZE.width];
      for (const [y, x] of [
        [row - 1, col],
        [row + 1, col],
        [row, col - 1],
        [row, col + 1],
      ]) {
        const next = y * SIZE.width + x;
        const isInside = y >= 0 && y < SIZE.height && x >= 0 && x < SIZE.width;
        if (!isInside || !mask[next] || label[next] >= 0) continue;
        label[next] = sizes.length;
        waiting.push(next);
      }
    }
    sizes.push(count);
  });
  const largest = sizes.indexOf(Math.max(...sizes));
  const expected = Uint8Array.from(label, (number) => (number === largest ? 1 : 0));
  assert.deepEqual(largestPart(mask, SIZE), expected);
});

test("a stroke paints a disk along its way, and erases", () => {
  const points = [
    { x: 3, y: 4 },
    { x: 9, y: 4 },
  ];
  const line = painted(new Uint8Array(108), SIZE, points, 1, 1);
  const expected = rectangles(9, 12, [[4, 2, 5, 11]]);
  for (let x = 3; x <= 9; x++) expected[3 * 12 + x] = expected[5 * 12 + x] = 1;
  assert.deepEqual(line, expected);
  const full = new Uint8Array(108).fill(1);
  const erased = painted(full, SIZE, points, 1, 0);
  assert.deepEqual(
    erased,
    line.map((value) => 1 - value),
  );
  assert.ok(
    full.every((value) => value === 1),
    "the mask before stays",
  );
  const dot = painted(new Uint8Array(108), SIZE, [{ x: 0, y: 0 }], 0.5, 1);
  assert.deepEqual(dot, rectangles(9, 12, [[0, 0, 1, 1]]));
});
