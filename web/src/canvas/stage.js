/**
 * The photograph on a canvas: drawn with masks and marks, zoomed and moved, clicked by mouse, finger,
 * pen or keyboard. README.md beside this file says how to use it.
 *
 * @typedef {import("./overlay.js").Plane} Plane
 * @typedef {{x: number, y: number}} Pixel whole pixels of the photograph, x to the right, y down
 * @typedef {{x: number, y: number, label: 0 | 1, isPending?: boolean}} Mark paler where it is pending
 *
 * @typedef {object} Shown
 * @property {"mask" | "probability" | "cutout" | "photograph"} mode
 * @property {Plane | null} mask of the present object
 * @property {boolean} isPreview whether the mask is what a click would give, and so is paler
 * @property {Plane | null} others index map of the other objects: i + 1 on object i
 * @property {Plane | null} probability in [0, 1]
 * @property {Plane | null} background of the cut-out, RGBA in a Uint32Array; null for squares
 * @property {number} object the present object, from 0, which gives its colour
 * @property {Mark[]} clicks whose marks can be clicked to remove them
 * @property {Mark[]} pending clicks that are not answered yet
 * @property {Pixel | null} suggestion where the next click is suggested
 */

import { Gestures } from "./gestures.js";
import {
  drawBox,
  drawBrush,
  drawCrosshair,
  drawMark,
  drawStroke,
  drawSuggestion,
  markAt,
} from "./marks.js";
import { paintOverlay } from "./overlay.js";
import { fitted, inSight, moved, onStage, pixelAt, zoomed } from "./place.js";

const OUTLINE = 1.6; // CSS pixels
const PREVIEW_OPACITY = 0.5; // of that of masks
// Sharper screens gain nothing that a person sees and cost time.
const MAX_PIXEL_RATIO = 2;
// From this many CSS pixels on, a pixel of the picture is shown as a square.
const SQUARE_FROM = 3;
// A step of the keyboard's crosshair as a share of the photograph's longer side; with Shift, a pixel.
const CURSOR_STEP = 1 / 50;
// Between the crosshair and the stage's edge, in CSS pixels.
const CURSOR_ROOM = 24;
/** @type {Shown} */
const NOTHING = {
  mode: "mask",
  mask: null,
  isPreview: false,
  others: null,
  probability: null,
  background: null,
  object: 0,
  clicks: [],
  pending: [],
  suggestion: null,
};

// Of what is shown, that which lies over the picture and under the marks.
const OVERLAY = ["mode", "mask", "isPreview", "others", "probability", "background", "object"];

export class Stage {
  #canvas;
  #context;
  // The picture at its place, and what lies over it: drawn anew only when they have changed, so that
  // a mark is seen at once.
  #pictureLayer = makeLayer();
  #overlayLayer = makeLayer();
  #on;
  #margin;
  #isInScrollingPage;
  #gestures;
  #picture = null; // {bitmap, width, height}: as large as the photograph is, not as the bitmap is
  #shown = { ...NOTHING };
  #opacity = 0.5;
  #place = { scale: 1, left: 0, top: 0 };
  #isFitted = true;
  #hovered = -1; // index of the mark under the pointer
  #cursor = null; // the pixel of the keyboard's crosshair, which is seen while the canvas has the focus
  #isFrameAsked = false;
  /** @type {{name: string, radius: number, label: 0 | 1}} */
  #tool = { name: "click", radius: 0, label: 1 };
  #stroke = null; // {points, isSecondary} of what is being drawn, in CSS pixels
  #pointer = null; // where the mouse is

