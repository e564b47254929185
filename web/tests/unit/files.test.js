/** PNG files, headers of image files, masks out of pixels. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { cutoutPng } from "../../src/engine/images/cutouts.js";
import { maskOfPixels } from "../../src/engine/images/decoding.js";
import { InputError } from "../../src/engine/errors.js";
import { imageHeader, pngPalette } from "../../src/engine/images/imageFiles.js";
import { vocPalette } from "../../src/engine/images/masks.js";
import { indexPng, maskPng, probabilityPng } from "../../src/engine/images/png.js";
import { noise, rectangles } from "./fakeNetwork.js";

// 7 × 5 pixels of red, up to where its pixels begin.
const AVIF =
  "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA" +
  "AAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAIgAAAChpaW5mAAAAAAABAAAAGmluZmUC" +
  "AAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAABwAAAAUAAAAQcGl4aQAAAAADCAgIAAAA" +
  "DGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAA";

/** The chunks of a PNG file, {name: content}; the check sums are Node's own. */
async function chunksOf(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const chunks = {};
  for (let start = 8; start < bytes.length;) {
    const length = view.getUint32(start);
    const name = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    chunks[name] = bytes.subarray(start + 8, start + 8 + length);
    start += 12 + length;
  }
  return chunks;
}

/** The bytes of a PNG's pixels, [height, width × channels], filters undone. */
async function pixelsOf(blob, height, length) {
  const raw = inflateSync((await chunksOf(blob)).IDAT);
  assert.equal(raw.length, height * (length + 1));
  const pixels = new Uint8Array(height * length);
  for (let row = 0; row < height; row++) {
    const filter = raw[row * (length + 1)];
    assert.ok(filter === 0 || filter === 2);
    for (let i = 0; i < length; i++) {
      const above = filter === 2 && row > 0 ? pixels[(row - 1) * length + i] : 0;
      pixels[row * length + i] = raw[row * (length + 1) + 1 + i] + above;
    }
  }
  return pixels;
}

const [HEIGHT, WIDTH] = [300, 451];
const mask = rectangles(HEIGHT, WIDTH, [[20, 30, 200, 400]]);

test("a mask's PNG is black and white", async () => {
  const pixels = await pixelsOf(await maskPng(mask, HEIGHT, WIDTH), HEIGHT, WIDTH);
  assert.deepEqual(
    pixels,
    mask.map((value) => 255 * value),
  );
});

test("a probability's PNG", async () => {
  const png = await probabilityPng(Float32Array.of(0, 0.5, 1, 0.25), 2, 2);
  assert.deepEqual([...(await pixelsOf(png, 2, 2))], [0, 128, 255, 64]);
});

test("an index PNG carries numbers and palette", async () => {
  const index = mask.map((value) => 3 * value);
  const png = await indexPng(index, HEIGHT, WIDTH, vocPalette());
  assert.deepEqual(await pixelsOf(png, HEIGHT, WIDTH), index);
  const bytes = new Uint8Array(await png.arrayBuffer());
  assert.deepEqual(pngPalette(bytes), vocPalette());
  assert.deepEqual(imageHeader(bytes), { format: "png", height: HEIGHT, width: WIDTH });
});

test("a cut-out has nothing of the background", async () => {
  const photograph = { data: noise(HEIGHT, WIDTH, 3), height: HEIGHT, width: WIDTH };
  const png = await cutoutPng(photograph, mask);
  const pixels = await pixelsOf(png, HEIGHT, 4 * WIDTH);
  for (let pixel = 0; pixel < mask.length; pixel += 7) {
    const expected = mask[pixel]
      ? [...photograph.data.subarray(3 * pixel, 3 * pixel + 3), 255]
      : [0, 0, 0, 0];
    assert.deepEqual([...pixels.subarray(4 * pixel, 4 * pixel + 4)], expected);
  }
});

test("the size of a JPEG is read from its header", async () => {
  const bytes = await readFile(new URL("../../../examples/cat.jpg", import.meta.url));
  assert.deepEqual(imageHeader(bytes), { format: "jpg", height: 300, width: 451 });
  assert.equal(imageHeader(bytes.subarray(0, 40)), null);
});

test("the sizes of GIF, BMP, AVIF and the three kinds of WebP", () => {
  const file = (text, numbers) => {
    const bytes = new Uint8Array(64);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    for (const [at, value] of numbers) bytes[at] = value;
    return bytes;
  };
  const webp = (kind, numbers) => file(`RIFF....WEBP${kind}`, numbers);
  const cases = [
    [
      file("GIF89a", [
        [6, 7],
        [8, 5],
      ]),
      "gif",
    ],
    [
      file("BM", [
        [18, 7],
        [22, 5],
      ]),
      "bmp",
    ],
    [
      webp("VP8 ", [
        [23, 0x9d],
        [24, 0x01],
        [25, 0x2a],
        [26, 7],
        [28, 5],
      ]),
      "webp",
    ],
    [
      webp("VP8L", [
        [20, 0x2f],
        [21, 6],
        [22, 0],
        [22, (4 << 6) & 255],
        [23, 4 >> 2],
      ]),
      "webp",
    ],
    [
      webp("VP8X", [
        [24, 6],
        [27, 4],
      ]),
      "webp",
    ],
  ];
  cases.push([Buffer.from(AVIF, "base64"), "avif"]);
  for (const [bytes, format] of cases) {
    assert.deepEqual(imageHeader(bytes), { format, height: 5, width: 7 });
  }
  assert.equal(imageHeader(file("%PDF-1.7", [])), null);
});

test("a mask is read from transparency, palette or grey, and from nothing else", () => {
  const rgba = (...pixels) => Uint8Array.from(pixels.flat());
  const palette = vocPalette();
  const colour = (index) => [...palette.subarray(3 * index, 3 * index + 3), 255];
  const cases = [
    [rgba([9, 9, 9, 255], [9, 9, 9, 127], [9, 9, 9, 128]), null, [1, 0, 1]],
    [rgba(colour(0), colour(1), colour(255), colour(7)), palette, [0, 1, 0, 1]],
    [rgba([0, 0, 0, 255], [127, 127, 127, 255], [128, 128, 128, 255]), null, [0, 0, 1]],
    [rgba([0, 0, 0, 255], [1, 1, 1, 255]), null, [0, 1]],
  ];
  for (const [pixels, colours, expected] of cases) {
    assert.deepEqual([...maskOfPixels(pixels, colours)], expected);
  }
  assert.throws(() => maskOfPixels(rgba([200, 10, 10, 255]), null), InputError);
});
