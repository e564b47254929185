/** What a person does to a mask by hand: fill its holes, keep its largest part, paint and erase. */

/**
 * @typedef {{width: number, height: number}} Size
 * @typedef {Uint8Array} Mask [height, width] of 0 and 1
 */

/**
 * The mask with every hole filled: background from which no way along pixels' edges leads out of the
 * photograph.
 *
 * @param {Mask} mask
 * @param {Size} size
 * @returns {Mask}
 */
export function withoutHoles(mask, size) {
  const { width, height } = size;
  const outside = new Uint8Array(mask.length);
  const border = [];
  for (let col = 0; col < width; col++) border.push(col, (height - 1) * width + col);
  for (let row = 0; row < height; row++) border.push(row * width, row * width + width - 1);
  for (const pixel of border) if (!outside[pixel]) flood(mask, size, pixel, 0, outside);
  return outside.map((isOutside) => 1 - isOutside);
}

/**
 * Of the parts whose pixels hang together at their edges, the largest.
 *
 * @param {Mask} mask
 * @param {Size} size
 * @returns {Mask}
 */
export function largestPart(mask, size) {
  const seen = new Uint8Array(mask.length);
  let [best, most] = [-1, 0];
  for (let pixel = 0; pixel < mask.length; pixel++) {
    if (!mask[pixel] || seen[pixel]) continue;
    const count = flood(mask, size, pixel, 1, seen);
    if (count > most) [best, most] = [pixel, count];
  }
  const part = new Uint8Array(mask.length);
  if (best >= 0) flood(mask, size, best, 1, part);
  return part;
}

/** Mark in `out` what hangs together with a pixel and has its value. @returns {number} of pixels */
function flood(mask, { width, height }, start, value, out) {
  if (mask[start] !== value) return 0;
  let count = 0;
  // Spans of a row instead of pixels: a stack of millions would not fit.
  const waiting = [start];
  while (waiting.length > 0) {
    const pixel = waiting.pop();
    if (out[pixel]) continue;
    const first = pixel - (pixel % width);
    let [left, right] = [pixel, pixel];
    while (left > first && mask[left - 1] === value && !out[left - 1]) left--;
    while (right < first + width - 1 && mask[right + 1] === value && !out[right + 1]) right++;
    out.fill(1, left, right + 1);
    count += right - left + 1;
    for (const next of [-width, width]) {
      if (first + next < 0 || first + next >= width * height) continue;
      for (let i = left + next; i <= right + next; i++) {
        const isFirst = i === left + next || mask[i - 1] !== value || out[i - 1];
        if (mask[i] === value && !out[i] && isFirst) waiting.push(i);
      }
    }
  }
  return count;
}

/**
 * The mask after a stroke of a round brush.
 *
 * @param {Mask} mask
 * @param {Size} size
 * @param {{x: number, y: number}[]} points of the stroke, in pixels of the photograph
 * @param {number} radius of the brush in pixels
 * @param {0 | 1} value 1 paints, 0 erases
 * @returns {Mask}
 */
export function painted(mask, size, points, radius, value) {
  const { width, height } = size;
  const out = mask.slice();
  const disk = ({ x, y }) => {
    const top = Math.max(0, Math.ceil(y - radius));
    const bottom = Math.min(height - 1, Math.floor(y + radius));
    for (let row = top; row <= bottom; row++) {
      const half = Math.sqrt(radius ** 2 - (row - y) ** 2);
      const left = Math.max(0, Math.ceil(x - half));
      const right = Math.min(width - 1, Math.floor(x + half));
      if (left <= right) out.fill(value, row * width + left, row * width + right + 1);
    }
  };
  points.forEach((point, i) => {
    const before = points[Math.max(i - 1, 0)];
    const distance = Math.hypot(point.x - before.x, point.y - before.y);
    const steps = Math.max(1, Math.ceil(distance / Math.max(radius / 4, 0.5)));
    for (let step = 1; step <= steps; step++) {
      const share = step / steps;
      disk({
        x: before.x + share * (point.x - before.x),
        y: before.y + share * (point.y - before.y),
      });
    }
  });
  return out;
}
