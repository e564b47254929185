/**
 * Clicks → the maps that the interaction stream reads; the twin of fctsfn_tf/clicks/click_maps.py.
 *
 * Two encodings: the paper's Euclidean distance maps (Eq. 1) and RITM's disks. Maps are Float32Array
 * in the order [height, width, channels] and change in place, only near the new click.
 */

// Eq. 1: "The pixel values in positive and negative interaction maps are truncated to 255."
export const TRUNCATION = 255;
// Radius of the disks in pixels of the network's input (RITM, §3.1: disks of radius 5).
export const DISK_RADIUS = 5;
// Channels of the click maps under each encoding: disks come with the previous probability.
export const CLICK_ENCODINGS = { disks_and_previous: 3, distances: 2 };

/** Maps [height, width, CLICK_ENCODINGS[encoding]] without any click. */
export function emptyMaps(height, width, encoding) {
  const maps = new Float32Array(height * width * CLICK_ENCODINGS[encoding]);
  return encoding === "distances" ? maps.fill(TRUNCATION) : maps;
}

/**
 * Take one more click into the maps.
 *
 * @param {Float32Array} maps [height, width, channels], changed in place
 * @param {import("./clicks.js").Click} click in pixels of the maps; it may lie outside of them
 */
export function addClick(maps, height, width, encoding, click) {
  const isDisk = encoding !== "distances";
  const reach = isDisk ? DISK_RADIUS : TRUNCATION;
  const channels = CLICK_ENCODINGS[encoding];
  const channel = click.isPositive ? 0 : 1;
  const [top, bottom] = range(click.row, reach, height);
  const [left, right] = range(click.col, reach, width);
  for (let row = top; row < bottom; row++) {
    for (let col = left; col < right; col++) {
      const squared = (row - click.row) ** 2 + (col - click.col) ** 2;
      const index = (row * width + col) * channels + channel;
      if (!isDisk) maps[index] = Math.min(maps[index], Math.sqrt(squared));
      else if (squared <= DISK_RADIUS ** 2) maps[index] = 1;
    }
  }
}

/** The half-open range of pixels within `reach` of a position along one axis. */
function range(position, reach, size) {
  const first = Math.min(Math.max(Math.ceil(position - reach), 0), size);
  const last = Math.min(Math.max(Math.floor(position + reach) + 1, first), size);
  return [first, last];
}
