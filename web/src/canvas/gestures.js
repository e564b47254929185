/**
 * What a mouse, fingers or a pen do on the stage: click, drag, pinch, turn the wheel. Points are in
 * CSS pixels of the canvas.
 */

// A pointer that moves further than this drags instead of clicking, in CSS pixels.
const DRAG_START = { mouse: 4, pen: 6, touch: 10 };
// A hand that shakes drags a little and means a click: so far in CSS pixels, so long in milliseconds.
const SHAKE = { distance: 12, time: 300 };
// A second click at the same place within this is the other half of a double click, in milliseconds.
const DOUBLE_CLICK_TIME = 400;
const WHEEL_STEP = 0.0015; // per pixel of scrolling
// Two fingers on a touch pad come as a wheel with Ctrl, in small steps; a wheel that is turned with
// Ctrl comes in large ones, of which each counts as so many pixels at most.
const PINCH_STEP = 0.01;
const MAX_PINCH = 25;
const LINE_HEIGHT = 16; // of a wheel that counts lines, in CSS pixels

/**
 * @typedef {{x: number, y: number}} Point
 *
 * @typedef {object} Handlers
 * @property {() => boolean} isReady whether there is anything to point at
 * @property {(at: Point, how: {isSecondary: boolean, isChoosing: boolean, pointerType: string}) =>
 *   void} click secondary: the right button, Ctrl and the button of a Mac, or a long press. Choosing:
 *   Alt was held. A double click is one.
 * @property {(at: Point | null) => void} hover the mouse is there, no button pressed; null: it left
 * @property {(across: number, down: number) => void} drag by so much since the last call
 * @property {(factor: number, at: Point) => void} zoom
 * @property {(factor: number) => boolean} takesWheel whether the wheel zooms now; if not, the page
 *   around scrolls
 * @property {() => void} press a button or finger went down
 * @property {() => boolean} draws whether one pointer draws instead of clicking and dragging
 * @property {(at: Point | null, phase: "begin" | "go" | "end", isSecondary: boolean) => void} stroke
 *   what is drawn so; null: it counts for nothing, because a second finger came
 */