  /**
   * @param {HTMLCanvasElement} canvas whose size comes from the page's style
   * @param {object} on
   * @param {(x: number, y: number, isSecondary: boolean) => void} on.click at a pixel of the
   *   photograph. Secondary: the right button, a long press; Delete, or Shift with Enter
   * @param {(index: number) => void} on.remove the mark of `clicks[index]` was clicked
   * @param {(x: number, y: number) => void} [on.choose] a pixel was clicked with Alt held
   * @param {(at: Pixel | null) => void} [on.point] the mouse is on a pixel where it would click; null:
   *   it is on none, or on a mark
   * @param {(points: Pixel[], radius: number, isSecondary: boolean) => void} [on.paint] with the brush:
   *   the middles of its way and its radius, in pixels of the photograph, not whole ones
   * @param {(one: Pixel, other: Pixel) => void} [on.box] two corners of a box that was drawn
   * @param {(scale: number) => void} [on.zoomed] CSS pixels per pixel of the photograph
   * @param {object} [options]
   * @param {number} [options.margin] share of the stage that stays free around a photograph that fits
   * @param {boolean} [options.isInScrollingPage] the wheel scrolls the page until the photograph has
   *   been clicked, and always where there is nothing to zoom out
   */
  constructor(canvas, on, { margin = 0, isInScrollingPage = false } = {}) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#on = on;
    this.#margin = margin;
    this.#isInScrollingPage = isInScrollingPage;
    this.#gestures = new Gestures(canvas, {
      isReady: () => this.#picture !== null,
      click: (at, how) => this.#click(at, how),
      hover: (at) => this.#pointAt(at),
      drag: (across, down) => this.#move(moved(this.#place, across, down)),
      zoom: (factor, at) => this.#zoomAt(factor, at),
      takesWheel: (factor) => this.#takesWheel(factor),
      press: () => this.#moveCursor(null),
      draws: () => this.#tool.name !== "click",
      stroke: (at, phase, isSecondary) => this.#draws(at, phase, isSecondary),
    });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#draw());
  }

  /**
   * Show another photograph, all of it, and nothing over it.
   *
   * @param {ImageBitmap} bitmap it is closed when the next one comes
   * @param {{width: number, height: number}} size of the photograph, where the bitmap is smaller
   */
  setPhotograph(bitmap, { width, height } = bitmap) {
    this.#gestures.forgetClick();
    this.#picture?.bitmap.close();
    this.#picture = { bitmap, width, height };
    this.#cursor = null;
    this.#hovered = -1;
    this.show({ ...NOTHING, mode: this.#shown.mode });
    this.fit();
  }

  /** Show other masks or marks; what is not named stays. @param {Partial<Shown>} what */
  show(what) {
    const changes = OVERLAY.some((name) => name in what && what[name] !== this.#shown[name]);
    if (changes) this.#overlayLayer.isOld = true;
    Object.assign(this.#shown, what);
    if (this.#hovered >= this.#shown.clicks.length) this.#hover(-1);
    this.#draw();
  }

  /** Of the tints, in [0, 1]. */
  set opacity(opacity) {
    this.#opacity = opacity;
    this.#overlayLayer.isOld = true;
    this.#draw();
  }

  /**
   * What one pointer does: "click" clicks and drags, "brush" paints, "box" draws a box.
   *
   * @param {{name: "click" | "brush" | "box", radius?: number, label?: 0 | 1}} tool radius of the
   *   brush in CSS pixels; whether it paints or erases, which gives its colour
   */
  set tool({ name, radius = 0, label = 1 }) {
    this.#tool = { name, radius, label };
    this.#stroke = null;
    this.#hover(-1);
    // A finger that draws does not scroll the page.
    this.#setPlace(this.#place);
  }

  /** Zoom about the keyboard's crosshair, or the middle of the stage. */
  zoom(factor) {
    const { width, height } = this.#size;
    const middle = { x: width / 2, y: height / 2 };
    this.#zoomAt(factor, this.#cursor === null ? middle : onStage(this.#place, this.#cursor));
    this.#keepCursorInSight();
  }

  /** Zoom to so many CSS pixels per pixel of the photograph, but never closer than all of it. */
  zoomTo(scale) {
    this.zoom(scale / this.#place.scale);
  }

  /** Show all of the photograph. */
  fit() {
    this.#isFitted = true;
    this.#setPlace(this.#fitted());
  }

  /** Where a pixel of the photograph is on the page, in CSS pixels: for tests and other pages. */
  positionOf(x, y) {
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const at = onStage(this.#place, { x, y });
    const zoom = width / this.#size.width;
    return { x: left + zoom * at.x, y: top + zoom * at.y };
  }

  // ---- Places ------------------------------------------------------------------------------------

  get #size() {
    return { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight };
  }

  #fitted() {
    const size = this.#size;
    if (this.#picture === null || size.width === 0) return { scale: 1, left: 0, top: 0 };
    return fitted(this.#picture, size, this.#margin);
  }

  #zoomAt(factor, at) {
    if (this.#picture === null) return;
    this.#move(zoomed(this.#place, factor, at, this.#fitted().scale));
  }

  /** Take a new place, but never lose the photograph from sight. */
  #move(place) {
    this.#isFitted = place.scale <= this.#fitted().scale;
    this.#setPlace(this.#isFitted ? this.#fitted() : inSight(place, this.#picture, this.#size));
  }

  #setPlace(place) {
    this.#place = place;
    this.#layersAreOld();
    // Where nothing can be moved, one finger scrolls the page.
    const isScrolling = this.#isFitted && this.#tool.name === "click";
    this.#canvas.style.touchAction = isScrolling ? "pan-x pan-y" : "none";
    this.#on.zoomed?.(place.scale);
    this.#draw();
  }

  #takesWheel(factor) {
    const isLeftToPage = this.#isInScrollingPage && !this.#canvas.matches(":focus");
    return !isLeftToPage && (factor > 1 || !this.#isFitted);
  }

  #resize() {
    const { width, height } = this.#size;
    const ratio = pixelRatio();
    this.#canvas.width = Math.max(1, Math.round(width * ratio));
    this.#canvas.height = Math.max(1, Math.round(height * ratio));
    this.#layersAreOld();
    if (this.#isFitted || this.#place.scale < this.#fitted().scale) this.fit();
    // At once: a canvas whose size was set is empty, and would flash.
    this.#drawNow();
  }

  // ---- What a person does ------------------------------------------------------------------------

  #click(at, { isSecondary, isChoosing, pointerType }) {
    if (isChoosing && this.#on.choose) {
      const pixel = pixelAt(this.#place, at, this.#picture);
      if (pixel !== null) this.#on.choose(pixel.x, pixel.y);
      return;
    }
    const mark = this.#markAt(at, pointerType);
    if (mark >= 0) {
      this.#hover(-1);
      this.#on.remove(mark);
      return;
    }
    const pixel = pixelAt(this.#place, at, this.#picture);
    if (pixel !== null) this.#on.click(pixel.x, pixel.y, isSecondary);
  }

  #markAt(at, pointerType) {
    const marks = this.#shown.clicks.map((click) => onStage(this.#place, click));
    return markAt(marks, at, pointerType);
  }

  #pointAt(at) {
    this.#pointer = at;
    const isClicking = this.#tool.name === "click";
    const mark = at === null || !isClicking ? -1 : this.#markAt(at, "mouse");
    this.#hover(mark);
    const isFree = at !== null && isClicking && mark < 0;
    this.#on.point?.(isFree ? pixelAt(this.#place, at, this.#picture) : null);
    if (this.#tool.name === "brush") this.#draw();
  }

  /** A stroke of the brush or a box, until it ends. */
  #draws(at, phase, isSecondary) {
    const stroke = phase === "begin" ? { points: [at], isSecondary } : this.#stroke;
    if (stroke !== null && at !== null && phase !== "begin") stroke.points.push(at);
    this.#stroke = phase === "end" ? null : stroke;
    this.#pointer = at;
    this.#draw();
    if (phase !== "end" || at === null || stroke === null) return;
    const { scale, left, top } = this.#place;
    const points = stroke.points.map(({ x, y }) => {
      return { x: (x - left) / scale - 0.5, y: (y - top) / scale - 0.5 };
    });
    if (this.#tool.name === "box") this.#on.box?.(points[0], points.at(-1));
    else this.#on.paint?.(points, this.#tool.radius / scale, isSecondary);
  }

  #hover(mark) {
    this.#canvas.classList.toggle("on-mark", mark >= 0);
    if (mark === this.#hovered) return;
    this.#hovered = mark;
    this.#draw();
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (this.#picture === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.#picture;
    const cursor = this.#cursor ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    const isDelete = ["Delete", "Backspace"].includes(event.key);
    if (event.key in steps) {
      const [right, down] = steps[event.key];
      const longer = Math.max(width, height);
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(longer * CURSOR_STEP));
      this.#moveCursor({
        x: Math.min(Math.max(cursor.x + right * step, 0), width - 1),
        y: Math.min(Math.max(cursor.y + down * step, 0), height - 1),
      });
    } else if (["Enter", " "].includes(event.key) || isDelete) {
      this.#moveCursor(cursor);
      // A key that is held down is one click.
      if (!event.repeat) this.#on.click(cursor.x, cursor.y, isDelete || event.shiftKey);
    } else {
      return;
    }
    event.preventDefault();
  }

  #moveCursor(cursor) {
    if (cursor === null && this.#cursor === null) return;
    this.#cursor = cursor;
    this.#keepCursorInSight();
    this.#draw();
  }

  #keepCursorInSight() {
    if (this.#cursor === null) return;
    const { width, height } = this.#size;
    const at = onStage(this.#place, this.#cursor);
    const inside = (position, length) => {
      const room = Math.min(CURSOR_ROOM, length / 2);
      return Math.min(Math.max(position, room), length - room) - position;
    };
    const [across, down] = [inside(at.x, width), inside(at.y, height)];
    if (!this.#isFitted && (across !== 0 || down !== 0)) {
      this.#move(moved(this.#place, across, down));
    }
  }

  // ---- Drawing -----------------------------------------------------------------------------------

  #draw() {
    if (this.#isFrameAsked) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => {
      this.#isFrameAsked = false;
      this.#drawNow();
    });
  }

  #drawNow() {
    const context = this.#context;
    const { width, height } = this.#canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (this.#picture === null) return;
    const ratio = pixelRatio();
    if (this.#pictureLayer.isOld) this.#drawPicture(ratio);
    context.drawImage(this.#pictureLayer.canvas, 0, 0);
    if (this.#hasOverlay()) {
      if (this.#overlayLayer.isOld) this.#drawOverlay(ratio);
      const { canvas, x, y } = this.#overlayLayer;
      context.drawImage(canvas, x, y);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawMarks();
  }

  #layersAreOld() {
    this.#pictureLayer.isOld = this.#overlayLayer.isOld = true;
  }

  #drawPicture(ratio) {
    const { canvas } = this.#pictureLayer;
    const { bitmap, width, height } = this.#picture;
    const { scale, left, top } = this.#place;
    // A canvas whose size is set is empty.
    Object.assign(canvas, { width: this.#canvas.width, height: this.#canvas.height });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = (scale * width) / bitmap.width < SQUARE_FROM;
    context.imageSmoothingQuality = "high";
    const [x, y] = [left * ratio, top * ratio];
    context.drawImage(bitmap, x, y, scale * ratio * width, scale * ratio * height);
    this.#pictureLayer.isOld = false;
  }

  #hasOverlay() {
    const { mode, mask, others, probability } = this.#shown;
    if (mode === "photograph") return false;
    return mode === "probability" ? probability !== null : mask !== null || others !== null;
  }

  #drawOverlay(ratio) {
    const { canvas } = this.#overlayLayer;
    const { scale, left, top } = this.#place;
    const size = { width: this.#picture.width, height: this.#picture.height };
    // Only what is in sight of the photograph.
    const x = Math.max(0, Math.floor(left * ratio));
    const y = Math.max(0, Math.floor(top * ratio));
    const right = Math.min(this.#canvas.width, Math.ceil((left + scale * size.width) * ratio));
    const bottom = Math.min(this.#canvas.height, Math.ceil((top + scale * size.height) * ratio));
    const screen = { width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(screen.width, screen.height);
    const place = { scale: scale * ratio, left: left * ratio - x, top: top * ratio - y };
    const line = Math.round(OUTLINE * ratio);
    const opacity = this.#opacity * (this.#shown.isPreview ? PREVIEW_OPACITY : 1);
    const what = { ...this.#shown, size, opacity, line };
    paintOverlay(pixels.data, screen, place, what);
    Object.assign(canvas, screen);
    context.putImageData(pixels, 0, 0);
    Object.assign(this.#overlayLayer, { x, y, isOld: false });
  }

  #drawMarks() {
    const { clicks, pending, suggestion } = this.#shown;
    const context = this.#context;
    const at = (pixel) => onStage(this.#place, pixel);
    if (suggestion !== null) drawSuggestion(context, at(suggestion));
    clicks.forEach((click, i) =>
      drawMark(context, at(click), click.label, {
        isHovered: i === this.#hovered,
        isPending: click.isPending,
      }),
    );
    for (const click of pending) drawMark(context, at(click), click.label, { isPending: true });
    this.#drawTool(context);
    const hasFocus = document.activeElement === this.#canvas;
    if (this.#cursor !== null && hasFocus) drawCrosshair(context, at(this.#cursor));
  }

  #drawTool(context) {
    const { name, radius, label } = this.#tool;
    if (name === "box" && this.#stroke !== null) {
      drawBox(context, this.#stroke.points[0], this.#stroke.points.at(-1));
    }
    if (name !== "brush") return;
    if (this.#stroke !== null) {
      drawStroke(context, this.#stroke.points, radius, this.#stroke.isSecondary ? 0 : label);
    }
    if (this.#pointer !== null) drawBrush(context, this.#pointer, radius);
  }
}

/** A canvas that is never on the page, and where it belongs on the one that is. */
function makeLayer() {
  return { canvas: document.createElement("canvas"), x: 0, y: 0, isOld: true };
}

function pixelRatio() {
  return Math.min(devicePixelRatio, MAX_PIXEL_RATIO);
}
