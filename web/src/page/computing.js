/**
 * Which mask is asked for next, and to which object an answer belongs. One request to the engine is
 * under way at a time; when it is answered, the newest document decides about the next one.
 *
 * What the engine holds is written down as slots, one per object in it. A request is chosen so that
 * the slots come nearer to the document. So it does not matter what happened meanwhile: actions that
 * were undone are never asked for, and an answer says by itself which state it belongs to.
 *
 * @typedef {import("./document.js").Document} Document
 * @typedef {import("./document.js").Item} Item
 * @typedef {import("./document.js").Click} Click
 * @typedef {import("../engine/segmenter.js").Segmenter} Segmenter
 *
 * @typedef {object} Answer the mask of a state of an object
 * @property {string | null} start of that state, and so are clicks and threshold
 * @property {Click[]} clicks
 * @property {number} threshold
 * @property {import("./runs.js").Runs} runs
 * @property {number} area pixels of the mask
 * @property {boolean} isGlance a first look; the mask that holds will come
 * @property {number} [numCandidates] other masks that its only click may have meant
 *
 * @typedef {object} Slot an object in the engine
 * @property {string | null} item null where it is nobody's, and then it is empty
 * @property {string | null} start
 * @property {Click[]} clicks
 * @property {Click[]} undone clicks that the engine can make again at no cost, the next one last
 * @property {boolean} isUnknown a request about it failed, and may have been done in part
 *
 * @typedef {object} Candidate a photograph that is to be opened
 * @property {string} id
 * @property {string} name
 * @property {Blob} blob
 *
 * @typedef {object} Handlers
 * @property {(id: string) => Blob} photographOf the bytes of a photograph
 * @property {(id: string) => Uint8Array} startOf a mask to start from, of 0 and 1
 * @property {(candidate: Candidate, decoded: object) => void} opened a candidate is a photograph
 * @property {(id: string, decoded: object) => void} decoded another photograph of the document
 * @property {() => void} changed there is another mask, or nothing is under way any more
 * @property {(error: Error, failed: Candidate | string | null) => void} failed the candidate that
 *   could not be opened, or the photograph of the document; null for a mask
 */

import { InputError } from "../engine/segmenter.js";
import {
  candidateOf,
  currentPhotograph,
  EMPTY,
  isEmpty,
  sameClick,
  sameMask,
  samePlace,
  withCandidate,
} from "./document.js";
import { areaOfRuns, maskOfRuns, runsOf } from "./runs.js";

export class Computing {
  #on;
  #engine = null;
  /** @type {Document} */
  #document = EMPTY;
  #candidates = [];
  #answers = new Map(); // id of an object → Answer
  #failed = new Map(); // id of an object → the Item whose mask could not be computed
  #failedPhotograph = null; // {id, document}
  #held = emptyEngine(null, 0);
  #latest = { id: null, mask: null }; // the latest mask as the engine sent it
  #isRunning = false;

  /** @param {Handlers} on */
  constructor(on) {
    this.#on = on;
  }

  /** @param {Segmenter} engine once it is loaded */
  start(engine) {
    this.#engine = engine;
    this.#held.threshold = engine.threshold;
    this.#run();
  }

  /** The document has changed. @param {Document} document */
  update(document) {
    this.#document = document;
    this.#run();
  }

  /** Open a file as soon as the engine is free. @param {Candidate} candidate */
  open(candidate) {
    this.#candidates.push(candidate);
    this.#run();
  }

  /** Masks that are known from elsewhere. @param {Map<string, Answer>} answers by object */
  remember(answers) {
    for (const [id, answer] of answers) this.#answers.set(id, answer);
  }

  /** @returns {Map<string, Answer>} by object; not to be changed */
  get answers() {
    return this.#answers;
  }

  /** Whether all that was asked for is there. */
  get isIdle() {
    return !this.#isRunning && (this.#engine === null || this.#next() === null);
  }

