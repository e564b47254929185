/**
 * A photograph once, then click by click; the twin of fctsfn_tf/predict/predictor.py, step by step,
 * with what that takes from photograph.py, start_mask.py, view_click_maps.py, answer_layers.py and
 * first_look.py.
 *
 * It knows no TensorFlow: the network comes in, so that it can be tested with any.
 *
 * @typedef {object} Network
 * @property {(image: Float32Array, height: number, width: number) => Promise<object>} encode the
 *   image part: [height, width, 3] in [0, 255] → features, which `release` frees
 * @property {(features: object, maps: Float32Array, height: number, width: number) =>
 *   Promise<Float32Array>} click the click part: maps [height, width, C] → logits [height, width]
 * @property {number} [numCandidates] masks n beside the answer, of what a first click may have meant; 0
 *   where it is missing
 * @property {(features: object, maps: Float32Array, height: number, width: number) => Promise<
 *   {logits: Float32Array[], iouLogits: Float32Array}>} [answers] the click part of a network with
 *   candidates: the answer first, then the candidates; (1 + n) each
 * @property {(features: object) => void} release
 *
 * @typedef {import("./views.js").View} View
 * @typedef {{view: View, probability: Float32Array}} Layer the network's answer in one view
 * @typedef {import("./firstLook.js").Meaning} Meaning
 * @typedef {{layers: Layer[], predictedIou: number, meanings: Meaning[], encodeMs: number,
 *   clickMs: number}} State what one click left behind; `meanings` are what else it may have meant
 *
 * @typedef {object} Prediction what is known of the object
 * @property {Rendering} rendering
 * @property {Float32Array} probability [height, width] in [0, 1], at the photograph's own size; made anew
 *   each time that it is asked for
 * @property {Uint8Array} mask [height, width], 1 on the object and 0 elsewhere
 * @property {number} encodeMs spent in the image part for this click; 0 where it had run already
 * @property {number} clickMs spent on everything else that this click needed
 * @property {number[]} candidates after a first click, what else it may have meant, the best first: of
 *   each the IoU that is expected. `choose` takes one of them instead.
 *
 * @typedef {object} Glance what is known after the first look at a first click; it holds until the
 *   network has looked again (`look_again` in fctsfn_tf/predict/config.py)
 * @property {Prediction} prediction
 * @property {import("../clicks/clicks.js").Click[]} clicks
 * @property {View} view
 */

import { addClick, CLICK_ENCODINGS, emptyMaps } from "../clicks/clickMaps.js";
import {
  clickFromPoint,
  ClickHistory,
  latestOfPixels,
  onOnePixel,
  sameClick,
} from "../clicks/clicks.js";
import { InputError } from "../errors.js";
import { bestOf, mayBeSmall, meaningsOf } from "./firstLook.js";
import { merged } from "./merging.js";
import { Rendering } from "./rendering.js";
import * as views from "./views.js";

/** One object of a photograph: its start mask, its clicks and what each of them left behind. */
class Target {
  /** @param {Uint8Array | null} mask to start from, [height, width] of 0 and 1 */
  constructor(mask) {
    this.mask = mask;
    this.history = new ClickHistory();
    // states[k] is what the first k clicks led to, undone clicks included.
    this.states = [{ layers: [], predictedIou: 0, meanings: [], encodeMs: 0, clickMs: 0 }];
  }

  get state() {
    return this.states[this.history.length];
  }
}

export class Predictor {
  /** @type {import("./views.js").Config} */
  config;
  #network;
  #photograph = null;
  #whole = null; // the view of the whole photograph
  #features = []; // {view, features}: of the whole photograph, then of the latest box
  #target = null;
  #prediction = null;
  #maps = null; // {view, clicks, maps}: the click maps of the latest answer
  #unreportedMs = 0;

  /**
   * @param {Network} network
   * @param {import("./views.js").Config} config
   */
  constructor(network, config) {
    if (!(config.click_encoding in CLICK_ENCODINGS)) {
      throw new InputError(
        `"click_encoding" must be one of ${Object.keys(CLICK_ENCODINGS).join(", ")}. ` +
          `Export the preset again. Received ${config.click_encoding}.`,
      );
    }
    if (config.graph_cut) {
      throw new InputError(
        "There is no graph cut in the browser, and this preset asks for one. Export it with " +
          '"graph_cut": false in its configuration.',
      );
    }
    this.#network = network;
    this.config = { look_again: 0, look_closer: 0, keep_far: false, ...config };
  }

  // ---- What holds now ----------------------------------------------------------------------------

