/**
 * What is laid over the photograph on the screen: tints, outlines, probability, or the cut-out's
 * background. It is painted at the screen's resolution for what is in sight, so that it costs the
 * same for every size of photograph and every pixel of a mask can be seen when zoomed in.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{data: Uint8Array | Float32Array, width: number, height: number}} Plane a number for each
 *   pixel, [height, width]; it may be smaller than the photograph that it covers
 */

// Colours of the objects on the screen, in turn: from Okabe and Ito's, which colour-blind people tell
// apart. Files have VOC's colours instead.
export const OBJECT_COLOURS = [
  [0, 114, 178],
  [230, 159, 0],
  [204, 121, 167],
  [86, 180, 233],
  [213, 94, 0],
  [240, 228, 66],
  [0, 158, 115],
];
// Anchors of the colours of a probability from 0 to 1: dark to light, so that it reads without hue.
const PROBABILITY_COLOURS = [
  [20, 14, 60],
  [94, 31, 125],
  [190, 60, 100],
  [246, 140, 60],
  [252, 250, 180],
];
// The cut-out's background: squares in two greys, in pixels of the screen.
const SQUARE = 12;
const SQUARE_GREYS = [225, 250];
const OUTSIDE = 255;

/** The colour of object `index` (from 0) as [R, G, B]. */
export function objectColour(index) {
  return OBJECT_COLOURS[index % OBJECT_COLOURS.length];
}

/**
 * Paint all of a rectangle of the screen.
 *
 * @param {Uint8ClampedArray} out RGBA [height, width, 4] of the screen
 * @param {Size} screen
 * @param {{scale: number, left: number, top: number}} place screen pixels per pixel of the
 *   photograph, and where its corner lies on the screen
 * @param {object} what
 * @param {"mask" | "probability" | "cutout"} what.mode
 * @param {Size} what.size of the photograph
 * @param {Plane | null} what.mask of the present object, 0 and 1
 * @param {Plane | null} what.others index map of the other objects: i + 1 on object i
 * @param {Plane | null} what.probability in [0, 1]
 * @param {number} what.object the present object, from 0
 * @param {number} what.opacity of the tints, in [0, 1]
 * @param {number} what.line width of the outline in pixels of the screen
 */
export function paintOverlay(out, screen, place, what) {
  if (what.mode === "probability") {
    paintProbability(out, screen, place, what);
    return;
  }
  const labels = labelsOf(screen, place, what);
  if (what.mode === "cutout") paintCutout(out, screen, labels);
  else paintTints(out, screen, labels, what);
}

/** What each pixel of the screen shows: 0 nothing, i + 1 object i, OUTSIDE no photograph. */
function labelsOf(screen, place, { mode, size, mask, others, object }) {
  const labels = new Uint8Array(screen.width * screen.height).fill(OUTSIDE);
  const inside = { data: new Uint8Array(1), width: 1, height: 1 };
  const first = mode === "mask" && others !== null ? others : inside;
  forEachPixel(screen, place, size, first, (i, pixel) => (labels[i] = first.data[pixel]));
  if (mask === null) return labels;
  forEachPixel(screen, place, size, mask, (i, pixel) => {
    if (mask.data[pixel]) labels[i] = object + 1;
  });
  return labels;
}

/** Call `visit` with each pixel of the screen that shows the photograph, and the plane's under it. */
function forEachPixel(screen, { scale, left, top }, size, plane, visit) {
  const rows = lookUp(screen.height, top, scale, size.height, plane.height);
  const cols = lookUp(screen.width, left, scale, size.width, plane.width);
  for (let row = 0, i = 0; row < screen.height; row++) {
    const start = rows[row] * plane.width;
    for (let col = 0; col < screen.width; col++, i++) {
      if (rows[row] >= 0 && cols[col] >= 0) visit(i, start + cols[col]);
    }
  }
}

/**
 * For rows (or columns) of the screen, those of a plane; -1 outside of it.
 *
 * @param {number} count rows of the screen
 * @param {number} start row of the screen at which the photograph begins
 * @param {number} scale rows of the screen per row of the photograph
 * @param {number} length rows of the photograph
 * @param {number} planeLength rows of the plane
 */
function lookUp(count, start, scale, length, planeLength) {
  return Int32Array.from({ length: count }, (_, i) => {
    const share = (i + 0.5 - start) / (scale * length);
    return share >= 0 && share < 1 ? Math.floor(share * planeLength) : -1;
  });
}

function paintTints(out, screen, labels, { opacity, line, object }) {
  const present = object + 1;
  const alpha = Math.round(opacity * 255);
  const { width, height } = screen;
  const at = (row, col) =>
    row < 0 || col < 0 || row >= height || col >= width ? OUTSIDE : labels[row * width + col];
  const differs = (label, isPresent) => label !== OUTSIDE && (label === present) !== isPresent;
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < width; col++) {
      const i = row * width + col;
      const label = labels[i];
      if (label === OUTSIDE) {
        paint(out, i, 0, 0, 0, 0);
        continue;
      }
      const isPresent = label === present;
      const isEdge =
        differs(at(row - line, col), isPresent) ||
        differs(at(row + line, col), isPresent) ||
        differs(at(row, col - line), isPresent) ||
        differs(at(row, col + line), isPresent);
      // White inside and dark outside: one of the two is seen on any photograph.
      if (isEdge && isPresent) paint(out, i, 255, 255, 255, 255);
      else if (isEdge) paint(out, i, 0, 0, 0, 150);
      else if (label === 0) paint(out, i, 0, 0, 0, 0);
      else paint(out, i, ...objectColour(label - 1), alpha);
    }
  }
}

function paintCutout(out, { width, height }, labels) {
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < width; col++) {
      const i = row * width + col;
      const square = (Math.floor(row / SQUARE) + Math.floor(col / SQUARE)) & 1;
      const grey = SQUARE_GREYS[square];
      paint(out, i, grey, grey, grey, labels[i] === 0 ? 255 : 0);
    }
  }
}

function paintProbability(out, screen, place, { size, probability, opacity }) {
  const alpha = Math.round((0.4 + 0.6 * opacity) * 255);
  const steps = PROBABILITY_COLOURS.length - 1;
  out.fill(0);
  forEachPixel(screen, place, size, probability, (i, pixel) => {
    const position = probability.data[pixel] * steps;
    const first = Math.min(Math.floor(position), steps - 1);
    const [a, b] = [PROBABILITY_COLOURS[first], PROBABILITY_COLOURS[first + 1]];
    const mixed = (channel) => a[channel] + (position - first) * (b[channel] - a[channel]);
    paint(out, i, mixed(0), mixed(1), mixed(2), alpha);
  });
}

function paint(out, i, red, green, blue, alpha) {
  out[4 * i] = red;
  out[4 * i + 1] = green;
  out[4 * i + 2] = blue;
  out[4 * i + 3] = alpha;
}
