/**
 * A mask's outlines as polygons; the twin of fctsfn_tf/images/polygons.py.
 *
 * Polygons run along the pixels' edges: pixel (row, col) covers x in [col, col + 1] and y in
 * [row, row + 1]. A point is [x, y] in whole pixels.
 */

// Polygons stray from the pixels' edges by at most this many pixels. More than √½ turns the stairs
// of a slanted edge into one line.
const POLYGON_TOLERANCE = 0.75;
// Directions along the edges, clockwise as seen on the screen: right, down, left, up.
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
];

/**
 * One polygon per part of the mask (pixels that touch at a corner join). Each hole is cut into its
 * part's outline by a slit of no width, so that filling the polygon leaves the hole free.
 *
 * @param {Uint8Array} mask [height, width] of 0 and 1
 * @returns {[number, number][][]} none for an empty mask
 */
export function maskPolygons(mask, height, width) {
  const rings = edgeRings(mask, height, width);
  const parts = rings.filter((ring) => signedArea(ring) > 0);
  const holes = parts.map(() => []);
  for (const ring of rings.filter((ring) => signedArea(ring) < 0)) {
    holes[partAround(ring, parts)].push(simplified(ring));
  }
  return parts.map((part, i) => withSlits(simplified(part), holes[i]));
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

/** The index of the smallest part around a hole. */
function partAround(hole, parts) {
  // The middle of the pixel of the object beside the hole's first edge lies inside its part.
  const [[x0, y0], [x1, y1]] = hole;
  const [dx, dy] = [Math.sign(x1 - x0), Math.sign(y1 - y0)];
  /** @type {[number, number]} */
  const point = [x0 + (dx - dy) / 2, y0 + (dy + dx) / 2];
  let [best, least] = [-1, Infinity];
  parts.forEach((part, i) => {
    const area = signedArea(part);
    if (area < least && isInside(point, part)) [best, least] = [i, area];
  });
  return best;
}

/** Whether a point that lies on no corner's height is inside a ring. */
function isInside([x, y], ring) {
  let inside = false;
  for (let i = 0; i < ring.length; i++) {
    const [[x0, y0], [x1, y1]] = [ring[i], ring[(i + 1) % ring.length]];
    if (y0 > y !== y1 > y && x < x0 + ((x1 - x0) * (y - y0)) / (y1 - y0)) inside = !inside;
  }
  return inside;
}

/** A ring with fewer corners (Douglas–Peucker); as it is where nothing would be left of it. */
function simplified(ring) {
  const far = farthest(ring, 0);
  const first = straightened([...ring.slice(0, far + 1)]);
  const second = straightened([...ring.slice(far), ring[0]]);
  const short = [...first.slice(0, -1), ...second.slice(0, -1)];
  return short.length >= 3 ? short : ring;
}

/** The corner that is farthest from corner `from`. */
function farthest(ring, from) {
  let [best, most] = [0, -1];
  ring.forEach(([x, y], i) => {
    const distance = (x - ring[from][0]) ** 2 + (y - ring[from][1]) ** 2;
    if (distance > most) [best, most] = [i, distance];
  });
  return best;
}

/** An open line with fewer corners; its ends stay. */
function straightened(line) {
  const keep = new Uint8Array(line.length);
  keep[0] = keep[line.length - 1] = 1;
  const open = [[0, line.length - 1]];
  while (open.length > 0) {
    const [from, to] = open.pop();
    let [best, most] = [-1, POLYGON_TOLERANCE];
    for (let i = from + 1; i < to; i++) {
      const distance = distanceToSegment(line[i], line[from], line[to]);
      if (distance > most) [best, most] = [i, distance];
    }
    if (best < 0) continue;
    keep[best] = 1;
    open.push([from, best], [best, to]);
  }
  return line.filter((_, i) => keep[i]);
}

function distanceToSegment([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / squared;
  const at = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x0 - at * dx, y - y0 - at * dy);
}

/** `outline` with a detour around each hole, from the corner that is nearest to it. */
function withSlits(outline, holes) {
  const detours = outline.map(() => []);
  for (const hole of holes) {
    let [corner, least] = [0, Infinity];
    outline.forEach(([x, y], i) => {
      const distance = (x - hole[0][0]) ** 2 + (y - hole[0][1]) ** 2;
      if (distance < least) [corner, least] = [i, distance];
    });
    detours[corner].push(...hole, hole[0], outline[corner]);
  }
  return outline.flatMap((point, i) => [point, ...detours[i]]);
}