  /** @returns {{height: number, width: number}} of the photograph in pixels */
  get imageSize() {
    const { height, width } = this.#needPhotograph();
    return { height, width };
  }

  /** @returns {import("../images/decoding.js").Photograph} */
  get photograph() {
    return this.#needPhotograph();
  }

  /** @returns {import("../clicks/clicks.js").Click[]} oldest first */
  get clicks() {
    this.#needPhotograph();
    return this.#target.history.clicks;
  }

  get canRedo() {
    return this.#target !== null && this.#target.history.canRedo;
  }

  /** Whether the object started from a mask. */
  get hasStartMask() {
    return this.#target !== null && this.#target.mask !== null;
  }

  /** @returns {Prediction | null} of these clicks; null without clicks and start mask */
  get prediction() {
    return this.#prediction;
  }

  /** @returns {View | null} where the latest answer was sought */
  get view() {
    return this.#target?.state.layers.at(-1)?.view ?? this.#whole;
  }

  // ---- What the user does ------------------------------------------------------------------------

  /**
   * Start on a photograph: forget every object, and run the image part at once, so that the first
   * click is as quick as the others. If that fails, the previous photograph stays.
   *
   * @param {import("../images/decoding.js").Photograph} photograph it is kept, not copied
   */
  async setImage(photograph) {
    const whole = views.wholeView(photograph.height, photograph.width, this.config);
    const { features, ms } = await this.#encoded(photograph, whole);
    this.#releaseAll();
    this.#photograph = photograph;
    this.#whole = whole;
    this.#features = [{ view: whole, features }];
    this.#unreportedMs = ms;
    this.newTarget();
  }

  /** Start on another object of the photograph, and return it; see `target`. */
  newTarget() {
    this.#needPhotograph();
    this.target = new Target(null);
    return this.target;
  }

  /** The object that is being clicked. Another one can be put here: its undo and redo stay exact. */
  get target() {
    return this.#target;
  }

  set target(target) {
    this.#target = target;
    this.#maps = null;
    this.#prediction = this.#restored();
  }

  /**
   * Start from an existing mask; forgets the clicks. The first click may then be negative.
   *
   * @param {Uint8Array | null} mask [height, width] at the photograph's size, 0 off the object and
   *   anything else on it; null to start from nothing
   * @returns {Prediction | null}
   */
  setMask(mask) {
    const { height, width } = this.#needPhotograph();
    if (mask !== null) {
      if (this.config.click_encoding !== "disks_and_previous") {
        throw new InputError(
          "To start from a mask, the network must read a previous probability. Load a preset " +
            `that does. Received one with "${this.config.click_encoding}".`,
        );
      }
      if (!isBytes(mask)) {
        throw new InputError(
          "A start mask must be a Uint8Array or a file: 0 off the object, anything else on it. " +
            `Received ${typeof mask}.`,
        );
      }
      if (mask.length !== height * width) {
        throw new InputError(
          `A start mask must be as large as the photograph, ${height * width} pixels. ` +
            `Received ${mask.length}.`,
        );
      }
      mask = Uint8Array.from(mask, (value) => (value ? 1 : 0));
      if (!mask.includes(1)) {
        throw new InputError(
          "A start mask must hold at least one pixel of the object. Received an empty mask.",
        );
      }
    }
    return this.#startFrom(mask);
  }

