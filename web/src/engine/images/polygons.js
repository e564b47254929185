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
