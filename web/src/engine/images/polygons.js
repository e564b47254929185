/**
 * A mask's outlines as polygons; the twin of fctsfn_tf/images/polygons.py.
 *
 * Polygons run along the pixels' edges: pixel (row, col) covers x in [col, col + 1] and y in
 * [row, row + 1]. A point is [x, y] in whole pixels.
 */

// Directions along the edges, clockwise as seen on the screen: right, down, left, up.
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
];

// For polygons that a person edits: they stray from the pixels' edges by at most this many pixels.
// More than √½ turns the stairs of a slanted edge into one line.
export const POLYGON_TOLERANCE = 0.75;

/**
 * Polygons that share the mask's pixels between them, each without holes and without a point that it
 * meets twice: a part with holes is cut into pieces along columns of pixels, and pixels that touch at
 * a corner only are pieces of their own.
 *
 * @param {Uint8Array} mask [height, width] of 0 and 1
 * @returns {[number, number][][]} none for an empty mask
 */
export function maskPolygons(mask, height, width) {
  const waiting = [{ mask, height, width, top: 0, left: 0 }];
  const polygons = [];
  while (waiting.length > 0) {
    const region = waiting.pop();
    for (const part of partsOf(region)) {
      const rings = edgeRings(part.mask, part.height, part.width);
      const [outline] = rings.filter((ring) => signedArea(ring) > 0);
      const lefts = rings
        .filter((ring) => signedArea(ring) < 0)
        .map((hole) => Math.min(...hole.map(([x]) => x)))
        .sort((one, other) => one - other);
      if (lefts.length === 0) {
        polygons.push(outline.map(([x, y]) => [x + part.left, y + part.top]));
      } else {
        // Along the left end of the middle hole, which then is open.
        const cut = lefts[Math.floor(lefts.length / 2)];
        waiting.push(columnsOf(part, 0, cut), columnsOf(part, cut, part.width));
      }
    }
  }
  return polygons;
}

/**
 * Closed rings along the pixels' edges, outlines and holes: filled by the even–odd rule they are
 * exactly the mask.
 *
 * @param {Uint8Array} mask [height, width] of 0 and 1
 * @returns {[number, number][][]}
 */
export function maskOutlines(mask, height, width) {
  return edgeRings(mask, height, width);
}

/**
 * Several polygons as one, for formats that know one for each object: from a corner of the first,
 * lines walked once in each direction lead around the others. By the even–odd rule such a line adds
 * nothing.
 *
 * @param {[number, number][][]} polygons one or more
 * @returns {[number, number][]}
 */
export function joined([first, ...others]) {
  const detours = first.map(() => []);
  for (const other of others) {
    const [x, y] = other[0];
    const distances = first.map((corner) => (corner[0] - x) ** 2 + (corner[1] - y) ** 2);
    const nearest = distances.indexOf(Math.min(...distances));
    detours[nearest].push(...other, other[0], first[nearest]);
  }
  return first.flatMap((corner, i) => [corner, ...detours[i]]);
}

/**
 * A polygon with fewer corners (Douglas–Peucker); the same where it would meet itself.
 *
 * @param {[number, number][]} polygon
 * @param {number} tolerance how far it may stray, in pixels
 */
export function simplified(polygon, tolerance) {
  // Between two corners that are far apart, so that both ends stay.
  const distances = polygon.map(([x, y]) => Math.hypot(x - polygon[0][0], y - polygon[0][1]));
  const far = distances.indexOf(Math.max(...distances));
  const isKept = polygon.map((_, i) => i === 0 || i === far);
  const closed = [...polygon, polygon[0]];
  const waiting = [
    [0, far],
    [far, polygon.length],
  ];
  while (waiting.length > 0) {
    const [from, to] = waiting.pop();
    let [most, at] = [tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const distance = distanceToLine(closed[i], closed[from], closed[to]);
      if (distance > most) [most, at] = [distance, i];
    }
    if (at < 0) continue;
    isKept[at] = true;
    waiting.push([from, at], [at, to]);
  }
  const short = polygon.filter((_, i) => isKept[i]);
  return short.length >= 3 && isSimple(short) ? short : polygon;
}