  /**
   * The result after one more click; it ends the chance to redo.
   *
   * @param {number} x in pixels of the photograph, to the right
   * @param {number} y down
   * @param {number} label 1 (on the object) or 0 (not on it)
   * @param {(glance: Glance) => void} [onGlance] called before the network looks again or closer
   * @returns {Promise<Prediction>}
   */
  async addClick(x, y, label, onGlance) {
    const { height, width } = this.#needPhotograph();
    const click = clickFromPoint(x, y, label, height, width);
    if (this.#target.history.length === 0) this.#checkFirst(click);
    return this.#add(click, onGlance);
  }

  /**
   * What a first look would give if the object's first click were here; nothing changes. It costs one
   * click part, and the network neither looks again nor zooms in.
   *
   * @param {number} x in pixels of the photograph, to the right
   * @param {number} y down
   * @returns {Promise<Uint8Array>} [height, width] of 0 and 1
   */
  async preview(x, y) {
    const { height, width } = this.#needPhotograph();
    const clicks = [clickFromPoint(x, y, 1, height, width)];
    const { answer } = await this.#answer(this.#whole, clicks, [], null);
    const rendering = new Rendering(this.#photograph, { start: null, layers: [answer], clicks });
    return rendering.mask(this.config.threshold);
  }

  /**
   * The result of these clicks, made one after the other in this order. Costs only the clicks after
   * the first one that differs from the present clicks.
   *
   * @param {{x: number, y: number, label: number}[]} points none to remove all clicks
   * @returns {Promise<Prediction | null>}
   */
  async setClicks(points) {
    const { height, width } = this.#needPhotograph();
    if (!Array.isArray(points)) {
      throw new InputError(`Clicks must be a list of {x, y, label}. Received ${typeof points}.`);
    }
    const clicks = points.map((point) =>
      clickFromPoint(point?.x, point?.y, point?.label, height, width),
    );
    if (clicks.length > 0) this.#checkFirst(clicks[0]);
    const { history } = this.#target;
    const present = history.clicks;
    let kept = 0;
    while (
      kept < Math.min(clicks.length, present.length) &&
      sameClick(clicks[kept], present[kept])
    ) {
      kept++;
    }
    if (kept < present.length) {
      while (history.length > kept) history.undo();
      this.#prediction = this.#restored();
    }
    for (const click of clicks.slice(kept)) await this.#add(click);
    return this.#prediction;
  }

  /**
   * The result with another of the present prediction's `candidates`, which changes places with what was
   * shown; further clicks go on from there. It ends the chance to redo.
   *
   * @param {number} number its place among them, from 0
   * @returns {Prediction}
   */
  choose(number) {
    this.#needPhotograph();
    const target = this.#target;
    const { state, history } = target;
    const chosen = state.meanings[number];
    if (chosen === undefined) {
      throw new InputError(
        "A candidate must be one of the present mask's. There are some after the first click, with " +
          `networks that have them. Received ${number} of ${state.meanings.length}.`,
      );
    }
    const { layers, predictedIou } = state;
    const meanings = state.meanings.with(number, { layers, predictedIou });
    target.states.length = history.length;
    target.states.push({ ...state, ...chosen, meanings });
    history.forgetUndone();
    this.#prediction = this.#restored();
    return this.#prediction;
  }

  /** The result without the latest click, exactly as it was; null if nothing is left. */
  undo() {
    this.#needPhotograph();
    this.#target.history.undo();
    this.#prediction = this.#restored();
    return this.#prediction;
  }

  /** The result with the latest undone click again, exactly as it was. */
  redo() {
    this.#needPhotograph();
    this.#target.history.redo();
    this.#prediction = this.#restored();
    return this.#prediction;
  }

  /** Forget all clicks, undone ones too: back to the start mask, or to nothing (null). */
  reset() {
    this.#needPhotograph();
    return this.#startFrom(this.#target.mask);
  }

  /** The mask of another threshold; it holds from now on. */
  setThreshold(threshold) {
    if (!(threshold >= 0 && threshold <= 0.999)) {
      throw new InputError(`A threshold must lie in [0, 0.999]. Received ${threshold}.`);
    }
    this.config.threshold = threshold;
    if (this.#prediction !== null) {
      const { rendering, encodeMs, clickMs, candidates } = this.#prediction;
      this.#prediction = this.#predicted(rendering, { encodeMs, clickMs, candidates });
    }
    return this.#prediction;
  }

  /** Free what the network holds for the photograph. */
  dispose() {
    this.#releaseAll();
    this.#photograph = this.#target = this.#prediction = this.#maps = null;
  }

  // ---- How it is done ----------------------------------------------------------------------------

  #startFrom(mask) {
    // The same object, so that whoever keeps it sees the new start.
    Object.assign(this.#target, new Target(mask));
    this.target = this.#target;
    return this.#prediction;
  }

  /** The prediction of the clicks that hold now, rebuilt from what they left behind. */
  #restored() {
    const { state, mask, history } = this.#target;
    if (state.layers.length === 0 && mask === null) return null;
    return this.#predicted(this.#rendered(state.layers, history.clicks), shownOf(state));
  }

  /** One more click; state changes only when all went well. */
  async #add(click, onGlance) {
    const started = performance.now();
    const target = this.#target;
    const clicks = [...target.history.clicks, click];
    const seen = await this.#seenWith(click, clicks, started, onGlance);
    const state = { ...seen, encodeMs: seen.encodeMs + this.#unreportedMs, clickMs: 0 };
    const prediction = this.#predicted(this.#rendered(state.layers, clicks), shownOf(state));
    state.clickMs = prediction.clickMs = performance.now() - started - seen.encodeMs;
    this.#unreportedMs = 0;
    target.history.add(click);
    target.states.length = clicks.length;
    target.states.push(state);
    this.#prediction = prediction;
    return prediction;
  }

  /**
   * What the network knows with one more click.
   *
   * @returns {Promise<Omit<State, "clickMs">>}
   */
  async #seenWith(click, clicks, started, onGlance) {
    const counting = latestOfPixels(clicks);
    const before = this.#before(clicks, counting);
    if (before !== null) return { ...before, encodeMs: 0 };
    let { layers } = this.#target.state;
    let known = this.#prediction?.rendering ?? null;
    let encodeMs = 0;
    /** @type {Meaning[]} */
    let meanings = [];
    const keepsFar = known !== null && this.config.keep_far;
    const looks = known === null ? 1 + this.config.look_again : 1;
    const glance = (rendering, view) => {
      const clickMs = performance.now() - started - encodeMs;
      const prediction = this.#predicted(rendering, { encodeMs, clickMs, candidates: [] });
      onGlance({ clicks, view, prediction });
    };
    for (let look = 1; look <= looks; look++) {
      if (known === null && this.#network.numCandidates) {
        const first = await this.#firstLook(click, (layer) => {
          if (onGlance) glance(this.#rendered([layer], clicks), layer.view);
        });
        meanings = first.meanings;
        [{ layers }] = meanings;
        encodeMs += first.encodeMs;
      } else {
        const seen = await this.#lookedAt(counting, layers, known, keepsFar);
        ({ layers } = seen);
        encodeMs += seen.encodeMs;
      }
      if (look === looks) break;
      known = this.#rendered(layers, clicks);
      if (onGlance) glance(known, layers.at(-1).view);
    }
    const predictedIou = meanings[0]?.predictedIou ?? 0;
    return { layers, predictedIou, meanings: meanings.slice(1), encodeMs };
  }

  /** What the clicks that count led to before, if the latest takes back one on its pixel; or null. */
  #before(clicks, counting) {
    const latest = clicks.at(-1);
    const onIt = clicks.slice(0, -1).findLast((click) => onOnePixel(click, latest));
    if (onIt === undefined || onIt.isPositive === latest.isPositive) return null;
    for (let count = 1; count < clicks.length; count++) {
      const then = latestOfPixels(clicks.slice(0, count));
      const isThere = (click) => then.some((one) => sameClick(one, click));
      if (then.length === counting.length && counting.every(isThere)) {
        return this.#target.states[count];
      }
    }
    return null;
  }

  /**
   * What a first click may mean, and the time that encoding the crops around it took; `onWhole` is
   * told the answer in the whole photograph where crops follow.
   */
  async #firstLook(click, onWhole) {
    const { height, width } = this.#photograph;
    let encodeMs = 0;
    const lookAt = async (view) => {
      const { features, ms } = await this.#featuresOf(view);
      encodeMs += ms;
      const maps = this.#clickMaps(view, [click], [], null);
      const found = await this.#network.answers(features, maps, view.height, view.width);
      return { view, logits: found.logits, ious: probabilityOf(found.iouLogits) };
    };
    const whole = await lookAt(this.#whole);
    const closer = [];
    const crops = mayBeSmall(whole) ? views.closerViews(click, height, width, this.config) : [];
    if (crops.length > 0) {
      onWhole({ view: whole.view, probability: probabilityOf(whole.logits[0]) });
    }
    for (const view of crops) closer.push(await lookAt(view));
    return { meanings: meaningsOf(bestOf(whole, closer), probabilityOf), encodeMs };
  }

  /**
   * The layers with the network's next answer on top, and the time that encoding took; `known` is
   * the `Rendering` so far, of which `layers` are the answers, or null. `keepsFar`: the answer is merged
   * with it.
   */
  async #lookedAt(clicks, layers, known, keepsFar) {
    const { height, width } = this.#photograph;
    let view = this.#whole;
    if (known !== null) {
      const present = layers.at(-1)?.view ?? this.#whole;
      view = views.nextView(present, known, clicks, this.config);
    }
    let { answer, encodeMs } = await this.#answer(view, clicks, layers, known);
    if (views.isCutOff(view, answer.probability, height, width)) {
      // The features of the whole photograph are there, so this costs one more click part.
      ({ answer } = await this.#answer(this.#whole, clicks, layers, known));
    }
    if (keepsFar) {
      ({ view } = answer);
      const before = previousIn(view, layers, known);
      const click = views.clickIn(view, clicks.at(-1));
      const { height: rows, width: cols } = view;
      answer = { view, probability: merged(answer.probability, before, click, rows, cols) };
    }
    const isHidden = (layer) => views.contains(answer.view.box, layer.view.box);
    return { layers: [...layers.filter((layer) => !isHidden(layer)), answer], encodeMs };
  }

  /** The network's answer in a view, and the time that encoding the view took now. */
  async #answer(view, clicks, layers, known) {
    const { features, ms } = await this.#featuresOf(view);
    const maps = this.#clickMaps(view, clicks, layers, known);
    const { height, width } = view;
    const logits = await this.#network.click(features, maps, height, width);
    return { answer: { view, probability: probabilityOf(logits) }, encodeMs: ms };
  }

  /** The image features of a view, and the time that they took now. */
  async #featuresOf(view) {
    const held = this.#features.find((entry) => views.sameView(entry.view, view));
    if (held) return { features: held.features, ms: 0 };
    const { features, ms } = await this.#encoded(this.#photograph, view);
    // Two are kept: those of the whole photograph and of the latest box.
    for (const old of this.#features.splice(1)) this.#network.release(old.features);
    this.#features.push({ view, features });
    return { features, ms };
  }

  async #encoded(photograph, view) {
    const started = performance.now();
    const { height, width } = view;
    const features = await this.#network.encode(views.imageIn(view, photograph), height, width);
    return { features, ms: performance.now() - started };
  }

  /**
   * The maps of all clicks in a view, [height, width, C]: the last one added in place where the maps
   * of the ones before are there.
   */
  #clickMaps(view, clicks, layers, known) {
    const { height, width } = view;
    const encoding = this.config.click_encoding;
    const before = clicks.slice(0, -1);
    const held = this.#maps;
    const isHeld =
      held !== null &&
      views.sameView(held.view, view) &&
      held.clicks.length === before.length &&
      held.clicks.every((click, i) => sameClick(click, before[i]));
    const maps = isHeld ? held.maps : emptyMaps(height, width, encoding);
    for (const click of isHeld ? clicks.slice(-1) : clicks) {
      addClick(maps, height, width, encoding, views.clickIn(view, click));
    }
    this.#maps = { view, clicks, maps };
    if (encoding === "disks_and_previous" && known !== null) {
      const previous = previousIn(view, layers, known);
      for (let i = 0; i < previous.length; i++) maps[3 * i + 2] = previous[i];
    }
    return maps;
  }

  /** The probability at the photograph's size, clicked pixels on their side. */
  #rendered(layers, clicks) {
    return new Rendering(this.#photograph, { start: this.#target.mask, layers, clicks });
  }

  /**
   * @param {{encodeMs: number, clickMs: number, candidates: number[]}} rest
   * @returns {Prediction}
   */
  #predicted(rendering, rest) {
    return {
      rendering,
      get probability() {
        return rendering.all();
      },
      mask: rendering.mask(this.config.threshold),
      ...rest,
    };
  }

  #releaseAll() {
    for (const { features } of this.#features.splice(0)) this.#network.release(features);
  }

  #needPhotograph() {
    if (this.#photograph === null) {
      throw new InputError("There is no photograph yet. Open one first.");
    }
    return this.#photograph;
  }

  #checkFirst(click) {
    if (!click.isPositive && this.#target.mask === null) {
      throw new InputError(
        "The first click must be on the object. Click it with the left button, or switch to “Add”.",
      );
    }
  }
}

/** Of a state, what a prediction shows. @param {State} state */
function shownOf({ encodeMs, clickMs, meanings }) {
  return { encodeMs, clickMs, candidates: meanings.map(({ predictedIou }) => predictedIou) };
}

/** What the network reads as its previous answer in a view, [height, width]. */
function previousIn(view, layers, known) {
  const latest = layers.at(-1);
  if (latest && views.sameView(latest.view, view)) return latest.probability;
  return views.probabilityIn(view, known);
}

/** @param {any} mask */
function isBytes(mask) {
  return mask instanceof Uint8Array || mask instanceof Uint8ClampedArray;
}

/** Logits → probabilities. */
function probabilityOf(logits) {
  const probability = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i++) {
    if (Number.isNaN(logits[i])) {
      throw new InputError(
        "The network must return finite logits. Its weights are damaged, or the graphics driver " +
          "is: load it again or choose another backend. Received NaN.",
      );
    }
    // The sigmoid, written so that no logit overflows.
    probability[i] = 0.5 + 0.5 * Math.tanh(0.5 * logits[i]);
  }
  return probability;
}
