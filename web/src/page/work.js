/**
 * A person's work on the page: the history of the document, the bytes and masks that belong to it,
 * and what computes and keeps them. It knows neither DOM nor IndexedDB.
 *
 * @typedef {import("./document.js").Action} Action
 *
 * @typedef {object} Handlers
 * @property {() => void} changed the document or a mask
 * @property {(decoded: {bitmap: ImageBitmap, isScaled: boolean}) => void} shown a photograph has been
 *   decoded, and is to be seen
 * @property {(error: Error) => void} failed
 */

import { Computing } from "./computing.js";
import * as documents from "./document.js";
import { done, forgotten, newHistory, redone, undone } from "./history.js";
import { maskOfRuns, runsOf } from "./runs.js";

export class Work {
  #history = newHistory(documents.EMPTY);
  #photographs = new Map(); // bytes, by id
  #starts = new Map(); // Runs, by id
  #computing;
  #on;
  #threshold = 0.5; // of new objects
  #shown = null; // id of the photograph that has been decoded last
  #newId;
  #waiting = []; // who wants to know when all masks are there

  /** @param {Handlers} on @param {() => string} newId */
  constructor(on, newId = uniqueId) {
    this.#on = on;
    this.#newId = newId;
    this.#computing = new Computing({
      photographOf: (id) => this.#photographs.get(id),
      startOf: (id) => this.#startMask(id),
      opened: (candidate, decoded) => this.#opened(candidate, decoded),
      decoded: (id, decoded) => this.#decoded(id, decoded),
      changed: () => this.#changed(),
      failed: (error, failed) => this.#failed(error, failed),
    });
  }

  /** @param {import("../engine/segmenter.js").Segmenter} engine once it is loaded */
  start(engine) {
    this.#threshold = engine.threshold;
    this.#computing.start(engine);
  }

  // ---- What holds now ----------------------------------------------------------------------------

  get document() {
    return this.#history.document;
  }

  /** The one that is seen; null where there is none, or where it still is being decoded. */
  get photograph() {
    const photograph = documents.currentPhotograph(this.document);
    return photograph !== null && photograph.id === this.#shown ? photograph : null;
  }

  /** The object that is being clicked; null where `photograph` is. */
  get item() {
    return this.photograph && documents.presentItem(this.document);
  }

  get canUndo() {
    return this.#history.past.length > 0;
  }

  get canRedo() {
    return this.#history.future.length > 0;
  }

  /** Whether every mask is there. */
  get isIdle() {
    return this.#computing.isIdle;
  }

  /** @param {documents.Item} item @returns {import("./computing.js").Answer | null} */
  answerOf(item) {
    return this.#computing.answerOf(item);
  }

  isCurrent(item) {
    return this.#computing.isCurrent(item);
  }

  /** The mask of an object of the photograph that is seen. @returns {Uint8Array | null} */
  maskOf(item) {
    return this.#computing.maskOf(item, this.photograph.size);
  }

  /** All that is to be kept. @returns {import("./storage.js").Work} */
  get kept() {
    return {
      document: this.document,
      photographs: this.#photographs,
      starts: this.#starts,
      answers: this.#computing.answers,
    };
  }

  /** Resolves once every mask is there, or could not be made. */
  async settled() {
    while (!this.isIdle) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  // ---- What a person does ------------------------------------------------------------------------

  /** @param {Action} action @throws {InputError} where the person can mend it */
  act(action) {
    this.#take(done(this.#history, action));
  }

  undo() {
    this.#take(undone(this.#history));
  }

  redo() {
    this.#take(redone(this.#history));
  }

  nextItem() {
    this.act({ type: "nextItem", id: this.#newId() });
  }

  removeItem(item) {
    this.act({ type: "removeItem", item, id: this.#newId() });
  }

  /** How many other masks the only click of the present object may have meant. */
  get numCandidates() {
    const { item } = this;
    return item?.clicks.length === 1 ? (this.answerOf(item)?.numCandidates ?? 0) : 0;
  }

  /** The present object's only click meant another mask; after the last one comes the first again. */
  nextCandidate() {
    const count = this.numCandidates;
    if (count === 0) return;
    const { id, clicks } = this.item;
    const candidate = (documents.candidateOf(clicks[0]) + 1) % (count + 1);
    this.act({ type: "choose", item: id, candidate });
  }

  /** The present object starts from a mask of 0 and 1, or from nothing. */
  startFrom(mask) {
    this.act({ type: "startFrom", start: mask && this.#addStart(mask) });
  }

  /** Objects from masks. @param {{name: string, mask: Uint8Array}[]} masks */
  addItems(masks) {
    const items = masks.map(({ name, mask }) =>
      documents.newItem(this.#newId(), this.#threshold, name, this.#addStart(mask)),
    );
    this.act({ type: "addItems", items });
  }

  /** Photographs from files; the first one is shown. @param {{name: string, blob: Blob}[]} files */
  open(files) {
    const [first, ...rest] = files;
    this.#computing.open({ id: this.#newId(), rest, ...first });
  }

  /** What was kept, or comes from a project file. @param {import("./storage.js").Work} work */
  add({ document, photographs, starts, answers }) {
    const isThere = ({ id }) => photographs.has(id);
    const added = document.photographs.filter(isThere);
    if (added.length === 0) return;
    for (const [id, blob] of photographs) this.#photographs.set(id, blob);
    for (const [id, runs] of starts) this.#starts.set(id, runs);
    this.#computing.remember(answers);
    this.act({ type: "open", photographs: added });
    this.act({ type: "show", photograph: document.current });
  }

  /** What was done until now can no longer be undone: it has just been restored. */
  begin() {
    this.#take(newHistory(this.document));
  }

  // ---- How it is done ----------------------------------------------------------------------------

  #take(history) {
    if (history === this.#history) return;
    this.#history = history;
    this.#computing.update(history.document);
    this.#changed();
  }

  #changed() {
    if (this.isIdle) for (const resolve of this.#waiting.splice(0)) resolve();
    this.#on.changed();
  }

  #addStart(mask) {
    const id = this.#newId();
    this.#starts.set(id, runsOf(mask));
    return id;
  }

  #startMask(id) {
    const { width, height } = documents.currentPhotograph(this.document).size;
    return maskOfRuns(this.#starts.get(id), width * height);
  }

  #opened({ id, name, blob, rest }, decoded) {
    const files = [{ id, name, blob, size: sizeOf(decoded) }];
    for (const file of rest) files.push({ id: this.#newId(), ...file, size: null });
    for (const file of files) this.#photographs.set(file.id, file.blob);
    const photographs = files.map(({ id, name, size }) =>
      documents.newPhotograph(
        { id, name, size },
        documents.newItem(this.#newId(), this.#threshold),
      ),
    );
    this.#shown = id;
    this.#on.shown(decoded);
    this.act({ type: "open", photographs });
  }

  #decoded(id, decoded) {
    this.#shown = id;
    this.#on.shown(decoded);
    this.act({ type: "measure", photograph: id, size: sizeOf(decoded) });
    this.#changed();
  }

  #failed(error, failed) {
    if (failed !== null && typeof failed === "object") {
      if (failed.rest.length > 0) this.open(failed.rest);
    } else if (failed !== null) {
      const photograph = this.document.photographs.find(({ id }) => id === failed);
      // It never was one.
      if (photograph?.size === null) this.#take(forgotten(this.#history, failed));
    }
    this.#on.failed(error);
  }
}

/** Of the photograph, where its bitmap is smaller. */
export function sizeOf({ bitmap, width = bitmap.width, height = bitmap.height }) {
  return { width, height };
}

/** An id that nobody else has. */
export function uniqueId() {
  return [Date.now(), ...crypto.getRandomValues(new Uint32Array(2))]
    .map((number) => number.toString(36))
    .join("-");
}
