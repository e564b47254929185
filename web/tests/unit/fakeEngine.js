/**
 * A `Segmenter` without a network: it keeps objects as the real one does, answers when it is told to,
 * and its masks say of which photograph, start and clicks they are.
 */

import { InputError } from "../../src/engine/errors.js";
import { withCandidate } from "../../src/page/document.js";

export const SIZE = { width: 6, height: 4 };
// What a first click may have meant, the best first.
const MEANINGS = [0, 1, 2];

/** The mask that these would have, of 0 and 1; never empty. */
export function maskFor(photograph, start, clicks, threshold) {
  const places = clicks.map(({ x, y, label, candidate = 0 }) => [x, y, label, candidate]);
  const text = JSON.stringify([photograph, start, places]);
  const mask = new Uint8Array(SIZE.width * SIZE.height);
  let hash = 7 + Math.round(100 * threshold);
  for (const sign of text) hash = (Math.imul(hash, 31) + sign.charCodeAt(0)) | 0;
  for (let i = 0; i < mask.length; i++) mask[i] = (hash >>> i) & 1;
  mask[0] = 1;
  return mask;
}

function newObject() {
  return { start: null, clicks: [], undone: [], meanings: MEANINGS };
}

export class FakeEngine {
  threshold = 0.5;
  held = null; // {photograph, objects: [{start, clicks, undone}], present, threshold}
  snapshot = null;
  calls = []; // names of what was asked for
  #waiting = []; // what is under way: in the real one, too, one after the other
  #failure;

  /** @param {() => "no" | "before" | "after" | "broken"} failure of the next answer */
  constructor(failure = () => "no") {
    this.#failure = failure;
    this.held = { threshold: this.threshold };
  }

  get isBusy() {
    return this.#waiting.length > 0;
  }

  /** Go on with what is under way. */
  async advance() {
    this.#waiting.shift()?.();
    await new Promise(setImmediate);
  }

  async setImage(blob, { onDecoded }) {
    await this.#turn("setImage");
    const failure = this.#failure();
    if (failure === "before" || blob.isBroken) throw new Error("no photograph");
    onDecoded({ bitmap: { ...SIZE, close() {} }, isScaled: false });
    await this.#turn("encode");
    if (failure === "after") throw new Error("no memory");
    const objects = [newObject()];
    this.held = { ...this.held, photograph: blob.id, objects, present: 0 };
    return this.#answer();
  }

  async click(x, y, label, { onGlance } = {}) {
    return this.#step("click", async (object) => {
      if (label === 0 && object.start === null && object.clicks.length === 0) {
        throw new Error("The first click must be on the object.");
      }
      const clicks = [...object.clicks, { x, y, label }];
      if (clicks.length === 1) {
        onGlance?.(this.#snapshotOf({ ...object, clicks: [{ x: -1, y, label }] }, clicks));
        await this.#turn("look again");
      }
      if (clicks.length === 1) object.meanings = [...MEANINGS];
      Object.assign(object, { clicks, undone: [] });
    });
  }

  setClicks(points) {
    const clicks = points.map(({ x, y, label }) => ({ x, y, label }));
    return this.#step("setClicks", (object) => {
      if (clicks.length > 0 && clicks[0].label === 0 && object.start === null) {
        throw new Error("The first click must be on the object.");
      }
      if (JSON.stringify(clicks[0]) !== JSON.stringify(object.clicks[0])) {
        if (clicks.length > 0) object.meanings = [...MEANINGS];
      }
      const isSame = (click, i) => JSON.stringify(click) === JSON.stringify(clicks[i]);
      while (!object.clicks.every(isSame)) object.undone.push(object.clicks.pop());
      if (clicks.length > object.clicks.length) object.undone = [];
      object.clicks = [...clicks];
    });
  }

  undo() {
    return this.#step("undo", (object) => {
      if (object.clicks.length === 0) throw new Error("nothing to undo");
      object.undone.push(object.clicks.at(-1));
      object.clicks = object.clicks.slice(0, -1);
    });
  }

  redo() {
    return this.#step("redo", (object) => {
      if (object.undone.length === 0) throw new Error("nothing to redo");
      object.clicks = [...object.clicks, object.undone.pop()];
    });
  }

  choose(number) {
    return this.#step("choose", (object) => {
      const { clicks, meanings, start } = object;
      if (start !== null || clicks.length !== 1) throw new InputError("no candidates");
      if (!(number + 1 in meanings)) throw new InputError(`no candidate ${number}`);
      object.meanings = meanings.with(0, meanings[number + 1]).with(number + 1, meanings[0]);
      object.undone = [];
    });
  }

  setMask(mask) {
    return this.#step("setMask", (object) => {
      const start = mask && [...mask].join("");
      Object.assign(object, { start, clicks: [], undone: [] });
    });
  }

  setThreshold(threshold) {
    return this.#step("setThreshold", () => (this.held.threshold = threshold));
  }

  newObject() {
    return this.#step("newObject", ({ start, clicks }) => {
      if (start === null && clicks.length === 0) throw new Error("still empty");
      this.held.objects.push(newObject());
      this.held.present = this.held.objects.length - 1;
    });
  }

  selectObject(index) {
    return this.#step("selectObject", () => {
      if (!(index in this.held.objects)) throw new Error(`no object ${index}`);
      this.held.present = index;
    });
  }

  removeObject(index) {
    return this.#step("removeObject", () => {
      const { objects, present } = this.held;
      if (!(index in objects)) throw new Error(`no object ${index}`);
      objects.splice(index, 1);
      if (objects.length === 0) objects.push(newObject());
      if (index < present) this.held.present--;
      this.held.present = Math.min(this.held.present, objects.length - 1);
    });
  }

  #turn(name) {
    this.calls.push(name);
    if (this.#waiting.length > 0) throw new Error("two requests at a time");
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #step(name, change) {
    await this.#turn(name);
    const failure = this.#failure();
    if (failure === "before") throw new Error(`${name} failed`);
    await change(this.held.objects[this.held.present]);
    if (failure === "after") throw new Error(`${name} failed in the end`);
    return this.#answer();
  }

  #answer() {
    const object = this.held.objects[this.held.present];
    this.snapshot = this.#snapshotOf(object, object.clicks);
    return this.snapshot;
  }

  #snapshotOf({ start, clicks: seen, meanings }, clicks) {
    const { photograph, threshold } = this.held;
    const candidates = start === null && clicks.length === 1 ? [0.6, 0.4] : [];
    const isChosen = start === null && seen.length > 0;
    if (isChosen) seen = [withCandidate(seen[0], meanings[0]), ...seen.slice(1)];
    const isEmpty = start === null && clicks.length === 0;
    const mask = isEmpty ? null : maskFor(photograph, start, seen, threshold);
    return { ...SIZE, mask, clicks, candidates };
  }
}
