/**
 * Click-to-segment for any page: the module's one class. Types and examples: segmenter.d.ts.
 *
 *     const segmenter = await Segmenter.load("./model/");
 *     await segmenter.setImage(file);
 *     const { mask } = await segmenter.click(220, 120);
 *
 * Everything runs in a worker. Positions are (x, y) in pixels of the photograph, x to the right.
 */

import { InputError } from "./errors.js";

export { InputError };

/**
 * @import * as declared from "./segmenter.js"
 * @implements {declared.Segmenter}
 */
export class Segmenter {
  backend = "";
  backendName = "";
  threshold = 0;
  preset = "";
  licence = "";
  #worker;
  #waiting = new Map(); // id → {resolve, reject} and listeners
  #lastId = 0;
  #others = null;
  #latest = null;

  /** Use `Segmenter.load`. */
  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failAll(
        new InputError(
          "The segmenter's worker could not start or has stopped. Reload the page; if that does " +
            `not help, your browser may be too old. ${event.message ?? ""}`.trim(),
        ),
      );
    };
  }

  /**
   * A segmenter, ready for photographs.
   *
   * @param {string | URL} url the folder that `fctsfn export --format tfjs` wrote
   * @param {{onProgress?: (fraction: number) => void, backend?: string}} options
   * @returns {Promise<Segmenter>}
   */
  static async load(url, { onProgress, backend } = {}) {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    const segmenter = new Segmenter(worker);
    const folder = new URL(url, document.baseURI);
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    try {
      const loaded = await segmenter.#send("load", [folder.href, { backend }], { onProgress });
      Object.assign(segmenter, loaded);
      return segmenter;
    } catch (error) {
      segmenter.#worker.terminate();
      throw error;
    }
  }

  /** The latest snapshot; null before the first photograph. */
  get snapshot() {
    return this.#latest;
  }

  /**
   * @param {Blob | string | URL | ImageBitmapSource} source
   * @param {declared.ImageOptions} options
   */
  async setImage(source, options = {}) {
    const { onDecoded } = options;
    return this.#step("setImage", [await transportable(source)], { onDecoded });
  }

  /** @param {declared.ClickOptions} options */
  click(x, y, label = 1, options = {}) {
    return this.#step("click", [x, y, label], { onGlance: options.onGlance });
  }

  setClicks(clicks) {
    return this.#step("setClicks", [clicks]);
  }

  undo() {
    return this.#step("undo");
  }

  redo() {
    return this.#step("redo");
  }

  reset() {
    return this.#step("reset");
  }

  setMask(mask) {
    return this.#step("setMask", [mask]);
  }

  setThreshold(threshold) {
    return this.#step("setThreshold", [threshold]);
  }

  newObject() {
    return this.#step("newObject");
  }

  selectObject(index) {
    return this.#step("selectObject", [index]);
  }

  removeObject(index) {
    return this.#step("removeObject", [index]);
  }

  probability() {
    return this.#ask("probability");
  }

  /** @param {declared.FileOptions} what */
  toMask(format = "mask", what = {}) {
    return this.#ask("file", format, what);
  }

  readMasks(file) {
    return this.#ask("readMasks", file);
  }

  memory() {
    return this.#ask("memory");
  }

  async dispose() {
    await this.#ask("dispose");
    this.#worker.terminate();
    this.#failAll(new InputError("The segmenter was disposed of. Load a new one."));
  }

  // ---- How it is done ----------------------------------------------------------------------------

  /** A request whose answer is a snapshot. */
  async #step(method, args = [], listeners = {}) {
    const snapshot = await this.#send(method, args, listeners);
    return snapshot && this.#remember(snapshot);
  }

  #remember(snapshot) {
    if ("others" in snapshot) this.#others = snapshot.others;
    this.#latest = { ...snapshot, others: this.#others };
    return this.#latest;
  }

  #ask(method, ...args) {
    return this.#send(method, args, {});
  }

  #send(method, args, listeners) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, ...listeners });
      this.#worker.postMessage({ id, method, args });
    });
  }

  #receive({ id, result, error, progress, decoded, glance }) {
    const { resolve, reject, onProgress, onDecoded, onGlance } = this.#waiting.get(id);
    if (progress !== undefined) {
      onProgress?.(progress);
      return;
    }
    if (decoded !== undefined) {
      if (onDecoded) onDecoded(decoded);
      else decoded.bitmap.close();
      return;
    }
    if (glance !== undefined) {
      const snapshot = this.#remember(glance);
      onGlance?.(snapshot);
      return;
    }
    this.#waiting.delete(id);
    if (error) reject(asError(error));
    else resolve(result);
  }

  #failAll(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** What can be sent to a worker: files as they are, everything drawn as a bitmap. */
async function transportable(source) {
  if (typeof source === "string" || source instanceof URL) {
    const response = await fetch(source);
    if (!response.ok) {
      throw new InputError(`The photograph could not be fetched (HTTP ${response.status}).`);
    }
    return response.blob();
  }
  return source instanceof Blob ? source : createImageBitmap(source);
}

function asError({ name, message }) {
  return name === "InputError"
    ? new InputError(message)
    : Object.assign(new Error(message), { name });
}
