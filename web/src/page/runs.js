/**
 * Masks as run lengths, row by row: how many 0s, then how many 1s, and so on in turn. A mask of 24
 * megapixels takes some ten kilobytes so.
 *
 * @typedef {Uint32Array} Runs
 */

/** @param {Uint8Array} mask of 0 and 1 @returns {Runs} */
export function runsOf(mask) {
  const runs = [];
  let [value, start] = [0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === value) continue;
    runs.push(i - start);
    [value, start] = [mask[i], i];
  }
  runs.push(mask.length - start);
  return Uint32Array.from(runs);
}

/** Fill the pixels of a mask with a value. @param {Uint8Array} out @param {Runs} runs */
export function paintRuns(out, runs, value) {
  let start = 0;
  for (let i = 0; i < runs.length; i++) {
    if (i % 2 === 1) out.fill(value, start, start + runs[i]);
    start += runs[i];
  }
}

/** @param {Runs} runs @param {number} length pixels @returns {Uint8Array} of 0 and 1 */
export function maskOfRuns(runs, length) {
  const mask = new Uint8Array(length);
  paintRuns(mask, runs, 1);
  return mask;
}

/** Pixels of the mask. @param {Runs} runs */
export function areaOfRuns(runs) {
  return runs.reduce((sum, run, i) => sum + (i % 2 ? run : 0), 0);
}

/** 0 or 1 at a pixel. @param {Runs} runs @param {number} pixel */
export function valueAt(runs, pixel) {
  let end = 0;
  for (let i = 0; i < runs.length; i++) {
    end += runs[i];
    if (pixel < end) return i % 2;
  }
  return 0;
}
