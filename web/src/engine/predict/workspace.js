/**
 * A photograph and the objects in it: what the page and the module's callers work on. One object is
 * clicked at a time; the others keep their clicks, undo and redo, and their mask as run lengths.
 *
 * @typedef {object} Snapshot what there is to show after a step
 * @property {number} width of the photograph
 * @property {number} height
 * @property {Uint8Array | null} mask of the present object, [height, width] of 0 and 1
 * @property {number} area pixels of the mask
 * @property {{x: number, y: number, label: number}[]} clicks of the present object, oldest first
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {boolean} hasStartMask
 * @property {number} encodeMs
 * @property {number} clickMs
 * @property {number[]} candidates of each the IoU that is expected
 * @property {import("../images/masks.js").Box | null} box where the network looked; null for all of it
 * @property {number} object the present object, from 0
 * @property {number} numObjects
 * @property {Uint8Array | null} [others] index map of the other objects: object i is i + 1. Missing
 *   where they have not changed since the snapshot before.
 */

import { InputError } from "../errors.js";
import { fileOf } from "../images/files.js";
import { MAX_OBJECTS } from "../images/masks.js";
import { maskOfRunLengths, runLengths } from "../images/runLengths.js";

export class Workspace {
  #predictor;
  #objects = []; // {target, counts}: counts are null for the present object and for empty ones
  #present = 0;
  #haveOthersChanged = true;

  /** @param {import("./predictor.js").Predictor} predictor */
  constructor(predictor) {
    this.#predictor = predictor;
  }

  /** Start on a photograph; forgets all objects. */
  async setImage(photograph) {
    await this.#predictor.setImage(photograph);
    this.#objects = [{ target: this.#predictor.target, counts: null }];
    this.#present = 0;
    this.#haveOthersChanged = true;
  }

  /**
   * @param {(snapshot: Snapshot) => void} [onGlance] called with what there is to show before the
   *   network looks again, see `Predictor.addClick`
   */
  async click(x, y, label, onGlance) {
    const tell = (glance) => onGlance?.(this.snapshot(glance));
    await this.#predictor.addClick(x, y, label, tell);
  }

  /** See `Predictor.preview`. */
  preview(x, y) {
    return this.#predictor.preview(x, y);
  }

  async setClicks(points) {
    await this.#predictor.setClicks(points);
  }

  undo() {
    this.#predictor.undo();
  }

  redo() {
    this.#predictor.redo();
  }

  reset() {
    this.#predictor.reset();
  }

  setMask(mask) {
    this.#predictor.setMask(mask);
  }

  setThreshold(threshold) {
    this.#predictor.setThreshold(threshold);
  }

  choose(number) {
    this.#predictor.choose(number);
  }

  /** Keep the present object and start on the next one. */
  newObject() {
    if (this.#predictor.prediction === null) {
      throw new InputError("This object is still empty: click it before you start the next one.");
    }
    if (this.#objects.length === MAX_OBJECTS) {
      throw new InputError(`There are ${MAX_OBJECTS} objects, the most that a file can hold.`);
    }
    this.#leave();
    this.#objects.push({ target: this.#predictor.newTarget(), counts: null });
    this.#present = this.#objects.length - 1;
  }

  /** Go on with another object, exactly where it was left. */
  selectObject(index) {
    this.#checkIndex(index);
    if (index === this.#present) return;
    this.#leave();
    this.#enter(index);
  }

  /** Remove an object; of the last one nothing but an empty object is left. */
  removeObject(index) {
    this.#checkIndex(index);
    if (this.#objects.length === 1) {
      this.#objects[0].target = this.#predictor.newTarget();
      return;
    }
    this.#objects.splice(index, 1);
    this.#haveOthersChanged = true;
    if (index === this.#present) this.#enter(Math.min(index, this.#objects.length - 1));
    else if (index < this.#present) this.#present--;
  }

  /** @returns {Float32Array} [height, width], a copy; zeros where nothing is known */
  probability() {
    const { height, width } = this.#predictor.imageSize;
    const prediction = this.#predictor.prediction;
    return prediction ? prediction.probability : new Float32Array(height * width);
  }

  /**
   * @param {import("./predictor.js").Glance} seen what is shown of the present object
   * @returns {Snapshot} with copies, which may be transferred
   */
  snapshot(seen = this.#predictor) {
    const predictor = this.#predictor;
    const { height, width } = predictor.imageSize;
    const { prediction, clicks, view } = seen;
    const mask = prediction && prediction.mask.slice();
    let area = 0;
    if (mask) for (let i = 0; i < mask.length; i++) area += mask[i];
    const isWhole =
      view.box.bottom - view.box.top === height && view.box.right - view.box.left === width;
    const snapshot = {
      width,
      height,
      mask,
      area,
      clicks: clicks.map(({ row, col, isPositive }) => ({
        x: col,
        y: row,
        label: isPositive ? 1 : 0,
      })),
      canUndo: clicks.length > 0,
      canRedo: predictor.canRedo,
      hasStartMask: predictor.hasStartMask,
      encodeMs: prediction?.encodeMs ?? 0,
      clickMs: prediction?.clickMs ?? 0,
      candidates: prediction?.candidates ?? [],
      box: isWhole ? null : view.box,
      object: this.#present,
      numObjects: this.#objects.length,
    };
    if (this.#haveOthersChanged) snapshot.others = this.#others();
    this.#haveOthersChanged = false;
    return snapshot;
  }

  /**
   * A file of the present object or of all of them, see `fileOf`.
   *
   * @param {string} format
   * @param {import("../images/files.js").FileOptions} what its `masks` are taken in the place of
   *   those that were clicked here, `object` is the present one of them
   * @returns {Promise<Blob>}
   */
  async file(format, what = {}) {
    const { photograph, prediction } = this.#predictor;
    const { masks = null, object = 0 } = what;
    const known = {
      mask: masks === null ? (prediction?.mask ?? null) : masks[object],
      probability: () => (masks === null && prediction?.probability) || null,
      masks: () => masks ?? this.#masks(),
    };
    return fileOf(format, photograph, known, what);
  }

  #checkIndex(index) {
    if (!Number.isInteger(index) || index < 0 || index >= this.#objects.length) {
      throw new InputError(
        `An object is a number from 0 to ${this.#objects.length - 1}. Received ${index}.`,
      );
    }
  }

  #leave() {
    this.#objects[this.#present].counts = this.#presentCounts();
    this.#haveOthersChanged = true;
  }

  #enter(index) {
    this.#present = index;
    this.#predictor.target = this.#objects[index].target;
    this.#objects[index].counts = null;
  }

  #presentCounts() {
    const { height, width } = this.#predictor.imageSize;
    const prediction = this.#predictor.prediction;
    return prediction && runLengths(prediction.mask, height, width);
  }

  /** One mask per object, [height, width] of 0 and 1; empty ones where nothing was clicked. */
  #masks() {
    const { height, width } = this.#predictor.imageSize;
    const masks = this.#objects.map(({ counts }, i) => {
      if (i === this.#present) counts = this.#presentCounts();
      return maskOfRunLengths(counts ?? [height * width], height, width);
    });
    return masks;
  }

  #others() {
    if (this.#objects.length === 1) return null;
    const { height, width } = this.#predictor.imageSize;
    const index = new Uint8Array(height * width);
    this.#objects.forEach(({ counts }, i) => {
      if (i === this.#present || counts === null) return;
      const mask = maskOfRunLengths(counts, height, width);
      for (let pixel = 0; pixel < index.length; pixel++) if (mask[pixel]) index[pixel] = i + 1;
    });
    return index;
  }
}
