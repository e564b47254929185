/**
 * The object without its background: with hard edges, or soft ones whose colours are the object's
 * own; cropped to it, or at the photograph's size; on nothing, on a colour or on another picture.
 *
 * Soft edges are computed in a band along the mask's edge, tile by tile, so that a large photograph
 * needs no more memory than a small one:
 *
 * 1. alpha is the mask, filtered with the photograph as the guide (He, Sun, Tang: Guided Image
 *    Filtering, ECCV 2010, eq. 4 to 8), so that it follows hair and blurred edges;
 * 2. a pixel of the band is a mix of object and background. The object's colour is estimated from
 *    the blurred colours of both (Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021,
 *    eq. 5 to 7), so that nothing of the old background shines at the edge.
 */

import { InputError } from "../errors.js";
import { boundingBox } from "./masks.js";
import { picturePng } from "./png.js";

const TILE = 192;
// Half the width of the band in pixels: some, and more on large photographs, whose masks were made
// small and whose edges are blurred over more pixels.
const LEAST_RADIUS = 2;
const RADIUS_SHARE = 1 / 400; // of the longer side
const MOST_RADIUS = 12;
// Of the guided filter, for colours in [0, 1]: a contrast whose square is less counts as flat.
const EPSILON = 1e-3;
// Alpha below and above these is none and all, so that no haze is left.
const [CLEAR, FULL] = [0.08, 0.92];

/**
 * @typedef {object} Cutout
 * @property {number} top row of the photograph at which it begins
 * @property {number} left
 * @property {number} height
 * @property {number} width
 * @property {(row: number, line: Uint8Array) => void} fill writes a row, RGBA [width, 4]; alpha is
 *   not multiplied in, and a pixel that is clear is black
 *
 * @param {import("./decoding.js").Photograph} photograph
 * @param {Uint8Array} mask [height, width] of 0 and 1
 * @param {{isSoft?: boolean, isCropped?: boolean}} how
 * @returns {Cutout}
 */
export function cutoutOf(photograph, mask, { isSoft = false, isCropped = false } = {}) {
  const { data, height, width } = photograph;
  const radius = isSoft ? radiusFor(photograph) : 0;
  const inside = boundingBox(mask, height, width, 0);
  if (inside === null) {
    throw new InputError("There is no mask to save yet. Click an object first.");
  }
  const box = isCropped
    ? grown(inside, radius, height, width)
    : { top: 0, left: 0, bottom: height, right: width };
  // Tiles of a row of tiles, made when the first of their rows is asked for.
  const tiles = new Map();
  const tilesOf = (tileRow) => {
    if (!tiles.has(tileRow)) {
      tiles.clear();
      tiles.set(tileRow, softTiles(photograph, mask, tileRow, radius));
    }
    return tiles.get(tileRow);
  };
  const fill = (row, line) => {
    const y = box.top + row;
    const edges = isSoft ? tilesOf(Math.floor(y / TILE)) : [];
    for (let x = box.left, to = 0; x < box.right; x++, to += 4) {
      const tile = edges[Math.floor(x / TILE)];
      const pixel = y * width + x;
      if (tile) {
        const from = 4 * ((y % TILE) * TILE + (x % TILE));
        for (let i = 0; i < 4; i++) line[to + i] = tile[from + i];
      } else if (mask[pixel]) {
        for (let i = 0; i < 3; i++) line[to + i] = data[3 * pixel + i];
        line[to + 3] = 255;
      } else {
        line.fill(0, to, to + 4);
      }
    }
  };
  const size = { height: box.bottom - box.top, width: box.right - box.left };
  return { top: box.top, left: box.left, ...size, fill };
}

/**
 * A PNG of the object alone. Pixels off the object are transparent and black: nothing of the
 * background is left in the file.
 *
 * @param {import("./decoding.js").Photograph} photograph
 * @param {Uint8Array} mask [height, width] of 0 and 1
 * @param {{isSoft?: boolean, isCropped?: boolean}} [how]
 * @returns {Promise<Blob>}
 */
export function cutoutPng(photograph, mask, how) {
  const { height, width, fill } = cutoutOf(photograph, mask, how);
  return picturePng(height, width, 4, fill);
}

/**
 * A PNG of the object on a background.
 *
 * @param {Cutout} cutout
 * @param {(row: number, col: number) => ArrayLike<number>} colourAt the background's [R, G, B]
 * @returns {Promise<Blob>}
 */
export function overPng({ height, width, fill }, colourAt) {
  const rgba = new Uint8Array(4 * width);
  return picturePng(height, width, 3, (row, line) => {
    fill(row, rgba);
    for (let col = 0; col < width; col++) {
      const [alpha, below] = [rgba[4 * col + 3] / 255, colourAt(row, col)];
      for (let i = 0; i < 3; i++) {
        line[3 * col + i] = Math.round(alpha * rgba[4 * col + i] + (1 - alpha) * below[i]);
      }
    }
  });
}

/** Half the width of the band in which edges are soft, in pixels. */
export function radiusFor({ height, width }) {
  const share = Math.round(Math.max(height, width) * RADIUS_SHARE);
  return Math.min(Math.max(share, LEAST_RADIUS), MOST_RADIUS);
}

function grown({ top, left, bottom, right }, by, height, width) {
  return {
    top: Math.max(0, top - by),
    left: Math.max(0, left - by),
    bottom: Math.min(height, bottom + by),
    right: Math.min(width, right + by),
  };
}

