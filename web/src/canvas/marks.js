/**
 * The marks on the photograph: clicks, the next one that is suggested, and the keyboard's crosshair.
 * They have the same size at every zoom.
 */

const MARK_RADIUS = 8; // CSS pixels
const SUGGESTION_RADIUS = 15;
// How near to a mark's middle a pointer is on it, in CSS pixels.
const MARK_REACH = { mouse: 9, pen: 14, touch: 20 };
// Bluish green and vermilion, as in the overlays that `fctsfn segment` writes (Okabe and Ito).
const POSITIVE_COLOUR = "#009e73";
const NEGATIVE_COLOUR = "#d55e00";
// Of a mark whose click is not answered yet.
const PENDING_ALPHA = 0.6;
// Of what a brush has painted until now.
const STROKE_ALPHA = 0.55;

/**
 * The number of the mark under a pointer, or -1.
 *
 * @param {{x: number, y: number}[]} marks in CSS pixels of the stage
 * @param {{x: number, y: number}} point
 * @param {string} pointerType "mouse", "pen" or "touch"
 */
export function markAt(marks, point, pointerType) {
  let [best, least] = [-1, MARK_REACH[pointerType] ?? MARK_REACH.mouse];
  marks.forEach(({ x, y }, i) => {
    const distance = Math.hypot(x - point.x, y - point.y);
    if (distance <= least) [best, least] = [i, distance];
  });
  return best;
}

/**
 * A green disk with a plus, or a red square with a bar: told apart without colour, too.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels of the stage
 * @param {{x: number, y: number}} at
 * @param {0 | 1} label
 * @param {{isHovered?: boolean, isPending?: boolean}} how hovered: it will be removed
 */
export function drawMark(context, { x, y }, label, { isHovered = false, isPending = false }) {
  const radius = isHovered ? MARK_RADIUS + 2 : MARK_RADIUS;
  const bar = radius * 0.55;
  context.globalAlpha = isPending ? PENDING_ALPHA : 1;
  context.beginPath();
  if (label === 1) context.arc(x, y, radius, 0, 2 * Math.PI);
  else context.rect(x - radius * 0.9, y - radius * 0.9, radius * 1.8, radius * 1.8);
  context.fillStyle = label === 1 ? POSITIVE_COLOUR : NEGATIVE_COLOUR;
  context.shadowColor = "rgb(0 0 0 / 60%)";
  context.shadowBlur = 4;
  context.fill();
  context.shadowColor = "transparent";
  context.strokeStyle = "white";
  context.lineWidth = 2;
  context.stroke();
  context.beginPath();
  if (isHovered) {
    for (const sign of [-1, 1]) {
      context.moveTo(x - bar * 0.8, y - sign * bar * 0.8);
      context.lineTo(x + bar * 0.8, y + sign * bar * 0.8);
    }
  } else {
    context.moveTo(x - bar, y);
    context.lineTo(x + bar, y);
    if (label === 1) {
      context.moveTo(x, y - bar);
      context.lineTo(x, y + bar);
    }
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** A dashed ring where the next click is suggested. */
export function drawSuggestion(context, { x, y }) {
  context.setLineDash([5, 4]);
  strokeTwice(context, () => context.arc(x, y, SUGGESTION_RADIUS, 0, 2 * Math.PI));
  context.setLineDash([]);
}

/** The keyboard's crosshair; the pixel itself stays free. */
export function drawCrosshair(context, { x, y }) {
  strokeTwice(context, () => {
    for (const [across, down] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      context.moveTo(x + 5 * across, y + 5 * down);
      context.lineTo(x + 16 * across, y + 16 * down);
    }
  });
}

/**
 * The way of a brush, or of a single point.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels of the stage
 * @param {{x: number, y: number}[]} points
 * @param {number} radius
 * @param {0 | 1} label 1 paints, 0 erases
 */
export function drawStroke(context, points, radius, label) {
  context.beginPath();
  context.moveTo(points[0].x, points[0].y);
  for (const { x, y } of points) context.lineTo(x, y);
  Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: 2 * radius });
  context.strokeStyle = label === 1 ? POSITIVE_COLOUR : NEGATIVE_COLOUR;
  context.globalAlpha = STROKE_ALPHA;
  context.stroke();
  context.globalAlpha = 1;
}

/** The size of the brush under the pointer. */
export function drawBrush(context, { x, y }, radius) {
  strokeTwice(context, () => context.arc(x, y, radius, 0, 2 * Math.PI));
}

/** The box that is being drawn between two of its corners. */
export function drawBox(context, one, other) {
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
  context.setLineDash([6, 4]);
  strokeTwice(context, () =>
    context.rect(x, y, Math.abs(one.x - other.x), Math.abs(one.y - other.y)),
  );
  context.setLineDash([]);
}

/** White on black: one of the two is seen on any photograph. */
function strokeTwice(context, trace) {
  for (const [colour, lineWidth] of [
    ["black", 4],
    ["white", 2],
  ]) {
    context.beginPath();
    trace();
    context.strokeStyle = colour;
    context.lineWidth = lineWidth;
    context.stroke();
  }
}
