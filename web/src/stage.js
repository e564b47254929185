/**
 * The photograph on the screen: drawn with masks and marks, zoomed and panned, clicked by mouse,
 * finger, pen or keyboard.
 */

import { paintOverlay } from "./overlay.js";

// A pointer that moves further than this pans instead of clicking, in CSS pixels.
const DRAG_START = { mouse: 4, pen: 6, touch: 10 };
const MARK_RADIUS = 8; // CSS pixels
const MARK_REACH = { mouse: 10, pen: 14, touch: 20 };
const OUTLINE = 1.6; // CSS pixels
const MAX_SCALE = 40; // CSS pixels per pixel of the photograph
const WHEEL_STEP = 0.0015; // per pixel of scrolling
const MARGIN = 0.04; // of the stage, around a photograph that fits
// Sharper screens gain nothing that a person sees and cost time.
const MAX_PIXEL_RATIO = 2;
// Bluish green and vermilion, as in the overlays that `fctsfn segment` writes (Okabe and Ito).
const POSITIVE_COLOUR = "#009e73";
const NEGATIVE_COLOUR = "#d55e00";

export class Stage {
  #canvas;
  #context;
  #overlay = new OffscreenCanvas(1, 1);
  #bitmap = null;
  #shown = { mode: "mask", mask: null, others: null, probability: null, object: 0, clicks: [] };
  #opacity = 0.5;
  #place = { scale: 1, left: 0, top: 0 }; // in CSS pixels
  #isFitted = true;
  #pointers = new Map();
  #gesture = null;
  #hovered = -1; // index of the mark under the pointer
  #cursor = null; // {x, y} of the keyboard's crosshair, in pixels of the photograph
  #isFrameAsked = false;
  #onClick;
  #onRemove;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {object} on
   * @param {(x: number, y: number, isSecondary: boolean) => void} on.click at a pixel of the
   *   photograph; secondary: right button, or Shift with the keyboard
   * @param {(index: number) => void} on.remove a click's mark was clicked
   */
  constructor(canvas, { click, remove }) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#onClick = click;
    this.#onRemove = remove;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.#pointerMove(event));
    canvas.addEventListener("pointerup", (event) => this.#pointerUp(event));
    canvas.addEventListener("pointercancel", (event) => this.#pointerGone(event));
    canvas.addEventListener("pointerleave", () => this.#hover(-1));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#moveCursor(null));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Show another photograph, all of it. @param {ImageBitmap} bitmap */
  setPhotograph(bitmap) {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.#cursor = null;
    this.#hovered = -1;
    this.show({ mask: null, others: null, probability: null, object: 0, clicks: [] });
    this.fit();
  }

  /** Show other masks or clicks; what is not named stays. */
  show(what) {
    Object.assign(this.#shown, what);
    this.#draw();
  }

  set opacity(opacity) {
    this.#opacity = opacity;
    this.#draw();
  }

  /** Zoom about the middle of the stage. */
  zoom(factor) {
    const { width, height } = this.#size;
    this.#zoomAt(factor, width / 2, height / 2);
  }

  /** Show all of the photograph. */
  fit() {
    this.#isFitted = true;
    this.#place = this.#fitted();
    this.#draw();
  }

  /** Where a pixel of the photograph is on the page, in CSS pixels: for tests and other pages. */
  positionOf(x, y) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    const at = this.#onScreen(x + 0.5, y + 0.5);
    return { x: left + at.x, y: top + at.y };
  }

  // ---- Places ------------------------------------------------------------------------------------

  get #size() {
    return { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight };
  }

  #fitted() {
    const { width, height } = this.#size;
    if (this.#bitmap === null || width === 0) return { scale: 1, left: 0, top: 0 };
    const room = 1 - 2 * MARGIN;
    const scale = Math.min(
      (room * width) / this.#bitmap.width,
      (room * height) / this.#bitmap.height,
      MAX_SCALE,
    );
    return {
      scale,
      left: (width - scale * this.#bitmap.width) / 2,
      top: (height - scale * this.#bitmap.height) / 2,
    };
  }

  #zoomAt(factor, x, y) {
    if (this.#bitmap === null) return;
    const least = Math.min(this.#fitted().scale, 1);
    const { scale, left, top } = this.#place;
    const next = Math.min(Math.max(scale * factor, least), MAX_SCALE);
    const ratio = next / scale;
    this.#move({ scale: next, left: x - ratio * (x - left), top: y - ratio * (y - top) });
  }

  /** Take a new place, but never lose the photograph from sight. */
  #move({ scale, left, top }) {
    const { width, height } = this.#size;
    const within = (start, length, room) => {
      // A side that fits stays in the middle; one that does not leaves no more than half empty.
      if (length <= room) return (room - length) / 2;
      return Math.min(Math.max(start, room / 2 - length), room / 2);
    };
    this.#place = {
      scale,
      left: within(left, scale * this.#bitmap.width, width),
      top: within(top, scale * this.#bitmap.height, height),
    };
    this.#isFitted = false;
    this.#draw();
  }

  #onScreen(x, y) {
    const { scale, left, top } = this.#place;
    return { x: left + x * scale, y: top + y * scale };
  }

  /** The pixel of the photograph under a point of the canvas; null beside it. */
  #pixelAt({ x, y }) {
    if (this.#bitmap === null) return null;
    const { scale, left, top } = this.#place;
    const pixel = { x: Math.floor((x - left) / scale), y: Math.floor((y - top) / scale) };
    const isInside =
      pixel.x >= 0 && pixel.x < this.#bitmap.width && pixel.y >= 0 && pixel.y < this.#bitmap.height;
    return isInside ? pixel : null;
  }

  #markAt({ x, y }, pointerType) {
    const reach = MARK_REACH[pointerType] ?? MARK_REACH.mouse;
    let [best, least] = [-1, reach];
    this.#shown.clicks.forEach((click, i) => {
      const at = this.#onScreen(click.x + 0.5, click.y + 0.5);
      const distance = Math.hypot(at.x - x, at.y - y);
      if (distance <= least) [best, least] = [i, distance];
    });
    return best;
  }

  // ---- Pointers ----------------------------------------------------------------------------------

  #pointerDown(event) {
    if (this.#bitmap === null) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const at = this.#pointOf(event);
    this.#pointers.set(event.pointerId, at);
    if (this.#pointers.size === 1) {
      this.#gesture = { start: at, button: event.button, isMove: event.button === 1 };
      if (event.button === 1) event.preventDefault();
    } else {
      this.#gesture.isMove = true; // two fingers never click
    }
    this.#moveCursor(null);
  }

  #pointerMove(event) {
    const at = this.#pointOf(event);
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "mouse") this.#hover(this.#markAt(at, event.pointerType));
      return;
    }
    const gesture = this.#gesture;
    const limit = DRAG_START[event.pointerType] ?? DRAG_START.mouse;
    const distance = Math.hypot(at.x - gesture.start.x, at.y - gesture.start.y);
    if (!gesture.isMove && distance <= limit) return;
    gesture.isMove = true;
    if (this.#pointers.size === 1) {
      const { scale, left, top } = this.#place;
      this.#move({ scale, left: left + at.x - before.x, top: top + at.y - before.y });
    } else if (this.#pointers.size === 2) {
      const [other] = [...this.#pointers]
        .filter(([id]) => id !== event.pointerId)
        .map(([, p]) => p);
      this.#pinch(before, at, other);
    }
    this.#pointers.set(event.pointerId, at);
  }

  /** One of two fingers went from `before` to `at`: what was under both stays under both. */
  #pinch(before, at, other) {
    const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    const [from, to] = [middle(before, other), middle(at, other)];
    this.#zoomAt(apart(at, other) / Math.max(apart(before, other), 1), to.x, to.y);
    const { scale, left, top } = this.#place;
    this.#move({ scale, left: left + to.x - from.x, top: top + to.y - from.y });
  }

  #pointerUp(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    const at = this.#pointOf(event);
    const gesture = this.#gesture;
    this.#pointerGone(event);
    if (gesture.isMove) return;
    const mark = this.#markAt(at, event.pointerType);
    if (mark >= 0) {
      this.#hover(-1);
      this.#onRemove(mark);
      return;
    }
    const pixel = this.#pixelAt(at);
    if (pixel !== null) this.#onClick(pixel.x, pixel.y, gesture.button === 2);
  }

  #pointerGone(event) {
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size === 0) this.#gesture = null;
  }

  #hover(mark) {
    this.#canvas.classList.toggle("on-mark", mark >= 0);
    if (mark === this.#hovered) return;
    this.#hovered = mark;
    this.#draw();
  }

  #wheel(event) {
    if (this.#bitmap === null) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { x, y } = this.#pointOf(event);
    this.#zoomAt(Math.exp(-event.deltaY * lines * WHEEL_STEP), x, y);
  }

  #pointOf(event) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  // ---- Keyboard ----------------------------------------------------------------------------------

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (this.#bitmap === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.#bitmap;
    const cursor = this.#cursor ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    if (event.key in steps) {
      const [right, down] = steps[event.key];
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(Math.max(width, height) / 50));
      this.#moveCursor({
        x: Math.min(Math.max(cursor.x + right * step, 0), width - 1),
        y: Math.min(Math.max(cursor.y + down * step, 0), height - 1),
      });
    } else if (event.key === "Enter") {
      this.#moveCursor(cursor);
      this.#onClick(cursor.x, cursor.y, event.shiftKey);
    } else {
      return;
    }
    event.preventDefault();
  }

  #moveCursor(cursor) {
    if (cursor === null && this.#cursor === null) return;
    this.#cursor = cursor;
    this.#draw();
  }

  // ---- Drawing -----------------------------------------------------------------------------------

  #resize() {
    const { width, height } = this.#size;
    const ratio = this.#pixelRatio;
    this.#canvas.width = Math.max(1, Math.round(width * ratio));
    this.#canvas.height = Math.max(1, Math.round(height * ratio));
    if (this.#isFitted) this.#place = this.#fitted();
    // At once: a canvas whose size was set is empty, and would flash.
    this.#drawNow();
  }

  get #pixelRatio() {
    return Math.min(devicePixelRatio, MAX_PIXEL_RATIO);
  }

  #draw() {
    if (this.#isFrameAsked) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => {
      this.#isFrameAsked = false;
      this.#drawNow();
    });
  }

  #drawNow() {
    const { width, height } = this.#canvas;
    const context = this.#context;
    const ratio = this.#pixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (this.#bitmap === null) return;
    const { scale, left, top } = this.#place;
    context.imageSmoothingEnabled = scale < 3; // pixels are pixels when seen closely
    context.imageSmoothingQuality = "high";
    const [x, y] = [left * ratio, top * ratio];
    const [right, bottom] = [
      scale * ratio * this.#bitmap.width,
      scale * ratio * this.#bitmap.height,
    ];
    context.drawImage(this.#bitmap, x, y, right, bottom);
    this.#drawOverlay(ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#shown.clicks.forEach((click, i) => this.#drawMark(click, i === this.#hovered));
    if (this.#cursor !== null) this.#drawCursor();
  }

  #drawOverlay(ratio) {
    const { mode, mask, others, probability } = this.#shown;
    const isNothing =
      mode === "probability" ? probability === null : mask === null && others === null;
    if (isNothing) return;
    const { width, height } = this.#canvas;
    const { scale, left, top } = this.#place;
    // Only what is in sight of the photograph.
    const x = Math.max(0, Math.floor(left * ratio));
    const y = Math.max(0, Math.floor(top * ratio));
    const right = Math.min(width, Math.ceil((left + scale * this.#bitmap.width) * ratio));
    const bottom = Math.min(height, Math.ceil((top + scale * this.#bitmap.height) * ratio));
    if (right <= x || bottom <= y) return;
    const screen = { width: right - x, height: bottom - y };
    if (this.#overlay.width !== screen.width || this.#overlay.height !== screen.height) {
      Object.assign(this.#overlay, screen);
    }
    const context = this.#overlay.getContext("2d");
    const pixels = context.createImageData(screen.width, screen.height);
    const place = { scale: scale * ratio, left: left * ratio - x, top: top * ratio - y };
    const { width: columns, height: rows } = this.#bitmap;
    paintOverlay(pixels.data, screen, place, {
      ...this.#shown,
      size: { width: columns, height: rows },
      opacity: this.#opacity,
      line: Math.round(OUTLINE * ratio),
    });
    context.putImageData(pixels, 0, 0);
    this.#context.drawImage(this.#overlay, x, y);
  }

  /** A green disk with a plus or a red square with a bar: told apart without colour, too. */
  #drawMark(click, isHovered) {
    const context = this.#context;
    const { x, y } = this.#onScreen(click.x + 0.5, click.y + 0.5);
    const radius = isHovered ? MARK_RADIUS + 2 : MARK_RADIUS;
    const bar = radius * 0.55;
    context.beginPath();
    if (click.label === 1) context.arc(x, y, radius, 0, 2 * Math.PI);
    else context.rect(x - radius * 0.9, y - radius * 0.9, radius * 1.8, radius * 1.8);
    context.fillStyle = click.label === 1 ? POSITIVE_COLOUR : NEGATIVE_COLOUR;
    context.shadowColor = "rgb(0 0 0 / 60%)";
    context.shadowBlur = 4;
    context.fill();
    context.shadowColor = "transparent";
    context.strokeStyle = "white";
    context.lineWidth = 2;
    context.stroke();
    context.beginPath();
    if (isHovered) {
      // A cross: clicking the mark removes it.
      for (const sign of [-1, 1]) {
        context.moveTo(x - bar * 0.8, y - sign * bar * 0.8);
        context.lineTo(x + bar * 0.8, y + sign * bar * 0.8);
      }
    } else {
      context.moveTo(x - bar, y);
      context.lineTo(x + bar, y);
      if (click.label === 1) {
        context.moveTo(x, y - bar);
        context.lineTo(x, y + bar);
      }
    }
    context.stroke();
  }

  #drawCursor() {
    const context = this.#context;
    const { x, y } = this.#onScreen(this.#cursor.x + 0.5, this.#cursor.y + 0.5);
    for (const [colour, lineWidth] of [
      ["black", 4],
      ["white", 2],
    ]) {
      context.beginPath();
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        context.moveTo(x + 5 * dx, y + 5 * dy);
        context.lineTo(x + 16 * dx, y + 16 * dy);
      }
      context.strokeStyle = colour;
      context.lineWidth = lineWidth;
      context.stroke();
    }
  }
}
