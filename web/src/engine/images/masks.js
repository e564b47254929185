/**
 * Masks of several objects in one array; the twin of fctsfn_tf/images/masks.py.
 *
 * A mask is a Uint8Array [height, width] of 0 and 1. Several objects are a list of masks, which may
 * overlap, or an index map: 0 for the background, then 1, 2, … per object.
 *
 * @typedef {{top: number, left: number, bottom: number, right: number}} Box rows in [top, bottom),
 *   columns in [left, right)
 */

import { InputError } from "../errors.js";

// 255 is PASCAL VOC's index of pixels that are ignored.
export const MAX_OBJECTS = 254;

/**
 * The bounding box of the pixels whose value is above `threshold`; null where none is.
 *
 * @returns {Box | null}
 */
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

/** Refuse more objects than an index map can hold, and none. */
export function checkNumber(masks) {
  if (masks.length < 1 || masks.length > MAX_OBJECTS) {
    throw new InputError(
      `There must be 1 to ${MAX_OBJECTS} objects. Click one first. Received ${masks.length}.`,
    );
  }
}