  /** What is known of the object's mask, newest or not. @returns {Answer | null} */
  answerOf({ id, ...item }) {
    return isEmpty(item) ? null : (this.#answers.get(id) ?? null);
  }

  /** Whether the mask that is known is that of the object as it is now. @param {Item} item */
  isCurrent(item) {
    const answer = this.#answers.get(item.id);
    return isEmpty(item) || (answer !== undefined && !answer.isGlance && sameMask(answer, item));
  }

  /** @returns {Uint8Array | null} of 0 and 1, as far as it is known */
  maskOf(item, { width, height }) {
    const answer = this.answerOf(item);
    if (answer === null) return null;
    if (this.#latest.id !== item.id) {
      this.#latest = { id: item.id, mask: maskOfRuns(answer.runs, width * height) };
    }
    return this.#latest.mask;
  }

  // ---- Requests ----------------------------------------------------------------------------------

  async #run() {
    if (this.#isRunning || this.#engine === null) return;
    this.#isRunning = true;
    for (let request = this.#next(); request !== null; request = this.#next()) {
      try {
        await request();
      } catch (error) {
        this.#isRunning = false;
        throw error;
      }
      this.#on.changed();
    }
    this.#isRunning = false;
    this.#on.changed();
  }

  /** @returns {(() => Promise<void>) | null} what is to be asked for now */
  #next() {
    if (this.#candidates.length > 0) return () => this.#setCandidate(this.#candidates.shift());
    const photograph = currentPhotograph(this.#document);
    if (photograph === null) return null;
    if (this.#held.photograph !== photograph.id) {
      const { id, document } = this.#failedPhotograph ?? {};
      // Whatever a person does next is another try.
      if (id === photograph.id && document === this.#document) return null;
      return () => this.#setPhotograph(photograph.id);
    }
    const gone = this.#goneSlot(photograph);
    if (gone >= 0) return () => this.#removeSlot(gone);
    const present = photograph.items.find(({ id }) => id === photograph.present);
    const isWanted = (item) => !this.#hasFailed(item) && !this.isCurrent(item);
    const item = isWanted(present) ? present : (photograph.items.find(isWanted) ?? present);
    if (this.#hasFailed(item)) return null;
    const step = this.#stepTowards(item);
    return step && (() => this.#take(item, step));
  }

  /** Whatever a person does to the object next is another try. */
  #hasFailed(item) {
    return this.#failed.get(item.id) === item;
  }

  #goneSlot({ items }) {
    const isGone = ({ item }) => item !== null && !items.some(({ id }) => id === item);
    return this.#held.slots.findIndex(isGone);
  }

  /**
   * The request that brings the engine nearer to an object.
   *
   * @param {Item} item
   * @returns {{send: (listeners: object) => Promise<object | null>, done: () => void,
   *   lost?: () => void} | null} null where the engine holds just that; `done` writes down what it
   *   holds after `send`, `lost` that this is not known
   */
  #stepTowards(item) {
    const [engine, held] = [this.#engine, this.#held];
    const lost = () => (held.photograph = null); // begin anew
    const index = held.slots.findIndex((slot) => slot.item === item.id);
    const present = held.slots[held.present];
    if (index < 0 && present.isUnknown) return this.#startStep(present, { start: null });
    if (index < 0 && isEmpty(present)) {
      present.item = item.id;
      return this.#stepTowards(item);
    }
    if (index < 0) {
      const done = () => (held.present = held.slots.push(emptySlot(item.id)) - 1);
      return { send: () => engine.newObject(), done, lost };
    }
    if (index !== held.present) {
      const done = () => (held.present = index);
      return { send: () => engine.selectObject(index), done, lost };
    }
    if (held.threshold !== item.threshold) return this.#thresholdStep(item);
    if (present.isUnknown || present.start !== item.start) return this.#startStep(present, item);
    const step = clicksStep(engine, present, item.clicks);
    // All is as it should be, but its mask was not sent.
    if (step === null && !this.isCurrent(item)) return this.#thresholdStep(item);
    return step;
  }

  #thresholdStep({ threshold }) {
    const done = () => (this.#held.threshold = threshold);
    const lost = () => (this.#held.threshold = NaN);
    return { send: () => this.#engine.setThreshold(threshold), done, lost };
  }

  #startStep(slot, { start }) {
    const send = () => this.#engine.setMask(start === null ? null : this.#on.startOf(start));
    const done = () => Object.assign(slot, { start, clicks: [], undone: [], isUnknown: false });
    return { send, done };
  }

  /** Do a step, and keep the mask that it brings. */
  async #take(item, { send, done, lost }) {
    try {
      const onGlance = (glance) => {
        const clicks = glance.clicks;
        this.#keep({ ...this.#stateHeld(), clicks }, glance, true);
        this.#on.changed();
      };
      const snapshot = await send({ onGlance });
      done();
      this.#keep(this.#stateHeld(), snapshot, false);
    } catch (error) {
      this.#failed.set(item.id, item);
      lost?.();
      for (const slot of this.#held.slots) if (slot.item === item.id) slot.isUnknown = true;
      this.#on.failed(error, null);
    }
  }

  /** The state of the object that is the engine's present one. */
  #stateHeld() {
    const { slots, present, threshold } = this.#held;
    return { ...slots[present], threshold };
  }

  #keep({ item: id, start, clicks, threshold, isUnknown }, snapshot, isGlance) {
    const { items } = currentPhotograph(this.#document) ?? { items: [] };
    const item = items.find((one) => one.id === id);
    // The object may be gone, or another photograph is shown.
    if (item === undefined || isUnknown || !snapshot?.mask) return;
    const state = { id, start, clicks, threshold };
    // A mask on the way to the one that holds does not take its place.
    if (this.isCurrent(item) && (isGlance || !sameMask(state, item))) return;
    const runs = runsOf(snapshot.mask);
    const area = areaOfRuns(runs);
    const numCandidates = snapshot.candidates.length;
    const answer = { start, clicks, threshold, runs, area, isGlance, numCandidates };
    this.#answers.set(id, answer);
    this.#latest = { id, mask: snapshot.mask };
  }

  async #removeSlot(index) {
    const { slots } = this.#held;
    try {
      const isNothing = slots.length === 1 && isEmpty(slots[0]) && !slots[0].isUnknown;
      if (!isNothing) await this.#engine.removeObject(index);
    } catch (error) {
      this.#held.photograph = null; // begin anew
      this.#on.failed(error, null);
      return;
    }
    if (slots.length === 1) {
      slots[0] = emptySlot(null);
      return;
    }
    slots.splice(index, 1);
    // As the engine does it.
    if (index < this.#held.present) this.#held.present--;
    this.#held.present = Math.min(this.#held.present, slots.length - 1);
  }

  // ---- Photographs -------------------------------------------------------------------------------

  async #setCandidate(candidate) {
    let isOpened = false;
    const onDecoded = (decoded) => {
      isOpened = true;
      this.#on.opened(candidate, decoded);
    };
    const error = await this.#setImage(candidate.id, candidate.blob, onDecoded);
    if (error) this.#photographFailed(error, candidate.id, isOpened ? candidate.id : candidate);
  }

  async #setPhotograph(id) {
    const onDecoded = (decoded) => this.#on.decoded(id, decoded);
    const error = await this.#setImage(id, this.#on.photographOf(id), onDecoded);
    if (error) this.#photographFailed(error, id, id);
  }

  /** @returns {Promise<Error | null>} why the engine does not hold the photograph now */
  async #setImage(id, blob, onDecoded) {
    try {
      const listener = (decoded) => {
        // What the engine held is no longer what is seen, even if the rest fails.
        this.#held.photograph = null;
        onDecoded(decoded);
      };
      await this.#engine.setImage(blob, { onDecoded: listener });
      this.#held = emptyEngine(id, this.#held.threshold);
      return null;
    } catch (error) {
      return error;
    }
  }

