/**
 * A further click keeps what is right and far from it; the twin of fctsfn_tf/predict/merging.py, which
 * explains it.
 */

import { DISK_RADIUS } from "../clicks/clickMaps.js";
import { pixelOf } from "../clicks/clicks.js";
import { EVEN_ODDS } from "./views.js";

/**
 * The network's new answer, with the earlier one where that was surer and far from the click.
 *
 * @param {Float32Array} probability [height, width], the new answer
 * @param {Float32Array} before [height, width], the earlier one in the same view
 * @param {import("../clicks/clicks.js").Click} click the latest, in pixels of the view; it may lie
 *   outside of it
 * @param {number} height
 * @param {number} width
 * @returns {Float32Array} [height, width]
 */
export function merged(probability, before, click, height, width) {
  const { regions, count } = changedRegions(probability, before, height, width);
  // How sure the new answer is of each region beside the earlier one, summed over its pixels.
  const gain = new Float64Array(count + 1);
  regions.forEach((region, i) => {
    const surer = Math.abs(probability[i] - EVEN_ODDS) - Math.abs(before[i] - EVEN_ODDS);
    gain[region] += Math.fround(surer);
  });
  const isKept = Uint8Array.from(gain, (value) => (value < 0 ? 1 : 0));
  isKept[0] = 0; // what has not changed sides
  for (const pixel of near(click, height, width)) isKept[regions[pixel]] = 0;
  return probability.map((value, i) => (isKept[regions[i]] ? before[i] : value));
}

/**
 * The regions, of pixels that touch at a side or a corner, in which two answers are on different sides of
 * one half.
 *
 * @returns {{regions: Int32Array, count: number}} [height, width] from 1 to `count`; 0 elsewhere
 */
function changedRegions(probability, before, height, width) {
  const regions = new Int32Array(height * width);
  const isNew = (i) => regions[i] === 0 && probability[i] > EVEN_ODDS !== before[i] > EVEN_ODDS;
  const open = [];
  let count = 0;
  const take = (i) => {
    if (!isNew(i)) return;
    regions[i] = count;
    open.push(i);
  };
  for (let first = 0; first < regions.length; first++) {
    if (!isNew(first)) continue;
    count++;
    take(first);
    while (open.length > 0) {
      const pixel = open.pop();
      const [row, col] = [Math.floor(pixel / width), pixel % width];
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
        for (let x = Math.max(col - 1, 0); x <= Math.min(col + 1, width - 1); x++)
          take(y * width + x);
      }
    }
  }
  return { regions, count };
}

/** The pixels of a square around a click, as wide as its disk. */
function* near(click, height, width) {
  const [row, col] = pixelOf(click);
  for (let y = Math.max(row - DISK_RADIUS, 0); y <= Math.min(row + DISK_RADIUS, height - 1); y++) {
    for (let x = Math.max(col - DISK_RADIUS, 0); x <= Math.min(col + DISK_RADIUS, width - 1); x++) {
      yield y * width + x;
    }
  }
}
