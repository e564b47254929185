/**
 * The part of a photograph that the network sees: the whole of it, or a box around the object; the
 * twin of fctsfn_tf/predict/views.py, which explains the rules and their sources.
 *
 * @typedef {import("../images/masks.js").Box} Box
 * @typedef {import("../images/decoding.js").Photograph} Photograph
 * @typedef {{box: Box, height: number, width: number}} View a box of the photograph and the size of
 *   the network's input that it is resized to
 * @typedef {object} Config the preset's predictor settings; fctsfn_tf/predict/config.py explains them
 * @property {keyof typeof import("../clicks/clickMaps.js").CLICK_ENCODINGS} click_encoding
 * @property {number} working_size
 * @property {boolean} [enlarge] true where a manifest does not say
 * @property {number} threshold
 * @property {number} [look_again]
 * @property {number} [look_closer]
 * @property {boolean} [keep_far]
 * @property {boolean} [graph_cut]
 * @property {boolean} zoom_in
 * @property {number} zoom_expansion
 * @property {number} zoom_min_size
 * @property {number} zoom_keep_iou
 * @property {number} zoom_min_gain
 *
 * @typedef {{data: Float32Array, height: number, width: number}} Plane [height, width], in [0, 1]
 * @typedef {import("./rendering.js").Rendering} Rendering the same, of which `data` holds some rows
 */

import { pixelOf, scaled, shifted } from "../clicks/clicks.js";
import { boundingBox } from "../images/masks.js";
import { resize, resizeInto, roundHalfEven } from "../images/resize.js";

// Both sides of the network's input are multiples of its coarsest stride.
export const SIDE_MULTIPLE = 32;
// More likely object than not: what the zoom-in box is put around (RITM: `prob_thresh=0.5`).
export const EVEN_ODDS = 0.5;
// A box whose side is object for more than this share cuts the object off; less is a stray pixel.
export const CUT_OFF_SHARE = 0.05;
// Each closer view has this share of the side of the one before.
export const CLOSER_SHARE = 0.59;
// Longer side of the closest view, in pixels of the photograph; below, enlarging shows nothing more.
export const CLOSEST_SIDE = 96;

/** The view of a whole photograph. */
export function wholeView(height, width, config) {
  return viewOf({ top: 0, left: 0, bottom: height, right: width }, config);
}

/** Whether two views see the same box. */
export function sameView(a, b) {
  return ["top", "left", "bottom", "right"].every((side) => a.box[side] === b.box[side]);
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer, inner) {
  return (
    outer.top <= inner.top &&
    outer.left <= inner.left &&
    outer.bottom >= inner.bottom &&
    outer.right >= inner.right
  );
}

/**
 * The network's image of a view.
 *
 * @param {Photograph} photograph
 * @returns {Float32Array} [view.height, view.width, 3] in [0, 255]
 */
export function imageIn(view, photograph) {
  const source = sourceOf(photograph, view.box, 3);
  return Float32Array.from(resize(source, view.height, view.width));
}

/** A click of the photograph in pixels of the network's input; it may lie outside of it. */
export function clickIn(view, click) {
  const { box } = view;
  const inBox = shifted(click, -box.top, -box.left);
  return scaled(inBox, view.height / (box.bottom - box.top), view.width / (box.right - box.left));
}

/**
 * The network's previous probability of a view.
 *
 * @param {Plane | Rendering} probability of the photograph
 * @returns {Float32Array} [view.height, view.width]
 */
export function probabilityIn(view, probability) {
  return resize(sourceOf(probability, view.box, 1), view.height, view.width);
}

/**
 * Write the network's probability back into the photograph's, in place.
 *
 * @param {Float32Array} answer [view.height, view.width]
 * @param {Plane} strip rows of the photograph's; changed inside the box, outside it stays what it was
 * @param {number} first the strip's first row in the photograph
 */
export function paste(view, answer, strip, first = 0) {
  const { box, height, width } = view;
  const top = Math.max(box.top, first);
  const bottom = Math.min(box.bottom, first + strip.height);
  if (top >= bottom) return;
  const source = { data: answer, stride: width, offset: 0, height, width, channels: 1 };
  const target = {
    data: strip.data,
    stride: strip.width,
    offset: (top - first) * strip.width + box.left,
    height: box.bottom - box.top,
    width: box.right - box.left,
  };
  resizeInto(source, target, top - box.top, bottom - box.top);
}

/**
 * The view for the next click, given what is known of the object.
 *
 * @param {View} view the present one
 * @param {Plane | Rendering} probability before the next click, or of a start mask
 * @param {import("../clicks/clicks.js").Click[]} clicks all of them, the next one included
 * @param {Config} config
 * @returns {View} the whole photograph where nothing is known of the object yet
 */
export function nextView(view, probability, clicks, config) {
  const { height, width } = probability;
  const whole = wholeView(height, width, config);
  const box = config.zoom_in ? objectBox(probability, clicks, config) : null;
  if (box === null) return whole;
  const isZoomedIn = !sameView(view, whole);
  if (isZoomedIn && iou(view.box, box) > config.zoom_keep_iou && holds(view.box, clicks)) {
    return view;
  }
  const side = Math.max(box.bottom - box.top, box.right - box.left);
  if (Math.max(height, width) < config.zoom_min_gain * side) return whole;
  return viewOf(box, config);
}

