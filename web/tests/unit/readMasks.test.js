/** Masks of several objects from files. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cocoJson } from "../../src/engine/images/annotationFiles.js";
import { vocPalette } from "../../src/engine/images/masks.js";
import { maskPolygons } from "../../src/engine/images/polygons.js";
import {
  cocoMasks,
  fillPolygon,
  indexMasks,
  readMasks,
} from "../../src/engine/images/readMasks.js";
import { decodeRle, encodeRle, runLengths } from "../../src/engine/images/runLengths.js";
import { rectangles } from "./fakeNetwork.js";

const [HEIGHT, WIDTH] = [12, 17];
const MASKS = [
  rectangles(HEIGHT, WIDTH, [
    [1, 2, 9, 9],
    [3, 4, 5, 6], // a hole
  ]),
  rectangles(HEIGHT, WIDTH, [
    [0, 10, 4, 17],
    [8, 11, 12, 14],
  ]),
];

test("run lengths of COCO's string come back", () => {
  for (const mask of MASKS) {
    const counts = runLengths(mask, HEIGHT, WIDTH);
    assert.deepEqual(decodeRle(encodeRle(counts, HEIGHT, WIDTH).counts), counts);
  }
});

test("a COCO file comes back, from strings, run lengths and polygons", async () => {
  const text = cocoJson(MASKS, HEIGHT, WIDTH, "a.jpg", ["cat", ""]);
  const expected = MASKS.map((mask, i) => ({ name: ["cat", "object"][i], mask }));
  assert.deepEqual(await readMasks(new Blob([text]), HEIGHT, WIDTH), expected);
  const content = JSON.parse(text);
  content.annotations.forEach((one, i) => {
    one.segmentation = { size: [HEIGHT, WIDTH], counts: runLengths(MASKS[i], HEIGHT, WIDTH) };
  });
  assert.deepEqual(cocoMasks(content, HEIGHT, WIDTH), expected);
  content.annotations.forEach((one) => (one.segmentation = one.polygons));
  const [, parts] = cocoMasks(content, HEIGHT, WIDTH);
  assert.deepEqual(parts.mask, MASKS[1]);
});

test("a polygon holds the pixels whose middle it holds", () => {
  for (const [polygon] of MASKS.map((mask) => maskPolygons(mask, HEIGHT, WIDTH))) {
    const filled = new Uint8Array(HEIGHT * WIDTH);
    fillPolygon(filled, HEIGHT, WIDTH, polygon.flat());
    assert.ok(filled.includes(1));
  }
  const triangle = new Uint8Array(16);
  fillPolygon(triangle, 4, 4, [0, 0, 4, 0, 0, 4]);
  assert.equal(triangle.join(""), "1110110010000000");
  fillPolygon(triangle, 4, 4, [-5, -5, 9, -5, 9, 9, -5, 9]);
  assert.ok(!triangle.includes(0));
});

test("an index PNG's colours are its objects; 0 and 255 are none", () => {
  const palette = vocPalette();
  const indices = [0, 2, 255, 7, 2, 0];
  const rgba = Uint8Array.from(
    indices.flatMap((index) => [...palette.subarray(3 * index, 3 * index + 3), 255]),
  );
  assert.deepEqual(
    indexMasks(rgba, palette).map(({ mask }) => mask.join("")),
    ["010010", "000100"],
  );
});

test("other JSON files are refused in words", async () => {
  const file = (content) => new Blob([JSON.stringify(content)]);
  const image = { id: 1, height: HEIGHT, width: WIDTH };
  const annotation = { image_id: 1, segmentation: { counts: [5] } };
  for (const [blob, message] of [
    [new Blob(["{"]), /broken/],
    [file([]), /COCO instances file/],
    [file({ images: [{ height: 1, width: 2 }], annotations: [] }), /17 × 12 pixels.*2 × 1/],
    [file({ images: [image], annotations: [] }), /at least one pixel/],
    [file({ images: [image], annotations: [annotation] }), /must sum to 204. Received 5/],
    [file({ images: [image], annotations: [{ image_id: 1 }] }), /must sum to 204/],
  ]) {
    await assert.rejects(readMasks(blob, HEIGHT, WIDTH), (error) => {
      assert.equal(error.name, "InputError");
      assert.match(error.message, message);
      return true;
    });
  }
});