  #photographFailed(error, id, failed) {
    this.#failedPhotograph = { id, document: this.#document };
    this.#on.failed(error, failed);
    // The handler may have changed the document.
    if (this.#failedPhotograph.id === id) this.#failedPhotograph.document = this.#document;
  }
}

/** The request after which a slot has these clicks; null where it has them. */
function clicksStep(engine, slot, wanted) {
  const present = slot.clicks;
  if (wanted.length > 0 && present.length > 0) {
    const step = choiceStep(engine, slot, wanted[0]);
    if (step !== null) return step;
  }
  let kept = 0;
  while (kept < Math.min(wanted.length, present.length) && sameClick(wanted[kept], present[kept])) {
    kept++;
  }
  const [numNew, numOld] = [wanted.length - kept, present.length - kept];
  if (numNew === 0 && numOld === 0) return null;
  const next = wanted[kept];
  const isRedo = numNew === 1 && numOld === 0 && slot.undone.length > 0;
  if (isRedo && sameClick(slot.undone.at(-1), next)) {
    const undone = slot.undone.slice(0, -1);
    return { send: () => engine.redo(), done: () => set(slot, wanted, undone) };
  }
  // What a click may have meant is chosen once it is made.
  if (kept === 0 && numNew > 0 && candidateOf(next) > 0) wanted = [withCandidate(next, 0)];
  if (wanted.length - kept === 1 && numOld === 0) {
    const send = (listeners) => engine.click(next.x, next.y, next.label, listeners);
    return { send, done: () => set(slot, wanted, []) };
  }
  if (numNew === 0) {
    const undone = [...slot.undone, ...present.slice(kept).reverse()];
    const send = numOld === 1 ? () => engine.undo() : () => engine.setClicks(wanted);
    return { send, done: () => set(slot, wanted, undone) };
  }
  return { send: () => engine.setClicks(wanted), done: () => set(slot, wanted, []) };
}

/** The request that brings an object's first click nearer to the mask that it meant; or null. */
function choiceStep(engine, slot, first) {
  const [held, ...others] = slot.clicks;
  const [from, to] = [candidateOf(held), candidateOf(first)];
  if (from === to || !samePlace(held, first)) return null;
  const plain = [withCandidate(held, 0)];
  if (others.length > 0) {
    return { send: () => engine.setClicks(plain), done: () => set(slot, [held], []) };
  }
  // What is chosen changes places with the best, so another one is reached by way of that.
  const [number, next] = from === 0 ? [to - 1, to] : [from - 1, 0];
  const send = async () => {
    try {
      return await engine.choose(number);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      // The project is of a network that has more of them.
      return engine.setClicks(plain);
    }
  };
  return { send, done: () => set(slot, [withCandidate(held, next)], []) };
}

function set(slot, clicks, undone) {
  Object.assign(slot, { clicks, undone });
}

/** @returns {Slot} */
function emptySlot(item) {
  return { item, start: null, clicks: [], undone: [], isUnknown: false };
}

/** What the engine holds of a photograph that it has just read. */
function emptyEngine(photograph, threshold) {
  return { photograph, slots: [emptySlot(null)], present: 0, threshold };
}