/**
 * Crops around a click, each finer than the one before, at most `config.look_closer`.
 *
 * @param {import("../clicks/clicks.js").Click} click in pixels of the photograph
 * @param {number} height of the photograph
 * @param {number} width
 * @param {Config} config
 * @returns {View[]}
 */
export function closerViews(click, height, width, config) {
  const views = [];
  const [row, col] = pixelOf(click);
  const longer = Math.max(height, width);
  // Within the photograph's shape as far as it is not longer than 2 : 1.
  const shape = Math.max(0.5, Math.min(height, width) / longer);
  let side = longer;
  for (let i = 0; i < (config.look_closer ?? 0); i++) {
    side *= CLOSER_SHARE;
    if (side < CLOSEST_SIDE) break;
    const [tall, wide] = width >= height ? [side * shape, side] : [side, side * shape];
    const [top, bottom] = around(row, roundHalfEven(tall), height);
    const [left, right] = around(col, roundHalfEven(wide), width);
    views.push(viewOf({ top, left, bottom, right }, config));
  }
  return views;
}

/**
 * Whether the object runs on beyond the box of a zoom-in, where the network could not see it.
 *
 * @param {Float32Array} answer [view.height, view.width], the network's probability
 * @param {number} height of the photograph
 * @param {number} width
 */
export function isCutOff(view, answer, height, width) {
  const { box } = view;
  const [rows, cols] = [view.height, view.width];
  const isSideObject = (first, step, count) => {
    let inside = 0;
    for (let i = 0; i < count; i++) if (answer[first + i * step] > EVEN_ODDS) inside++;
    return inside / count > CUT_OFF_SHARE;
  };
  return (
    (box.top > 0 && isSideObject(0, 1, cols)) ||
    (box.left > 0 && isSideObject(0, cols, rows)) ||
    (box.bottom < height && isSideObject((rows - 1) * cols, 1, cols)) ||
    (box.right < width && isSideObject(cols - 1, cols, rows))
  );
}

function viewOf(box, config) {
  const [height, width] = [box.bottom - box.top, box.right - box.left];
  const fitting = config.working_size / Math.max(height, width);
  const scale = config.enlarge === false ? Math.min(fitting, 1) : fitting;
  return { box, height: roundedSide(height * scale), width: roundedSide(width * scale) };
}

function roundedSide(side) {
  return Math.max(1, roundHalfEven(side / SIDE_MULTIPLE)) * SIDE_MULTIPLE;
}

/** A box of an array as what `resize` reads. */
function sourceOf(array, box, channels) {
  const { data, width } = array;
  const seek = array.seek && ((row) => array.seek(box.top + row) + box.left * channels);
  return {
    seek,
    data,
    stride: width * channels,
    offset: (box.top * width + box.left) * channels,
    height: box.bottom - box.top,
    width: box.right - box.left,
    channels,
  };
}

/** Intersection over union of two boxes. */
function iou(a, b) {
  const area = (box) => (box.bottom - box.top) * (box.right - box.left);
  const rows = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const cols = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const intersection = Math.max(0, rows) * Math.max(0, cols);
  return intersection / (area(a) + area(b) - intersection);
}

/** Whether every positive click lies in the box. */
function holds(box, clicks) {
  return positivePixels(clicks).every(
    ([row, col]) => box.top <= row && row < box.bottom && box.left <= col && col < box.right,
  );
}

function positivePixels(clicks) {
  return clicks.filter((click) => click.isPositive).map(pixelOf);
}

/** The enlarged box around the object, or null where no pixel is likely to be object. */
function objectBox(probability, clicks, config) {
  const { height, width } = probability;
  const box =
    "box" in probability
      ? probability.box
      : boundingBox(probability.data, height, width, EVEN_ODDS);
  if (box === null) return null;
  const positives = positivePixels(clicks);
  const rows = [box.top, box.bottom - 1, ...positives.map(([row]) => row)];
  const cols = [box.left, box.right - 1, ...positives.map(([, col]) => col)];
  const [top, bottom] = enlarged(Math.min(...rows), Math.max(...rows) + 1, height, config);
  const [left, right] = enlarged(Math.min(...cols), Math.max(...cols) + 1, width, config);
  return { top, left, bottom, right };
}

/** [first, end) enlarged about its middle, inside [0, size). */
function enlarged(first, end, size, config) {
  const wanted = Math.max((end - first) * config.zoom_expansion, config.zoom_min_size);
  const length = Math.min(roundHalfEven(wanted), size);
  const middle = roundHalfEven((first + end - length) / 2);
  const start = Math.min(Math.max(middle, 0), size - length);
  return [start, start + length];
}

/** [first, end) of a length about a pixel, moved inside [0, size). */
function around(position, wanted, size) {
  const length = Math.min(wanted, size);
  const start = Math.min(Math.max(position - Math.floor(length / 2), 0), size - length);
  return [start, start + length];
}
