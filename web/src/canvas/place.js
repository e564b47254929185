/**
 * Where the photograph lies on the stage: all of it in sight, zoomed about a point, or moved. Pure
 * numbers, in CSS pixels of the stage.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point
 * @typedef {{scale: number, left: number, top: number}} Place CSS pixels per pixel of the photograph,
 *   and where its top left corner lies
 */

// The closest look, in CSS pixels per pixel of the photograph.
const MAX_SCALE = 40;

/**
 * The place of a photograph of which all is in sight.
 *
 * @param {Size} size of the photograph
 * @param {Size} room the stage
 * @param {number} margin share of the stage that stays free on each side
 * @returns {Place}
 */
export function fitted(size, room, margin) {
  const share = 1 - 2 * margin;
  const scale = Math.min((share * room.width) / size.width, (share * room.height) / size.height);
  return {
    scale,
    left: (room.width - scale * size.width) / 2,
    top: (room.height - scale * size.height) / 2,
  };
}

/**
 * A place zoomed by a factor; what lies under a point of the stage stays there.
 *
 * @param {Place} place
 * @param {number} factor above 1 to come closer
 * @param {Point} point
 * @param {number} least scale that is allowed
 * @returns {Place} not closer than MAX_SCALE, or than `least` where that is closer
 */
export function zoomed({ scale, left, top }, factor, { x, y }, least) {
  const next = Math.min(Math.max(scale * factor, least), Math.max(MAX_SCALE, least));
  const ratio = next / scale;
  return { scale: next, left: x - ratio * (x - left), top: y - ratio * (y - top) };
}

/** A place moved across and down, in CSS pixels. */
export function moved({ scale, left, top }, across, down) {
  return { scale, left: left + across, top: top + down };
}

/** The nearest place to `place` that does not lose the photograph from sight. */
export function inSight({ scale, left, top }, size, room) {
  const along = (start, length, available) => {
    // A side that fits stays in the middle; one that does not leaves no more than half empty.
    if (length <= available) return (available - length) / 2;
    return Math.min(Math.max(start, available / 2 - length), available / 2);
  };
  return {
    scale,
    left: along(left, scale * size.width, room.width),
    top: along(top, scale * size.height, room.height),
  };
}

/** Where the middle of a pixel (x, y) of the photograph lies on the stage. */
export function onStage({ scale, left, top }, { x, y }) {
  return { x: left + (x + 0.5) * scale, y: top + (y + 0.5) * scale };
}

/** The pixel of the photograph under a point of the stage; null beside it. */
export function pixelAt({ scale, left, top }, { x, y }, size) {
  const along = (position, start, count) => {
    // Where the photograph ends at the stage's own edge, rounding must not lose its last pixel.
    const isAtEdge =
      Math.abs(position - start) < 1 || Math.abs(position - start - scale * count) < 1;
    const pixel = Math.floor((position - start) / scale);
    return isAtEdge ? Math.min(Math.max(pixel, 0), count - 1) : pixel;
  };
  const pixel = { x: along(x, left, size.width), y: along(y, top, size.height) };
  const isInside = pixel.x >= 0 && pixel.x < size.width && pixel.y >= 0 && pixel.y < size.height;
  return isInside ? pixel : null;
}
