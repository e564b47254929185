/** Masks of several objects from a file: a COCO instances file, an index PNG, or one mask. */

import { InputError } from "../errors.js";
import { decodeMaskPixels, hasColours, maskOfPixels } from "./decoding.js";
import { MAX_OBJECTS } from "./masks.js";
import { decodeRle, maskOfRunLengths } from "./runLengths.js";

// VOC's index of pixels to be ignored.
const VOID = 255;

/** @typedef {{name: string, mask: Uint8Array}} NamedMask [height, width] of 0 and 1 */

/**
 * @param {Blob} file
 * @param {number} height of the photograph it belongs to
 * @param {number} width
 * @returns {Promise<NamedMask[]>} at least one, none of them empty
 */
export async function readMasks(file, height, width) {
  const first = new TextDecoder().decode(await file.slice(0, 64).arrayBuffer());
  const masks = /^\uFEFF?\s*[{[]/.test(first)
    ? cocoMasks(await parsed(file), height, width)
    : await pictureMasks(file, height, width);
  const full = masks.filter(({ mask }) => mask.includes(1));
  if (full.length === 0) {
    throw new InputError(
      "A start mask must hold at least one pixel of the object. Received an empty mask.",
    );
  }
  if (full.length > MAX_OBJECTS) {
    throw new InputError(
      `There can be ${MAX_OBJECTS} objects in a photograph. Received ${full.length}.`,
    );
  }
  return full;
}

async function parsed(file) {
  try {
    return JSON.parse((await file.text()).replace(/^\uFEFF/, ""));
  } catch {
    throw new InputError("This JSON file is broken. Export it again.");
  }
}

async function pictureMasks(file, height, width) {
  const { rgba, palette } = await decodeMaskPixels(file, height, width);
  const isOpaque = rgba.every((value, i) => i % 4 !== 3 || value === 255);
  if (palette === null || !hasColours(palette) || !isOpaque) {
    return [{ name: "", mask: maskOfPixels(rgba, palette) }];
  }
  return indexMasks(rgba, palette);
}

/**
 * One mask per index of an index PNG but for 0 and 255, in the order of the indices.
 *
 * @param {Uint8Array} rgba [N, 4] the colours of the palette
 * @param {Uint8Array} palette [M, 3]
 */
export function indexMasks(rgba, palette) {
  const indices = new Map();
  for (let i = palette.length / 3 - 1; i >= 0; i--) {
    indices.set((palette[3 * i] << 16) | (palette[3 * i + 1] << 8) | palette[3 * i + 2], i);
  }
  const masks = new Map();
  for (let i = 0; i < rgba.length; i += 4) {
    const index = indices.get((rgba[i] << 16) | (rgba[i + 1] << 8) | rgba[i + 2]);
    if (index === 0 || index === VOID) continue;
    if (!masks.has(index)) masks.set(index, new Uint8Array(rgba.length / 4));
    masks.get(index)[i / 4] = 1;
  }
  return [...masks].sort(([a], [b]) => a - b).map(([, mask]) => ({ name: "", mask }));
}

/**
 * The objects of a COCO instances file whose image has the photograph's size.
 *
 * @param {any} content of the file; segmentations may be polygons, run lengths or their string
 * @returns {NamedMask[]}
 */
export function cocoMasks(content, height, width) {
  if (!Array.isArray(content?.images) || !Array.isArray(content.annotations)) {
    throw new InputError(
      "A JSON file with masks must be a COCO instances file, with “images” and “annotations”.",
    );
  }
  const images = content.images.filter((one) => one.height === height && one.width === width);
  if (images.length !== 1) {
    const sizes = content.images.map((one) => `${one.width} × ${one.height}`).slice(0, 3);
    throw new InputError(
      `The COCO file must hold one image of the photograph's size, ${width} × ${height} pixels. ` +
        `It holds ${images.length}, and ${content.images.length} in all: ${sizes.join(", ")}.`,
    );
  }
  const names = new Map((content.categories ?? []).map(({ id, name }) => [id, String(name)]));
  return content.annotations
    .filter(({ image_id }) => image_id === images[0].id)
    .map(({ segmentation, category_id }) => ({
      name: names.get(category_id) ?? "object",
      mask: maskOfSegmentation(segmentation, height, width),
    }));
}

function maskOfSegmentation(segmentation, height, width) {
  if (Array.isArray(segmentation)) {
    const mask = new Uint8Array(height * width);
    for (const polygon of segmentation) fillPolygon(mask, height, width, polygon);
    return mask;
  }
  const { counts } = segmentation ?? {};
  const lengths = typeof counts === "string" ? decodeRle(counts) : counts;
  const sum = Array.isArray(lengths) ? lengths.reduce((total, one) => total + one, 0) : -1;
  if (sum !== height * width || lengths.some((one) => !(one >= 0))) {
    throw new InputError(
      "A segmentation of the COCO file does not fit its image: its run lengths must sum to " +
        `${height * width}. Received ${sum}.`,
    );
  }
  return maskOfRunLengths(lengths, height, width);
}

/**
 * Set the pixels whose middle lies in a polygon, by the even–odd rule.
 *
 * @param {Uint8Array} mask [height, width]
 * @param {number[]} polygon x, y, x, y, … where (0, 0) is the corner of the first pixel
 */
export function fillPolygon(mask, height, width, polygon) {
  const count = Math.floor(polygon.length / 2);
  for (let row = 0; row < height; row++) {
    const y = row + 0.5;
    const crossings = [];
    for (let i = 0; i < count; i++) {
      const [x0, y0] = [polygon[2 * i], polygon[2 * i + 1]];
      const next = (i + 1) % count;
      const [x1, y1] = [polygon[2 * next], polygon[2 * next + 1]];
      if (y0 <= y !== y1 <= y) crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
    }
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const to = Math.min(width, Math.ceil(crossings[i + 1] - 0.5));
      if (from < to) mask.fill(1, row * width + from, row * width + to);
    }
  }
}
