/**
 * What is laid over the photograph on the screen: tints, outlines, probability, or the cut-out's
 * background. It is painted at the screen's resolution for what is in sight, so that it costs the
 * same for every size of photograph and every pixel of a mask can be seen when zoomed in.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{data: Uint8Array | Uint32Array | Float32Array, width: number, height: number}} Plane a number for each
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
const PROBABILITY_STEPS = 255;
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
 * @param {Uint8ClampedArray} out RGBA [height, width, 4] of the screen, all of its buffer
 * @param {Size} screen
 * @param {{scale: number, left: number, top: number}} place screen pixels per pixel of the
 *   photograph, and where its corner lies on the screen
 * @param {object} what
 * @param {"mask" | "probability" | "cutout" | "photograph"} what.mode
 * @param {Size} what.size of the photograph
 * @param {Plane | null} what.mask of the present object, 0 and 1
 * @param {Plane | null} what.others index map of the other objects: i + 1 on object i
 * @param {Plane | null} what.probability in [0, 1]
 * @param {Plane | null} [what.background] of the cut-out: RGBA in a Uint32Array; null for squares
 * @param {number} what.object the present object, from 0
 * @param {number} what.opacity of the tints, in [0, 1]
 * @param {number} what.line width of the outline in pixels of the screen
 */
export function paintOverlay(out, screen, place, what) {
  const pixels = new Uint32Array(out.buffer);
  if (what.mode === "probability") {
    paintProbability(pixels, screen, place, what);
    return;
  }
  const labels = labelsOf(screen, place, what);
  if (what.mode === "cutout")
    paintCutout(pixels, screen, labels, backgroundOf(screen, place, what));
  else paintTints(pixels, screen, labels, what);
}

/** What each pixel of the screen shows: 0 nothing, i + 1 object i, OUTSIDE no photograph. */
function labelsOf(screen, place, { mode, size, mask, others, object }) {
  const nothing = { data: new Uint8Array(1), width: 1, height: 1 };
  const labels = sampled(screen, place, size, mode === "mask" ? (others ?? nothing) : nothing);
  if (mask === null) return labels;
  const present = sampled(screen, place, size, mask);
  for (let i = 0; i < labels.length; i++) if (present[i] === 1) labels[i] = object + 1;
  return labels;
}

/**
 * The numbers of a plane, [height, width], as the screen shows them; OUTSIDE beside it.
 *
 * @param {Uint8ArrayConstructor | Uint32ArrayConstructor | Float32ArrayConstructor} Kind of the result
 */
function sampled(screen, { scale, left, top }, size, plane, Kind = Uint8Array) {
  const { width, height } = screen;
  const rows = lookUp(height, top, scale, size.height, plane.height);
  const cols = lookUp(width, left, scale, size.width, plane.width);
  const values = new Kind(width * height);
  for (let row = 0; row < height; row++) {
    const start = row * width;
    if (row > 0 && rows[row] === rows[row - 1]) {
      values.copyWithin(start, start - width, start);
    } else if (rows[row] < 0) {
      values.fill(OUTSIDE, start, start + width);
    } else {
      const line = rows[row] * plane.width;
      for (let col = 0; col < width; col++) {
        values[start + col] = cols[col] < 0 ? OUTSIDE : plane.data[line + cols[col]];
      }
    }
  }
  return values;
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

function paintTints(pixels, { width, height }, labels, { opacity, line, object }) {
  const present = object + 1;
  // Of each label: nothing is clear, and so is OUTSIDE.
  const tints = colours(OUTSIDE + 1, (label) =>
    label === 0 || label === OUTSIDE ? [0, 0, 0, 0] : [...objectColour(label - 1), 255 * opacity],
  );
  // White inside and dark outside: one of the two is seen on any photograph.
  const [inner, outer] = colours(2, (i) => (i === 0 ? [255, 255, 255, 255] : [0, 0, 0, 150]));
  for (let row = 0, i = 0; row < height; row++) {
    for (let col = 0; col < width; col++, i++) {
      const label = labels[i];
      pixels[i] = tints[label];
      if (label === OUTSIDE) continue;
      const isPresent = label === present;
      const above = row < line ? OUTSIDE : labels[i - line * width];
      const below = row + line >= height ? OUTSIDE : labels[i + line * width];
      const before = col < line ? OUTSIDE : labels[i - line];
      const after = col + line >= width ? OUTSIDE : labels[i + line];
      const isEdge =
        (above !== OUTSIDE && (above === present) !== isPresent) ||
        (below !== OUTSIDE && (below === present) !== isPresent) ||
        (before !== OUTSIDE && (before === present) !== isPresent) ||
        (after !== OUTSIDE && (after === present) !== isPresent);
      if (isEdge) pixels[i] = isPresent ? inner : outer;
    }
  }
}

/**
 * What each pixel of the screen has behind the cut-out, as RGBA; null for squares.
 *
 * @param {Size} screen
 * @param {{scale: number, left: number, top: number}} place
 * @param {{size: Size, background?: Plane | null}} what see `paintOverlay`
 */
function backgroundOf(screen, place, { size, background }) {
  return background ? sampled(screen, place, size, background, Uint32Array) : null;
}

function paintCutout(pixels, { width, height }, labels, background) {
  const greys = colours(2, (i) => [SQUARE_GREYS[i], SQUARE_GREYS[i], SQUARE_GREYS[i], 255]);
  for (let row = 0, i = 0; row < height; row++) {
    for (let col = 0; col < width; col++, i++) {
      const square = (Math.floor(row / SQUARE) + Math.floor(col / SQUARE)) & 1;
      pixels[i] = labels[i] === 0 ? (background ? background[i] : greys[square]) : 0;
    }
  }
}

function paintProbability(pixels, screen, place, { size, probability, opacity }) {
  const alpha = 255 * (0.4 + 0.6 * opacity);
  const table = colours(PROBABILITY_STEPS + 1, (i) => [
    ...probabilityColour(i / PROBABILITY_STEPS),
    alpha,
  ]);
  const values = sampled(screen, place, size, probability, Float32Array);
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = values[i] === OUTSIDE ? 0 : table[Math.round(values[i] * PROBABILITY_STEPS)];
  }
}

/** [R, G, B] of a probability in [0, 1]. */
function probabilityColour(probability) {
  const position = probability * (PROBABILITY_COLOURS.length - 1);
  const first = Math.min(Math.floor(position), PROBABILITY_COLOURS.length - 2);
  const [a, b] = [PROBABILITY_COLOURS[first], PROBABILITY_COLOURS[first + 1]];
  return a.map((value, channel) => value + (position - first) * (b[channel] - value));
}

/** `count` colours, `make(i)` is [R, G, B, A], as single numbers in the order of the bytes here. */
function colours(count, make) {
  const bytes = new Uint8ClampedArray(4 * count);
  for (let i = 0; i < count; i++) bytes.set(make(i), 4 * i);
  return new Uint32Array(bytes.buffer);
}
