/** A box as clicks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { clicksOfBox } from "../../src/page/box.js";

const SIZE = { width: 200, height: 100 };

test("a click in the middle, and one beside each side", () => {
  const clicks = clicksOfBox({ x: 120, y: 80 }, { x: 20, y: 20.2 }, SIZE);
  assert.deepEqual(clicks, [
    { x: 70, y: 50, label: 1 },
    { x: 70, y: 16, label: 0 },
    { x: 70, y: 84, label: 0 },
    { x: 16, y: 50, label: 0 },
    { x: 124, y: 50, label: 0 },
  ]);
});

test("none beside the photograph, and always whole pixels inside", () => {
  assert.deepEqual(clicksOfBox({ x: -50, y: -9 }, { x: 900, y: 70 }, SIZE), [
    { x: 100, y: 35, label: 1 },
    { x: 100, y: 78, label: 0 },
  ]);
  assert.deepEqual(clicksOfBox({ x: 300, y: 300 }, { x: 301, y: 301 }, SIZE), [
    { x: 199, y: 99, label: 1 },
    { x: 199, y: 96, label: 0 },
    { x: 196, y: 99, label: 0 },
  ]);
});