/** The tiles of a row of tiles, RGBA [TILE, TILE, 4]; null where none of the mask's edge is near. */
function softTiles(photograph, mask, tileRow, radius) {
  const { height, width } = photograph;
  return Array.from({ length: Math.ceil(width / TILE) }, (_, tileCol) => {
    const [top, left] = [tileRow * TILE, tileCol * TILE];
    const tile = {
      top,
      left,
      bottom: Math.min(top + TILE, height),
      right: Math.min(left + TILE, width),
    };
    const near = grown(tile, radius, height, width);
    return isUniform(mask, width, near) ? null : softTile(photograph, mask, tile, radius);
  });
}

function isUniform(mask, width, { top, left, bottom, right }) {
  const first = mask[top * width + left];
  for (let row = top; row < bottom; row++) {
    for (let i = row * width + left; i < row * width + right; i++) {
      if (mask[i] !== first) return false;
    }
  }
  return true;
}

function softTile(photograph, mask, tile, radius) {
  const { height, width } = photograph;
  const colourRadius = 2 * radius + 1;
  // All that the pixels of the tile depend on.
  const box = grown(tile, 2 * radius + colourRadius, height, width);
  const size = { height: box.bottom - box.top, width: box.right - box.left };
  const planes = planesOf(photograph, mask, box, size);
  const alpha = softAlpha(planes, size, radius);
  const colours = foreground(planes, alpha, size, colourRadius);
  const rgba = new Uint8Array(4 * TILE * TILE);
  for (let row = tile.top; row < tile.bottom; row++) {
    for (let col = tile.left; col < tile.right; col++) {
      const from = (row - box.top) * size.width + (col - box.left);
      const to = 4 * ((row - tile.top) * TILE + (col - tile.left));
      const opacity = Math.round(255 * alpha[from]);
      if (opacity === 0) continue;
      for (let i = 0; i < 3; i++) rgba[to + i] = Math.round(255 * colours[i][from]);
      rgba[to + 3] = opacity;
    }
  }
  return rgba;
}

/** The box' mask, and its red, green and blue in [0, 1]. */
function planesOf({ data, width }, mask, box, size) {
  const make = () => new Float32Array(size.height * size.width);
  const planes = { mask: make(), colours: [make(), make(), make()] };
  for (let row = box.top, to = 0; row < box.bottom; row++) {
    for (let col = box.left; col < box.right; col++, to++) {
      const pixel = row * width + col;
      planes.mask[to] = mask[pixel];
      for (let i = 0; i < 3; i++) planes.colours[i][to] = data[3 * pixel + i] / 255;
    }
  }
  return planes;
}

/** The mask, filtered with the brightness as the guide in a band along its edge. */
function softAlpha({ mask, colours }, size, radius) {
  const [red, green, blue] = colours;
  const guide = mask.map((_, i) => 0.299 * red[i] + 0.587 * green[i] + 0.114 * blue[i]);
  const mean = (values) => boxMean(values, size, radius);
  const [meanMask, meanGuide] = [mean(mask), mean(guide)];
  const meanBoth = mean(mask.map((value, i) => value * guide[i]));
  const meanSquare = mean(guide.map((value) => value * value));
  const slope = mask.map((_, i) => {
    const variance = meanSquare[i] - meanGuide[i] ** 2;
    return (meanBoth[i] - meanMask[i] * meanGuide[i]) / (variance + EPSILON);
  });
  const offset = mask.map((_, i) => meanMask[i] - slope[i] * meanGuide[i]);
  const [meanSlope, meanOffset] = [mean(slope), mean(offset)];
  return mask.map((value, i) => {
    // Beside the band the mask is what the person saw.
    if (meanMask[i] < 1e-6 || meanMask[i] > 1 - 1e-6) return value;
    const alpha = meanSlope[i] * guide[i] + meanOffset[i];
    return Math.min(Math.max((alpha - CLEAR) / (FULL - CLEAR), 0), 1);
  });
}

/** The object's own colours, where they are mixed with the background's. */
function foreground({ colours }, alpha, size, radius) {
  const weight = boxMean(alpha, size, radius);
  return colours.map((colour) => {
    const front = boxMean(
      colour.map((value, i) => value * alpha[i]),
      size,
      radius,
    );
    const back = boxMean(
      colour.map((value, i) => value * (1 - alpha[i])),
      size,
      radius,
    );
    return colour.map((value, i) => {
      if (alpha[i] === 0 || alpha[i] === 1) return value;
      const own = front[i] / Math.max(weight[i], 1e-5);
      const other = back[i] / Math.max(1 - weight[i], 1e-5);
      const rest = value - alpha[i] * own - (1 - alpha[i]) * other;
      return Math.min(Math.max(own + alpha[i] * rest, 0), 1);
    });
  });
}

/** Means over squares of 2 radius + 1 pixels, of what of them lies inside. */
function boxMean(values, { height, width }, radius) {
  const across = new Float32Array(values.length);
  for (let row = 0; row < height; row++) {
    runningMean(values, across, row * width, 1, width, radius);
  }
  const both = new Float32Array(values.length);
  for (let col = 0; col < width; col++) runningMean(across, both, col, width, height, radius);
  return both;
}

function runningMean(from, to, start, step, count, radius) {
  let sum = 0;
  for (let i = 0; i < Math.min(radius, count); i++) sum += from[start + i * step];
  for (let i = 0; i < count; i++) {
    if (i + radius < count) sum += from[start + (i + radius) * step];
    if (i - radius > 0) sum -= from[start + (i - radius - 1) * step];
    const number = Math.min(i + radius, count - 1) - Math.max(i - radius, 0) + 1;
    to[start + i * step] = sum / number;
  }
}