export class Gestures {
  #canvas;
  #on;
  #pointers = new Map(); // pointerId → Point
  #gesture = null; // {start, time, isSecondary, isDrag, …} from the first pointer down to the last up
  #lastClick = null; // {at, isSecondary, time}

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Handlers} handlers
   */
  constructor(canvas, handlers) {
    this.#canvas = canvas;
    this.#on = handlers;
    const listen = (name, listener, options) => canvas.addEventListener(name, listener, options);
    listen("pointerdown", (event) => handlers.isReady() && this.#down(event));
    listen("pointermove", (event) => handlers.isReady() && this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", (event) => this.#gone(event));
    listen("pointerleave", () => handlers.hover(null));
    listen("contextmenu", (event) => this.#contextMenu(event));
    listen("wheel", (event) => handlers.isReady() && this.#wheel(event), { passive: false });
    // Whoever does something else in between does not click twice.
    document.addEventListener("keydown", () => this.forgetClick(), true);
    const elsewhere = (event) => event.target !== canvas && this.forgetClick();
    document.addEventListener("pointerdown", elsewhere, true);
    // Two fingers are for the photograph even where one finger scrolls the page.
    listen("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), {
      passive: false,
    });
  }

  /** The next click is one of its own: what is under it is no longer what it was. */
  forgetClick() {
    this.#lastClick = null;
  }

  #down(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    const at = this.#pointOf(event);
    this.#pointers.set(event.pointerId, at);
    if (this.#pointers.size === 1) {
      const isMiddle = event.button === 1; // it drags, and never clicks
      this.#gesture = {
        start: at,
        time: event.timeStamp,
        isSecondary: event.button === 2,
        isDrag: isMiddle,
        isShake: !isMiddle, // a drag so far that it may still be a click
        isStroke: !isMiddle && this.#on.draws(),
      };
      if (isMiddle) event.preventDefault();
      if (this.#gesture.isStroke) this.#on.stroke(at, "begin", event.button === 2);
    } else {
      this.#endStroke(null);
      Object.assign(this.#gesture, { isDrag: true, isShake: false }); // two fingers never click
    }
    this.#on.press();
  }

  #move(event) {
    const at = this.#pointOf(event);
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "mouse") this.#on.hover(at);
      return;
    }
    const gesture = this.#gesture;
    if (gesture.isStroke) {
      this.#on.stroke(at, "go", gesture.isSecondary);
      return;
    }
    if (distance(at, gesture.start) > SHAKE.distance) gesture.isShake = false;
    if (!gesture.isDrag && distance(at, gesture.start) <= dragStart(event)) return;
    gesture.isDrag = true;
    this.#pointers.set(event.pointerId, at);
    if (this.#pointers.size === 1) {
      this.#on.drag(at.x - before.x, at.y - before.y);
    } else if (this.#pointers.size === 2) {
      const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId);
      this.#pinch(before, at, other[1]);
    }
  }

  /** One of two fingers went from `before` to `at`: what was under both stays under both. */
  #pinch(before, at, other) {
    const [from, to] = [middle(before, other), middle(at, other)];
    this.#on.zoom(distance(at, other) / Math.max(distance(before, other), 1), to);
    this.#on.drag(to.x - from.x, to.y - from.y);
  }

  #up(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    if (this.#gesture.isStroke) {
      this.#endStroke(this.#pointOf(event));
      this.#gone(event);
      return;
    }
    const before = this.#pointers.get(event.pointerId);
    const { start, time, isDrag, isShake, isSecondary } = this.#gesture;
    this.#gone(event);
    if (isDrag && !(isShake && event.timeStamp - time < SHAKE.time)) return;
    // What was aimed at is where the pointer went down.
    if (isDrag) this.#on.drag(start.x - before.x, start.y - before.y);
    if (this.#isSecondOfTwo(start, isSecondary, event)) return;
    const { altKey: isChoosing, pointerType } = event;
    this.#on.click(start, { isSecondary, isChoosing, pointerType });
  }

  /** @param {Point | null} at */
  #endStroke(at) {
    if (!this.#gesture?.isStroke) return;
    this.#gesture.isStroke = false;
    this.#on.stroke(at, "end", this.#gesture.isSecondary);
  }

  #isSecondOfTwo(at, isSecondary, event) {
    const last = this.#lastClick;
    this.#lastClick = { at, isSecondary, time: event.timeStamp };
    return (
      last !== null &&
      last.isSecondary === isSecondary &&
      event.timeStamp - last.time < DOUBLE_CLICK_TIME &&
      distance(at, last.at) <= dragStart(event)
    );
  }

  #gone(event) {
    if (event.type === "pointercancel") this.#endStroke(null);
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size === 0) this.#gesture = null;
  }

  /** Comes with the right button, with Ctrl and the button on a Mac, and after a long press. */
  #contextMenu(event) {
    event.preventDefault();
    if (this.#gesture !== null) this.#gesture.isSecondary = true;
  }

  #wheel(event) {
    const isInLines = event.deltaMode === WheelEvent.DOM_DELTA_LINE;
    const delta = event.deltaY * (isInLines ? LINE_HEIGHT : 1);
    const pinch = Math.min(Math.max(delta, -MAX_PINCH), MAX_PINCH) * PINCH_STEP;
    const factor = Math.exp(-(event.ctrlKey ? pinch : delta * WHEEL_STEP));
    // With Ctrl, the page itself shall not zoom.
    if (!event.ctrlKey && !this.#on.takesWheel(factor)) return;
    event.preventDefault();
    this.#on.zoom(factor, this.#pointOf(event));
  }

  #pointOf(event) {
    const box = this.#canvas.getBoundingClientRect();
    // A page that is zoomed by CSS is larger in the box than in `clientWidth`.
    const zoom = box.width / this.#canvas.clientWidth;
    return { x: (event.clientX - box.left) / zoom, y: (event.clientY - box.top) / zoom };
  }
}

function dragStart({ pointerType }) {
  return DRAG_START[pointerType] ?? DRAG_START.mouse;
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function middle(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
