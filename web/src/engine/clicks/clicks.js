/**
 * Clicks, and a history of clicks with undo and redo; the twin of fctsfn_tf/clicks/click.py.
 *
 * Inside, a click is {row, col, isPositive} with row and col at pixel centres; (x, y) lives only at
 * the edges: the module's methods and the page.
 *
 * @typedef {{row: number, col: number, isPositive: boolean}} Click
 */

import { InputError } from "../errors.js";

/**
 * The click at a point of the photograph.
 *
 * @param {number} x to the right in [0, width); fractions lie in the pixel that holds them
 * @param {number} y down in [0, height)
 * @param {number} label 1 (on the object) or 0 (not on it)
 * @param {number} height of the photograph in pixels
 * @param {number} width
 * @returns {Click} on a whole pixel
 */
export function clickFromPoint(x, y, label, height, width) {
  if (label !== 0 && label !== 1) {
    throw new InputError(`A label must be 1 (on the object) or 0 (not on it). Received ${label}.`);
  }
  if (!(x >= 0 && x < width && y >= 0 && y < height)) {
    throw new InputError(
      `A click must lie inside the photograph, x in [0, ${width}) and y in [0, ${height}), in ` +
        `pixels of the photograph. Received x=${x}, y=${y}.`,
    );
  }
  return { row: Math.floor(y), col: Math.floor(x), isPositive: label === 1 };
}

/** The [row, col] of the pixel that holds the click. */
export function pixelOf(click) {
  return [Math.floor(click.row + 0.5), Math.floor(click.col + 0.5)];
}

/** The same click, moved by `rows` down and `cols` right. */
export function shifted(click, rows, cols) {
  return { ...click, row: click.row + rows, col: click.col + cols };
}

/** The same click on the image resized by these factors (pixel centres at +0.5). */
export function scaled(click, rowScale, colScale) {
  return {
    ...click,
    row: (click.row + 0.5) * rowScale - 0.5,
    col: (click.col + 0.5) * colScale - 0.5,
  };
}

/** Whether two clicks are the same. */
export function sameClick(a, b) {
  return a.row === b.row && a.col === b.col && a.isPositive === b.isPositive;
}

/** Whether two clicks lie on one pixel. */
export function onOnePixel(a, b) {
  const [[row, col], [otherRow, otherCol]] = [pixelOf(a), pixelOf(b)];
  return row === otherRow && col === otherCol;
}

/** The clicks that count, oldest first: of several on one pixel the latest. @param {Click[]} clicks */
export function latestOfPixels(clicks) {
  return clicks.filter(
    (click, i) => !clicks.slice(i + 1).some((later) => onOnePixel(click, later)),
  );
}

/** Clicks in the order in which they were made, with undo and redo. */
export class ClickHistory {
  #clicks = [];
  #undone = [];

  /** @returns {Click[]} those that hold now, oldest first; a copy */
  get clicks() {
    return [...this.#clicks];
  }

  get length() {
    return this.#clicks.length;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Append a click; what had been undone can no longer be redone. */
  add(click) {
    this.#clicks.push(click);
    this.forgetUndone();
  }

  /** What had been undone can no longer be redone. */
  forgetUndone() {
    this.#undone.length = 0;
  }

  /** Take the latest click back. */
  undo() {
    if (this.#clicks.length === 0) {
      throw new InputError("There is no click to undo. Add a click first.");
    }
    this.#undone.push(this.#clicks.pop());
  }

  /** Make the latest undone click again. */
  redo() {
    if (this.#undone.length === 0) {
      throw new InputError("There is no click to redo. Undo one first.");
    }
    this.#clicks.push(this.#undone.pop());
  }
}
