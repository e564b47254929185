/**
 * Masks as what other tools read; the twin of what writes masks in fctsfn_tf/images/.
 *
 * A mask is a Uint8Array [height, width] of 0 and 1. Several objects are a list of masks, which may
 * overlap, or an index map: 0 for the background, then 1, 2, … per object.
 *
 * @typedef {{top: number, left: number, bottom: number, right: number}} Box rows in [top, bottom),
 *   columns in [left, right)
 */

import { InputError } from "../errors.js";
import { maskPolygons } from "./polygons.js";

// 255 is PASCAL VOC's index of pixels that are ignored.
export const MAX_OBJECTS = 254;
const DEFAULT_NAME = "object";

/** The bounding box of the pixels whose value is above `threshold`; null where none is. @returns {Box | null} */
export function boundingBox(data, height, width, threshold) {
  let [top, left, bottom, right] = [height, width, 0, 0];
  for (let row = 0; row < height; row++) {
    const start = row * width;
    let first = 0;
    while (first < width && !(data[start + first] > threshold)) first++;
    if (first === width) continue;
    let last = width - 1;
    while (!(data[start + last] > threshold)) last--;
    top = Math.min(top, row);
    bottom = row + 1;
    left = Math.min(left, first);
    right = Math.max(right, last + 1);
  }
  return bottom === 0 ? null : { top, left, bottom, right };
}

/** uint8 [height, width]: 0 background, i for object i; where objects overlap, the later one. */
export function indexMap(masks) {
  checkNumber(masks);
  const index = new Uint8Array(masks[0].length);
  masks.forEach((mask, number) => {
    for (let i = 0; i < index.length; i++) if (mask[i]) index[i] = number + 1;
  });
  return index;
}

/** PASCAL VOC's colours, uint8 [256, 3]: the bits of the index dealt to R, G, B in turn. */
export function vocPalette() {
  const palette = new Uint8Array(256 * 3);
  for (let index = 0; index < 256; index++) {
    for (let bit = 0; bit < 8; bit++) {
      const level = 7 - Math.floor(bit / 3);
      palette[3 * index + (bit % 3)] |= ((index >> bit) & 1) << level;
    }
  }
  return palette;
}

/**
 * Run lengths of a mask down its columns, beginning with the background.
 *
 * @returns {number[]} that sum to height × width
 */
export function runLengths(mask, height, width) {
  const counts = [];
  let [value, length] = [0, 0];
  for (let col = 0; col < width; col++) {
    for (let row = 0, i = col; row < height; row++, i += width) {
      if (mask[i] === value) {
        length++;
        continue;
      }
      counts.push(length);
      [value, length] = [mask[i], 1];
    }
  }
  counts.push(length);
  return counts;
}

/** The mask of run lengths; the inverse of `runLengths`. */
export function maskOfRunLengths(counts, height, width) {
  const mask = new Uint8Array(height * width);
  let start = 0;
  counts.forEach((count, i) => {
    if (i % 2 === 1) {
      let [row, col] = [start % height, Math.floor(start / height)];
      for (let left = count; left > 0; left--) {
        mask[row * width + col] = 1;
        row++;
        if (row === height) [row, col] = [0, col + 1];
      }
    }
    start += count;
  });
  return mask;
}

/**
 * COCO's compressed run lengths: {size: [height, width], counts: string}.
 *
 * From the third on, each is stored as the difference to the last but one, in little-endian groups
 * of 5 bits of two's complement; bit 5 says that another group follows, and 48 makes the group a
 * printable character (the COCO API's `maskApi.c`, re-written from the format).
 */
export function encodeRle(counts, height, width) {
  let text = "";
  counts.forEach((count, i) => {
    let value = i > 2 ? count - counts[i - 2] : count;
    for (let isOpen = true; isOpen;) {
      const group = value & 31;
      value >>= 5;
      isOpen = value !== (group & 16 ? -1 : 0);
      text += String.fromCharCode(group + (isOpen ? 32 : 0) + 48);
    }
  });
  return { size: [height, width], counts: text };
}

/**
 * A COCO instances file of one photograph, as `fctsfn segment --coco` writes it.
 *
 * @param {Uint8Array[]} masks the annotation of object i (from 1) has id i; empty ones have none
 * @param {string} imageName the photograph's file name
 * @param {string[]} names one per object, which becomes its category
 * @returns {string} JSON
 */
export function cocoJson(masks, height, width, imageName, names) {
  checkNumber(masks);
  const labels = masks.map((_, i) => names[i] || DEFAULT_NAME);
  const categories = [...new Set(labels)];
  const annotations = masks.flatMap((mask, i) => {
    const annotation = annotationOf(mask, height, width);
    if (annotation === null) return [];
    const id = i + 1;
    return [{ id, image_id: 1, category_id: categories.indexOf(labels[i]) + 1, ...annotation }];
  });
  const content = {
    info: { description: "Written by fctsfn_tf" },
    images: [{ id: 1, file_name: imageName, height, width }],
    annotations,
    categories: categories.map((name, i) => ({ id: i + 1, name })),
  };
  return JSON.stringify(content) + "\n";
}

/** What COCO says of one mask; null where it is empty. */
function annotationOf(mask, height, width) {
  const box = boundingBox(mask, height, width, 0);
  if (box === null) return null;
  const counts = runLengths(mask, height, width);
  return {
    segmentation: encodeRle(counts, height, width),
    polygons: maskPolygons(mask, height, width).map((polygon) => polygon.flat()),
    bbox: [box.left, box.top, box.right - box.left, box.bottom - box.top],
    area: counts.reduce((sum, count, i) => sum + (i % 2 ? count : 0), 0),
    iscrowd: 0,
  };
}

function checkNumber(masks) {
  if (masks.length < 1 || masks.length > MAX_OBJECTS) {
    throw new InputError(
      `There must be 1 to ${MAX_OBJECTS} objects. Click one first. Received ${masks.length}.`,
    );
  }
}
