/**
 * What is laid over the photograph on the screen: tints, outlines, probability, or the cut-out's
 * background. It is painted at the screen's resolution for what is in sight, so that it costs the
 * same for every size of photograph and every pixel of a mask can be seen when zoomed in.
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
 * @param {{height: number, width: number}} screen
 * @param {{scale: number, left: number, top: number}} place screen pixels per pixel of the
 *   photograph, and where its corner lies on the screen
 * @param {object} what
 * @param {"mask" | "probability" | "cutout"} what.mode
 * @param {{height: number, width: number}} what.size of the photograph
 * @param {Uint8Array | null} what.mask of the present object
 * @param {Uint8Array | null} what.others index map of the other objects
 * @param {Float32Array | null} what.probability
 * @param {number} what.object the present object, from 0
 * @param {number} what.opacity of the tints, in [0, 1]
 * @param {number} what.line width of the outline in pixels of the screen
 */
export function paintOverlay(out, screen, place, what) {
  const lookUp = lookUpOf(screen, place, what.size);
  if (what.mode === "probability") {
    paintProbability(out, screen, lookUp, what);
    return;
  }
  // What each pixel of the screen shows: 0 nothing, i + 1 object i, OUTSIDE no photograph.
  const labels = new Uint8Array(screen.width * screen.height);
  forEachPixel(screen, lookUp, (i, pixel) => {
    if (pixel < 0) labels[i] = OUTSIDE;
    else if (what.mask?.[pixel]) labels[i] = what.object + 1;
    else if (what.mode === "mask") labels[i] = what.others?.[pixel] ?? 0;
  });
  if (what.mode === "cutout") paintCutout(out, screen, labels);
  else paintTints(out, screen, labels, what);
}

/** For rows and columns of the screen, those of the photograph; −1 outside of it. */
function lookUpOf(screen, { scale, left, top }, size) {
  const along = (count, start, limit) =>
    Int32Array.from({ length: count }, (_, i) => {
      const position = Math.floor((i + 0.5 - start) / scale);
      return position >= 0 && position < limit ? position : -1;
    });
  const rows = along(screen.height, top, size.height);
  return { rows, cols: along(screen.width, left, size.width), width: size.width };
}

function forEachPixel(screen, { rows, cols, width }, visit) {
  let i = 0;
  for (let row = 0; row < screen.height; row++) {
    const start = rows[row] * width;
    for (let col = 0; col < screen.width; col++, i++) {
      visit(i, rows[row] < 0 || cols[col] < 0 ? -1 : start + cols[col]);
    }
  }
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

function paintProbability(out, screen, lookUp, { probability, opacity }) {
  const alpha = Math.round((0.4 + 0.6 * opacity) * 255);
  const steps = PROBABILITY_COLOURS.length - 1;
  forEachPixel(screen, lookUp, (i, pixel) => {
    if (pixel < 0) {
      paint(out, i, 0, 0, 0, 0);
      return;
    }
    const position = (probability?.[pixel] ?? 0) * steps;
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
