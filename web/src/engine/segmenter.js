/**
 * Click-to-segment for any page: the module's one class.
 *
 *     const segmenter = await Segmenter.load("./model/");
 *     await segmenter.setImage(file);
 *     const snapshot = await segmenter.click(220, 120);
 *     if (snapshot !== null) show(snapshot.mask); // null: a newer step has overtaken this one
 *
 * Positions are (x, y) in pixels of the photograph, upright as its EXIF data says, x to the right and
 * y down. Everything runs in a worker of the page's own origin.
 *
 * **Order.** Steps (the methods that give a snapshot) may be called without waiting for the one before:
 * they are done in order. A step whose answer a newer one has made needless resolves to null; it counts
 * all the same. Steps on a photograph that still waits when a newer one comes are dropped with it.
 *
 * **Errors.** Every rejection is one of
 *
 * - `InputError`: a person can mend it, and the message says how;
 * - `LoadError`, of `Segmenter.load` alone: the network is missing or damaged. Where `retryable` is true
 *   calling `load` again may help, so offer that;
 * - `EngineError`: something inside failed. The segmenter goes on with the next step.
 *
 * After a rejected step everything is as it was before it. After `dispose`, and after the worker has
 * died, every call rejects with an `InputError` at once, and so do those that were waiting.
 */

import { EngineError, fromSent, InputError, LoadError } from "./errors.js";

export { EngineError, InputError, LoadError };

/**
 * @typedef {object} Point
 * @property {number} x
 * @property {number} y
 * @property {0 | 1} label 1: on the object, 0: not on it
 *
 * @typedef {object} Box rows from `top` on and before `bottom`, columns from `left` on and before `right`
 * @property {number} top
 * @property {number} left
 * @property {number} bottom
 * @property {number} right
 *
 * @typedef {object} Snapshot What there is to show after a step. Arrays are row by row, [height, width].
 * @property {number} width of the photograph, and of all masks and files
 * @property {number} height
 * @property {Uint8Array | null} mask 1 on the object, 0 elsewhere; null before the first click
 * @property {number} area pixels of the mask
 * @property {Point[]} clicks of the present object, oldest first
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {boolean} hasStartMask
 * @property {number} encodeMs milliseconds in the image part for this click; 0 where it had run already
 * @property {number} clickMs milliseconds that the rest of this click took
 * @property {number[]} candidates after the first click on an object, other masks that it may have meant,
 *   the best first: the IoU that the network expects of each. Empty for most networks. See `choose`.
 * @property {Box | null} box where the network looked closely; null where it saw the whole photograph
 * @property {number} object the present object, from 0
 * @property {number} numObjects
 * @property {Uint8Array | null} others index map of the other objects: i + 1 on object i; null where
 *   there is one object
 *
 * @typedef {"webgpu" | "webgl" | "wasm" | "cpu"} Backend
 *
 * @typedef {object} LoadOptions
 * @property {(fraction: number) => void} [onProgress] told the share of the network that has been
 *   fetched, in [0, 1]
 * @property {Backend} [backend] without it the quickest that works is taken
 *
 * @typedef {object} Decoded
 * @property {ImageBitmap} bitmap to be shown, and yours to close; of a photograph over 16.7 megapixels it
 *   is smaller than the photograph, since not every browser draws more
 * @property {number} width of the photograph in pixels, as everything else counts them
 * @property {number} height
 * @property {boolean} isScaled whether what was given had more than 52 megapixels (files have not) and the
 *   photograph is smaller
 *
 * @typedef {object} ImageOptions
 * @property {(decoded: Decoded) => void} [onDecoded] told the decoded photograph before the network
 *   reads it
 *
 * @typedef {object} ClickOptions
 * @property {(glance: Snapshot) => void} [onGlance] told, on the first click on an object, the mask of a
 *   first look, while the network looks again or closer. Show it, so that nobody waits; the promise
 *   brings the mask that holds.
 *
 * @typedef {"mask" | "cutout" | "probability" | "index" | "coco" | "labelme" | "yolo" | "svg"} FileFormat
 *
 * @typedef {object} FileOptions
 * @property {string} [imageName] the photograph's file name, for COCO and labelme
 * @property {string[]} [names] one per object; an empty or no name is "object"
 * @property {Uint8Array[]} [masks] of your own in the place of the segmenter's, one per object, [height,
 *   width] of 0 and 1
 * @property {number} [object] which of these masks "mask" and "cutout" are about
 * @property {boolean} [soft] a cut-out whose edges are soft, in the object's own colours
 * @property {boolean} [crop] a cut-out that is as large as the object
 * @property {string | Blob | null} [background] of a cut-out: "#rrggbb", or a picture that covers it;
 *   none where it is transparent
 */

const DISPOSED = "The segmenter was disposed of. Load a new one.";

