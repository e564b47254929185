/**
 * The probability of an object at the photograph's size, made of what the network answered in its views,
 * a strip of rows at a time: of a photograph of 24 megapixels the whole would take 96 MB at every click.
 *
 * @typedef {import("./predictor.js").Layer} Layer
 */

import { pixelOf } from "../clicks/clicks.js";
import { boundingBox } from "../images/masks.js";
import { EVEN_ODDS, paste } from "./views.js";

// Pixels that are held at once; photographs that are not larger are made but once.
const STRIP_PIXELS = 2 ** 22;

export class Rendering {
  /**
   * @param {{height: number, width: number}} size of the photograph
   * @param {object} what
   * @param {Uint8Array | null} what.start mask to start from, [height, width] of 0 and 1
   * @param {Layer[]} what.layers each over the ones before it
   * @param {import("../clicks/clicks.js").Click[]} what.clicks whose pixels are on their side
   * @param {number} [stripPixels]
   */
  constructor({ height, width }, { start, layers, clicks }, stripPixels = STRIP_PIXELS) {
    this.height = height;
    this.width = width;
    this.#start = start;
    this.#layers = layers;
    this.#clicks = clicks;
    this.#rows = Math.min(height, Math.max(1, Math.floor(stripPixels / width)));
  }

  #start;
  #layers;
  #clicks;
  #rows; // of a strip
  #first = -1; // row of the strip that is held
  #held = null; // Float32Array
  #box = undefined;

  /** What `seek` finds its place in: the same array as long as this lives. */
  get data() {
    this.#held ??= new Float32Array(this.#rows * this.width);
    return this.#held;
  }

  /** Make sure that a row is held; where in `data` it begins. */
  seek(row) {
    const first = row - (row % this.#rows);
    if (first !== this.#first) this.#fill(first);
    return (row - first) * this.width;
  }

  /** Float32Array [height, width] in [0, 1], a copy. */
  all() {
    const all = new Float32Array(this.height * this.width);
    for (const { first, data } of this.#strips()) all.set(data, first * this.width);
    return all;
  }

  /** Uint8Array [height, width]: 1 where the probability is above a threshold. */
  mask(threshold) {
    const mask = new Uint8Array(this.height * this.width);
    for (const { first, data } of this.#strips()) {
      const start = first * this.width;
      for (let i = 0; i < data.length; i++) mask[start + i] = data[i] > threshold ? 1 : 0;
    }
    return mask;
  }

  /** The box of what is more likely object than not; null where nothing is. */
  get box() {
    if (this.#box === undefined) for (const _ of this.#strips());
    return this.#box;
  }

  /** All strips, one after the other; on the way the box is measured. */
  *#strips() {
    let all = null;
    for (let first = 0; first < this.height; first += this.#rows) {
      this.seek(first);
      const rows = Math.min(this.#rows, this.height - first);
      const data = this.data.subarray(0, rows * this.width);
      if (this.#box === undefined) {
        all = joined(all, boundingBox(data, rows, this.width, EVEN_ODDS), first);
      }
      yield { first, data };
    }
    this.#box ??= all;
  }

  #fill(first) {
    const { data, width } = this;
    const start = first * width;
    if (this.#start === null) data.fill(0);
    else data.set(this.#start.subarray(start, Math.min(start + data.length, this.#start.length)));
    const strip = { data, width, height: Math.min(this.#rows, this.height - first) };
    for (const { view, probability } of this.#layers) paste(view, probability, strip, first);
    for (const click of this.#clicks) {
      const [row, col] = pixelOf(click);
      if (row < first || row >= first + strip.height) continue;
      data[(row - first) * width + col] = click.isPositive ? 1 : 0;
    }
    this.#first = first;
  }
}

/** A box and another one, whose rows count from `first`; either may be null. */
function joined(box, other, first) {
  if (other === null) return box;
  const moved = { ...other, top: other.top + first, bottom: other.bottom + first };
  if (box === null) return moved;
  return {
    top: box.top,
    left: Math.min(box.left, moved.left),
    bottom: moved.bottom,
    right: Math.max(box.right, moved.right),
  };
}
