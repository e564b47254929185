/** A box around an object, for a network that reads clicks. */

// How far outside of the box, as a share of its longer side; a box is seldom drawn exactly.
const OUTSIDE = 0.04;
const LEAST_OUTSIDE = 3; // pixels

/**
 * Clicks that say what a box says: one on the object in its middle, and one beside each of its sides
 * that is not the object. Each of them can be removed like any other.
 *
 * @param {{x: number, y: number}} one corner of the box, in pixels of the photograph
 * @param {{x: number, y: number}} other
 * @param {{width: number, height: number}} size of the photograph
 * @returns {import("./document.js").Click[]}
 */
export function clicksOfBox(one, other, { width, height }) {
  const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
  const [left, right] = [one.x, other.x].map((x) => within(x, width)).sort((a, b) => a - b);
  const [top, bottom] = [one.y, other.y].map((y) => within(y, height)).sort((a, b) => a - b);
  const middle = { x: Math.round((left + right) / 2), y: Math.round((top + bottom) / 2) };
  const by = Math.max(OUTSIDE * Math.max(right - left, bottom - top), LEAST_OUTSIDE);
  const beside = [
    { x: middle.x, y: Math.round(top - by) },
    { x: middle.x, y: Math.round(bottom + by) },
    { x: Math.round(left - by), y: middle.y },
    { x: Math.round(right + by), y: middle.y },
  ];
  // Where the box ends at the photograph's edge, there is nothing beside it.
  const isInside = ({ x, y }) => x >= 0 && y >= 0 && x < width && y < height;
  return [
    { ...middle, label: 1 },
    ...beside.filter(isInside).map((point) => ({ ...point, label: 0 })),
  ];
}