export class Segmenter {
  /** @type {Backend} */
  backend = "cpu";
  /** The backend for people, such as "WebAssembly, SIMD, 2 threads". */
  backendName = "";
  /** The preset's threshold. */
  threshold = 0;
  /** Name of the preset that was exported. */
  preset = "";
  /** One line on what its weights may be used for; "" where the export has none. */
  licence = "";
  /** @type {Worker} */
  #worker;
  #waiting = new Map(); // id → {resolve, reject} and listeners
  #lastId = 0;
  /** @type {Promise<void>} */
  #sent = Promise.resolve(); // once all requests so far are with the worker
  /** @type {Uint8Array | null} */
  #others = null;
  /** @type {Snapshot | null} */
  #latest = null;
  /** @type {Error | null} */
  #ended = null; // why nothing is answered any more

  /**
   * Use `Segmenter.load`.
   *
   * @private
   * @param {Worker} worker
   */
  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(
        new InputError(
          "The segmenter's worker has stopped. Load a new one, or reload the page. " +
            `${event.message ?? ""}`.trim(),
        ),
      );
    };
  }

  /**
   * A segmenter, ready for photographs.
   *
   * @param {string | URL} url the folder that `fctsfn export --format tfjs` wrote, relative to the page
   * @param {LoadOptions} [options]
   * @returns {Promise<Segmenter>}
   */
  static async load(url, { onProgress, backend } = {}) {
    const folder = new URL(url, document.baseURI);
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    const segmenter = new Segmenter(worker);
    let hasBegun = false;
    const begun = (/** @type {number} */ fraction) => {
      hasBegun = true;
      onProgress?.(fraction);
    };
    try {
      const loaded = await segmenter.#send("load", [folder.href, { backend }], {
        onProgress: begun,
      });
      return Object.assign(segmenter, loaded);
    } catch (error) {
      segmenter.#worker.terminate();
      if (segmenter.#ended === null || hasBegun) throw error;
      throw new LoadError(
        "The segmenter's worker could not start. Check the connection and try again; if that does " +
          "not help, this browser may be too old.",
      );
    }
  }

  /** The latest; null before the first photograph. */
  get snapshot() {
    return this.#latest;
  }

  /**
   * Start on a photograph: a file, a URL, or anything that `createImageBitmap` takes.
   *
   * @param {Blob | string | URL | ImageBitmapSource} source
   * @param {ImageOptions} [options]
   * @returns {Promise<Snapshot | null>}
   */
  setImage(source, { onDecoded } = {}) {
    const args = transportable(source).then((sent) => [sent]);
    return this.#step("setImage", args, { onDecoded });
  }

  /**
   * One more click. The first one must have label 1, unless there is a start mask.
   *
   * @param {number} x
   * @param {number} y
   * @param {0 | 1} [label]
   * @param {ClickOptions} [options]
   * @returns {Promise<Snapshot | null>}
   */
  click(x, y, label = 1, { onGlance } = {}) {
    return this.#step("click", [x, y, label], { onGlance });
  }

  /**
   * What a first click here would give, for a pointer that rests: nothing changes. It costs one click
   * part, so ask for one at a time, and only where `clickMs` of earlier clicks is short.
   *
   * @param {number} x
   * @param {number} y
   * @returns {Promise<Uint8Array | null>} the mask of a first look, [height, width]; null where something
   *   newer was asked for meanwhile
   */
  preview(x, y) {
    return this.#send("preview", [x, y]);
  }

  /**
   * These clicks instead of the present ones; costs only what differs.
   *
   * @param {Point[]} clicks
   * @returns {Promise<Snapshot | null>}
   */
  setClicks(clicks) {
    return this.#step("setClicks", [clicks]);
  }

  /**
   * Without the latest click, exactly as it was.
   *
   * @returns {Promise<Snapshot | null>}
   */
  undo() {
    return this.#step("undo");
  }

  /** @returns {Promise<Snapshot | null>} */
  redo() {
    return this.#step("redo");
  }

  /**
   * Forget all clicks: back to the start mask or to nothing.
   *
   * @returns {Promise<Snapshot | null>}
   */
  reset() {
    return this.#step("reset");
  }

  /**
   * Another of the snapshot's `candidates`, which changes places with the mask that was shown. Further
   * clicks go on from there.
   *
   * @param {number} number its place among them, from 0
   * @returns {Promise<Snapshot | null>}
   */
  choose(number) {
    return this.#step("choose", [number]);
  }

  /**
   * Start from a mask; forgets the clicks.
   *
   * @param {Uint8Array | Uint8ClampedArray | Blob | null} mask 0 off the object and anything else on it,
   *   as large as the photograph; or a file; null: from nothing
   * @returns {Promise<Snapshot | null>}
   */
  setMask(mask) {
    return this.#step("setMask", [mask]);
  }

  /**
   * What is object: probability above this.
   *
   * @param {number} threshold in [0, 0.999]
   * @returns {Promise<Snapshot | null>}
   */
  setThreshold(threshold) {
    return this.#step("setThreshold", [threshold]);
  }

  /**
   * Keep the present object and start on the next one.
   *
   * @returns {Promise<Snapshot | null>}
   */
  newObject() {
    return this.#step("newObject");
  }

  /**
   * Go on with another object, exactly where it was left.
   *
   * @param {number} index
   * @returns {Promise<Snapshot | null>}
   */
  selectObject(index) {
    return this.#step("selectObject", [index]);
  }

  /**
   * @param {number} index
   * @returns {Promise<Snapshot | null>}
   */
  removeObject(index) {
    return this.#step("removeObject", [index]);
  }

  /**
   * Of the present object, [height, width] in [0, 1].
   *
   * @returns {Promise<Float32Array>}
   */
  probability() {
    return this.#send("probability", []);
  }

  /**
   * A file: PNG of the present object ("mask" black and white, "cutout" RGBA, "probability" grey); index
   * PNG, COCO JSON, labelme JSON, YOLO segmentation or SVG of all objects.
   *
   * @param {FileFormat} [format]
   * @param {FileOptions} [what]
   * @returns {Promise<Blob>}
   */
  toMask(format = "mask", what = {}) {
    return this.#send("file", [format, what]);
  }

  /**
   * The masks in a file that belongs to the photograph: a COCO file's with their names; else an index
   * PNG's, one per index; else the one mask of a picture.
   *
   * @param {Blob} file
   * @returns {Promise<{name: string, mask: Uint8Array}[]>}
   */
  readMasks(file) {
    return this.#send("readMasks", [file]);
  }

  /**
   * What TensorFlow.js holds.
   *
   * @returns {Promise<{numTensors: number, numBytes: number}>}
   */
  memory() {
    return this.#send("memory", []);
  }

  /**
   * Free everything and end the worker. What waits is rejected.
   *
   * @returns {Promise<void>}
   */
  async dispose() {
    this.#end(new InputError(DISPOSED));
  }

  // ---- How it is done ----------------------------------------------------------------------------

  /**
   * A request whose answer is a snapshot.
   *
   * @param {string} method
   * @param {any[] | Promise<any[]>} [args]
   * @param {object} [listeners]
   * @returns {Promise<Snapshot | null>}
   */
  async #step(method, args = [], listeners = {}) {
    const snapshot = await this.#send(method, args, listeners);
    return snapshot && this.#remember(snapshot);
  }

  /** @param {Snapshot} snapshot whose `others` may be missing: they have not changed */
  #remember(snapshot) {
    if ("others" in snapshot) this.#others = snapshot.others;
    this.#latest = { ...snapshot, others: this.#others };
    return this.#latest;
  }

  /**
   * @param {string} method
   * @param {any[] | Promise<any[]>} args what is sent later waits for them
   * @param {object} [listeners]
   * @returns {Promise<any>}
   */
  #send(method, args, listeners = {}) {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, ...listeners });
      this.#sent = this.#sent.then(() => this.#post(id, method, args));
    });
  }

  /**
   * @param {number} id
   * @param {string} method
   * @param {any[] | Promise<any[]>} args
   */
  async #post(id, method, args) {
    try {
      const message = { id, method, args: await args };
      if (this.#ended === null) this.#worker.postMessage(message);
    } catch (error) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.reject(
        error instanceof InputError
          ? error
          : new InputError(`What ${method} was given is of no type that it takes.`),
      );
    }
  }

  /** @param {any} message of the worker */
  #receive({ id, result, error, progress, decoded, glance }) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return; // it was disposed of meanwhile
    const { resolve, reject, onProgress, onDecoded, onGlance } = waiting;
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
    if (error) reject(fromSent(error));
    else resolve(result);
  }

  /** @param {Error} reason */
  #end(reason) {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

/**
 * What can be sent to a worker: files as they are, everything drawn as a bitmap.
 *
 * @param {Blob | string | URL | ImageBitmapSource} source
 * @returns {Promise<Blob | ImageBitmap>}
 */
async function transportable(source) {
  if (typeof source === "string" || source instanceof URL) {
    const response = await fetch(source).catch(() => null);
    if (!response?.ok) {
      const what = response ? `HTTP ${response.status}` : "no answer";
      throw new InputError(
        "The photograph could not be fetched. Check its address and the connection. " +
          `Received ${what} for ${String(source).slice(0, 200)}.`,
      );
    }
    return response.blob();
  }
  if (source instanceof Blob) return source;
  return createImageBitmap(source).catch(() => {
    throw new InputError(
      "A photograph must be a file, a URL, or what createImageBitmap takes (an image that has loaded, " +
        `a canvas, …). Received ${Object.prototype.toString.call(source)}.`,
    );
  });
}