function distanceToLine([x, y], [x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  return Math.abs((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length;
}

/** Whether no two edges meet, neighbours at their common corner excepted. */
function isSimple(polygon) {
  const count = polygon.length;
  const edges = polygon.map((start, i) => {
    const end = polygon[(i + 1) % count];
    return { i, start, end, left: Math.min(start[0], end[0]), right: Math.max(start[0], end[0]) };
  });
  edges.sort((one, other) => one.left - other.left);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count && edges[b].left <= edges[a].right; b++) {
      const apart = Math.abs(edges[a].i - edges[b].i);
      if (apart > 1 && apart < count - 1 && doMeet(edges[a], edges[b])) return false;
    }
  }
  return true;
}

function doMeet(one, other) {
  const side = ([ax, ay], [bx, by], [x, y]) =>
    Math.sign((bx - ax) * (y - ay) - (by - ay) * (x - ax));
  const isCrossed = (a, b) => side(a.start, a.end, b.start) * side(a.start, a.end, b.end) <= 0;
  if (!isCrossed(one, other) || !isCrossed(other, one)) return false;
  // On one line they may yet lie apart.
  return [0, 1].every((axis) => {
    const ends = (edge) => [edge.start[axis], edge.end[axis]];
    const [a, b] = [ends(one), ends(other)];
    return Math.min(...b) <= Math.max(...a) && Math.max(...b) >= Math.min(...a);
  });
}

/** The parts whose pixels hang together at their edges, each cut to its box. */
function partsOf({ mask, height, width, top, left }) {
  const isDone = new Uint8Array(mask.length);
  const parts = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || isDone[start]) continue;
    const pixels = [start];
    isDone[start] = 1;
    for (let next = 0; next < pixels.length; next++) {
      const [pixel, col] = [pixels[next], pixels[next] % width];
      const beside = [
        col > 0 ? pixel - 1 : -1,
        col < width - 1 ? pixel + 1 : -1,
        pixel - width,
        pixel + width,
      ];
      for (const other of beside) {
        if (other < 0 || other >= mask.length || !mask[other] || isDone[other]) continue;
        isDone[other] = 1;
        pixels.push(other);
      }
    }
    parts.push(cropped(pixels, height, width, top, left));
  }
  return parts;
}

/** A mask of these pixels alone, cut to their box. */
function cropped(pixels, height, width, top, left) {
  let [firstRow, lastRow, firstCol, lastCol] = [height, 0, width, 0];
  for (const pixel of pixels) {
    const [row, col] = [Math.floor(pixel / width), pixel % width];
    [firstRow, lastRow] = [Math.min(firstRow, row), Math.max(lastRow, row)];
    [firstCol, lastCol] = [Math.min(firstCol, col), Math.max(lastCol, col)];
  }
  const [boxHeight, boxWidth] = [lastRow - firstRow + 1, lastCol - firstCol + 1];
  const mask = new Uint8Array(boxHeight * boxWidth);
  for (const pixel of pixels) {
    const [row, col] = [Math.floor(pixel / width) - firstRow, (pixel % width) - firstCol];
    mask[row * boxWidth + col] = 1;
  }
  return { mask, height: boxHeight, width: boxWidth, top: top + firstRow, left: left + firstCol };
}

/** The columns from `from` to before `to` of a part. */
function columnsOf({ mask, height, width, top, left }, from, to) {
  const columns = new Uint8Array(height * (to - from));
  for (let row = 0; row < height; row++) {
    columns.set(mask.subarray(row * width + from, row * width + to), row * (to - from));
  }
  return { mask: columns, height, width: to - from, top, left: left + from };
}

/**
 * Closed rings of corners along the edges between object and background, with the object on the
 * right hand: outlines run clockwise (positive area), holes anticlockwise.
 */
function edgeRings(mask, height, width) {
  const isObject = (row, col) =>
    row >= 0 && row < height && col >= 0 && col < width && mask[row * width + col] === 1;
  // Every ring has an edge above an object's pixel that is walked to the right.
  const isDone = new Uint8Array(mask.length);
  const rings = [];
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < width; col++) {
      const isStart = isObject(row, col) && !isObject(row - 1, col) && !isDone[row * width + col];
      if (isStart) rings.push(followed(isObject, isDone, width, col, row));
    }
  }
  return rings;
}

/** The ring that starts at the corner (x, y) to the right; its upper edges are noted in `isDone`. */
function followed(isObject, isDone, width, startX, startY) {
  const ring = [];
  let [x, y, direction] = [startX, startY, 0];
  do {
    if (direction === 0) isDone[y * width + x] = 1;
    const [stepX, stepY] = STEPS[direction];
    [x, y] = [x + stepX, y + stepY];
    const turned = nextDirection(isObject, x, y, direction);
    if (turned !== direction) ring.push([x, y]);
    direction = turned;
  } while (x !== startX || y !== startY || direction !== 0);
  return ring;
}

/** Where the edge goes on from a corner. Left comes first, so that pixels at a corner join. */
function nextDirection(isObject, x, y, direction) {
  for (const turn of [3, 0, 1]) {
    const next = (direction + turn) % 4;
    const [right, left] = pixelsBeside(x, y, next);
    if (isObject(...right) && !isObject(...left)) return next;
  }
  return (direction + 2) % 4;
}

/** The pixels [row, col] to the right and to the left of the edge that leaves (x, y). */
function pixelsBeside(x, y, direction) {
  switch (direction) {
    case 0:
      return [
        [y, x],
        [y - 1, x],
      ];
    case 1:
      return [
        [y, x - 1],
        [y, x],
      ];
    case 2:
      return [
        [y - 1, x - 1],
        [y, x - 1],
      ];
    default:
      return [
        [y - 1, x],
        [y - 1, x - 1],
      ];
  }
}

/** Twice the area inside a ring, positive where it runs clockwise on the screen. */
function signedArea(ring) {
  let sum = 0;
  for (let i = 0; i < ring.length; i++) {
    const [[x0, y0], [x1, y1]] = [ring[i], ring[(i + 1) % ring.length]];
    sum += x0 * y1 - x1 * y0;
  }
  return sum;
}
