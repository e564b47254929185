/** Cut-outs with soft edges, in the object's own colours. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/engine/errors.js";
import { cutoutOf, radiusFor } from "../../src/engine/images/cutouts.js";

const FRONT = [220, 60, 40];
const BACK = [30, 90, 200];

/** A disk of one colour on another, its edge blurred over `blur` pixels, and its true alpha. */
function disk(height, width, radius, blur) {
  const alpha = new Float32Array(height * width);
  const data = new Uint8Array(3 * height * width);
  for (let row = 0, i = 0; row < height; row++) {
    for (let col = 0; col < width; col++, i++) {
      const distance = Math.hypot(row - height / 2, col - width / 2);
      alpha[i] = Math.min(Math.max(0.5 + (radius - distance) / blur, 0), 1);
      for (let c = 0; c < 3; c++) {
        data[3 * i + c] = Math.round(alpha[i] * FRONT[c] + (1 - alpha[i]) * BACK[c]);
      }
    }
  }
  const mask = Uint8Array.from(alpha, (value) => (value > 0.5 ? 1 : 0));
  return { photograph: { data, height, width }, mask, alpha };
}

function pixelsOf({ height, width, fill }) {
  const rgba = new Uint8Array(4 * height * width);
  for (let row = 0; row < height; row++) fill(row, rgba.subarray(4 * row * width));
  return rgba;
}

/** Mean difference to the true picture on white, over pixels that are mixed. */
function errorOnWhite(rgba, alpha) {
  let [sum, count] = [0, 0];
  alpha.forEach((truth, i) => {
    if (truth === 0 || truth === 1) return;
    for (let c = 0; c < 3; c++) {
      const own = rgba[4 * i + 3] / 255;
      const shown = own * rgba[4 * i + c] + (1 - own) * 255;
      sum += Math.abs(shown - (truth * FRONT[c] + (1 - truth) * 255));
      count++;
    }
  });
  return sum / count;
}

test("a soft edge is the true one, without the background's colour", () => {
  // Larger than a tile, so that tiles must fit together.
  const { photograph, mask, alpha } = disk(250, 300, 100, 3);
  const hard = pixelsOf(cutoutOf(photograph, mask));
  const soft = pixelsOf(cutoutOf(photograph, mask, { isSoft: true }));
  const [hardError, softError] = [errorOnWhite(hard, alpha), errorOnWhite(soft, alpha)];
  assert.ok(softError < hardError / 2, `${softError} of ${hardError}`);
  // What is half transparent has the object's colour, not a mix.
  let blueMost = 0;
  for (let i = 0; i < mask.length; i++) {
    if (soft[4 * i + 3] > 60) blueMost = Math.max(blueMost, soft[4 * i + 2]);
  }
  assert.ok(blueMost < 80, `blue ${blueMost}, of ${FRONT[2]} in front and ${BACK[2]} behind`);
  assert.ok(hard.some((value, i) => i % 4 === 2 && value > 90));
});

test("away from the edge it is the photograph, or nothing", () => {
  const { photograph, mask } = disk(250, 300, 100, 3);
  const soft = pixelsOf(cutoutOf(photograph, mask, { isSoft: true }));
  const at = (row, col) => [...soft.subarray(4 * (row * 300 + col), 4 * (row * 300 + col) + 4)];
  assert.deepEqual(at(125, 150), [...FRONT, 255]);
  assert.deepEqual(at(125, 150 - 94), [...FRONT, 255]);
  assert.deepEqual(at(125, 150 - 106), [0, 0, 0, 0]);
  assert.deepEqual(at(5, 5), [0, 0, 0, 0]);
});

test("cropped, it is the object and its soft edge", () => {
  const { photograph, mask } = disk(60, 90, 12, 1);
  const whole = pixelsOf(cutoutOf(photograph, mask));
  const cropped = cutoutOf(photograph, mask, { isCropped: true });
  assert.deepEqual([cropped.height, cropped.width], [23, 23]);
  const rgba = pixelsOf(cropped);
  for (let row = 0; row < 23; row++) {
    const from = 4 * ((row + cropped.top) * 90 + cropped.left);
    assert.deepEqual(
      rgba.subarray(4 * 23 * row, 4 * 23 * (row + 1)),
      whole.subarray(from, from + 92),
    );
  }
  const soft = cutoutOf(photograph, mask, { isSoft: true, isCropped: true });
  assert.deepEqual([soft.height, soft.width], [27, 27]);
});

test("the band is wider on large photographs; without a mask there is no cut-out", () => {
  assert.equal(radiusFor({ height: 300, width: 451 }), 2);
  assert.equal(radiusFor({ height: 4000, width: 3000 }), 10);
  assert.equal(radiusFor({ height: 8000, width: 6000 }), 12);
  const photograph = { data: new Uint8Array(12), height: 2, width: 2 };
  assert.throws(() => cutoutOf(photograph, new Uint8Array(4)), InputError);
});
