/** Masks as labelme, YOLO and SVG files: what their readers fill is the mask. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { labelmeJson, svg, yoloTxt } from "../../src/engine/images/annotationFiles.js";
import { fileOf } from "../../src/engine/images/files.js";
import { joined, maskPolygons, simplified } from "../../src/engine/images/polygons.js";
import { fillPolygon } from "../../src/engine/images/readMasks.js";
import { rectangles } from "./fakeNetwork.js";

const [HEIGHT, WIDTH] = [40, 57];

/** A ring with a bar beside it: a hole, several pieces, slanted edges. */
function ring() {
  const mask = rectangles(HEIGHT, WIDTH, [[30, 2, 38, 20]]);
  return mask.map((value, i) => {
    const distance = Math.hypot(Math.floor(i / WIDTH) - 15, (i % WIDTH) - 30);
    return value || (distance > 6 && distance < 13.5) ? 1 : 0;
  });
}

const MASKS = [
  ring(),
  rectangles(HEIGHT, WIDTH, [[3, 45, 39, 55]]),
  new Uint8Array(HEIGHT * WIDTH),
];
const NAMES = ["a <b> & c", "", "nothing"];

/** XOR of filled rings: the even–odd rule. */
function evenOdd(rings) {
  const mask = new Uint8Array(HEIGHT * WIDTH);
  for (const points of rings) {
    const one = new Uint8Array(HEIGHT * WIDTH);
    fillPolygon(one, HEIGHT, WIDTH, points);
    for (let i = 0; i < mask.length; i++) mask[i] ^= one[i];
  }
  return mask;
}

function difference(a, b) {
  return a.reduce((sum, value, i) => sum + (value !== b[i] ? 1 : 0), 0);
}

test("labelme: few corners, and the mask within the tolerance", () => {
  const content = JSON.parse(labelmeJson(MASKS, HEIGHT, WIDTH, "a.jpg", NAMES));
  assert.equal(content.imagePath, "a.jpg");
  assert.deepEqual([content.imageHeight, content.imageWidth], [HEIGHT, WIDTH]);
  const of = (group) => content.shapes.filter(({ group_id }) => group_id === group);
  assert.ok(of(1).every(({ label }) => label === NAMES[0]));
  assert.deepEqual(
    of(2).map(({ label }) => label),
    ["object"],
  );
  assert.deepEqual(of(3), []);
  const corners = of(1).flatMap(({ points }) => points).length;
  const exact = maskPolygons(MASKS[0], HEIGHT, WIDTH).flat().length;
  assert.ok(corners < 0.6 * exact, `${corners} of ${exact} corners`);
  const filled = evenOdd(of(1).map(({ points }) => points.flat()));
  const area = MASKS[0].reduce((sum, value) => sum + value, 0);
  assert.ok(difference(filled, MASKS[0]) < 0.06 * area);
  assert.deepEqual(evenOdd(of(2).map(({ points }) => points.flat())), MASKS[1]);
});

test("a polygon that would meet itself keeps its corners", () => {
  const square = [
    [0, 0],
    [9, 0],
    [9, 9],
    [0, 9],
  ];
  assert.deepEqual(simplified(square, 0.75), square);
  const stairs = [
    [0, 0],
    [1, 0],
    [1, 1],
    [2, 1],
    [2, 2],
    [3, 2],
    [3, 3],
    [0, 3],
  ];
  assert.equal(simplified(stairs, 0.75).length, 3);
  // A slit that a line across would close.
  const slit = [
    [0, 0],
    [20, 0],
    [20, 5],
    [10, 5],
    [10, 0.5],
    [9.6, 0.5],
    [9.6, 5],
    [0, 5],
  ];
  assert.ok(simplified(slit, 0.75).length >= 3);
});

test("YOLO: a line per object, in shares, that fills to the mask", () => {
  const lines = yoloTxt(MASKS, HEIGHT, WIDTH, NAMES).trimEnd().split("\n");
  assert.equal(lines.length, 2);
  lines.forEach((line, i) => {
    const [number, ...shares] = line.split(" ");
    assert.equal(number, `${i}`);
    const points = shares.map((share, at) => Number(share) * (at % 2 ? HEIGHT : WIDTH));
    assert.ok(difference(evenOdd([points]), MASKS[i]) <= 2);
  });
  const polygons = maskPolygons(MASKS[0], HEIGHT, WIDTH);
  assert.equal(joined(polygons).length, polygons.flat().length + 2 * (polygons.length - 1));
});

test("SVG: rings along the pixels' edges, names as text", () => {
  const text = svg(MASKS, HEIGHT, WIDTH, NAMES);
  assert.match(text, /width="57" height="40" viewBox="0 0 57 40"/);
  assert.match(text, /<title>a &lt;b&gt; &amp; c<\/title>/);
  const paths = [...text.matchAll(/fill="(#\w+)".* d="([^"]*)"/g)];
  assert.deepEqual(
    paths.map(([, colour]) => colour),
    ["#800000", "#008000", "#808000"],
  );
  paths.forEach(([, , path], i) => {
    const rings = [...path.matchAll(/M([^Z]*)Z/g)].map(([, ring]) => ring.split(" ").map(Number));
    assert.deepEqual(evenOdd(rings), MASKS[i]);
  });
});

test("formats that are not known, and nothing to save, are said", async () => {
  const photograph = { data: new Uint8Array(12), height: 2, width: 2 };
  const known = { mask: null, probability: () => null, masks: () => [new Uint8Array(4)] };
  await assert.rejects(fileOf("gif", photograph, known, {}), /one of mask, .*svg. Received gif/);
  await assert.rejects(fileOf("constructor", photograph, known, {}), /format/);
  for (const format of ["mask", "cutout", "probability", "coco", "svg"]) {
    await assert.rejects(fileOf(format, photograph, known, {}), /no mask to save/);
  }
  const full = { ...known, mask: Uint8Array.of(1, 1, 0, 0) };
  await assert.rejects(fileOf("cutout", photograph, full, { background: "red" }), /Received red/);
});
